"""Freed memory is reused within the context, and given back after it."""

import subprocess
import sys

import pytest

# In a process of its own: the heap of a test worker is already in use.
PROGRAM = """
import ctypes, resource
from ntknas.engine import reused_memory

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
SIZE = 100 * 1024**2

def touch():
    pointer = libc.malloc(SIZE)
    ctypes.memset(pointer, 1, SIZE)
    libc.free(pointer)

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    touch()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

before = faults()
with reused_memory() as arranged:
    with reused_memory():
        touch()
    within, held = faults(), resident()
print(arranged, before, within, held - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is glibc's")
def test_large_blocks_are_reused_within_and_given_back_after():
    out = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    arranged, before, within, given_back = out.stdout.split()
    if arranged == "False":
        pytest.skip("the C library is not glibc")
    assert 10 * int(within) < int(before)
    assert int(given_back) > 50 * 1024**2
