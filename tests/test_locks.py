"""Locks between processes, and no module that only some systems have."""

import subprocess
import sys
import threading

import pytest

from ntknas.locks import try_lock

HOLD = """
import sys
from ntknas.locks import try_lock
with try_lock(sys.argv[1]) as free:
    print(free, flush=True)
    sys.stdin.read()
"""


def test_one_process_at_a_time(tmp_path):
    path = tmp_path / "lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "True\n"
    with try_lock(path) as free:
        assert not free
    holder.kill()
    holder.communicate()
    with try_lock(path) as free:
        assert free


def test_one_holder_at_a_time_in_a_process(tmp_path):
    with try_lock(tmp_path / "lock") as first, try_lock(tmp_path / "lock") as second:
        assert (first, second) == (True, False)
    found = []

    def take():
        with try_lock(tmp_path / "lock") as free:
            found.append(free)

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert found == [True]


def test_a_failure_inside_gives_the_lock_up(tmp_path):
    with pytest.raises(KeyError), try_lock(tmp_path / "lock"):
        raise KeyError
    with try_lock(tmp_path / "lock") as free:
        assert free


def test_a_path_that_cannot_be_a_lock(tmp_path):
    with pytest.raises(OSError, match="Is a directory"), try_lock(tmp_path):
        pass


def test_modules_of_one_system_are_not_needed():
    """Windows has no fcntl, resource, pwd and grp; the package is imported without them."""
    code = """
import importlib, pkgutil, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
import ntknas.cli.main, ntknas.runs.store, ntknas.training.folder, ntknas.data.fetch
from ntknas.cli.main import main
assert main(["rank", "--precomputed", "--top", "1"]) == 0
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "9930" in done.stdout
