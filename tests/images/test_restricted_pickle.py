"""The restricted unpickler: what it reads, and that a pickle cannot run anything through it."""

import contextlib
import os
import pickle
import pickletools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ntknas.errors import InputError
from ntknas.images import restricted_pickle
from ntknas.images.restricted_pickle import read_pickle

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 12)


def read(stored: bytes) -> dict:
    return read_pickle(stored, "batch")


@pytest.mark.parametrize("protocol", range(5))
def test_python3_protocols(protocol):
    content = read(pickle.dumps({b"labels": [3, 1], "data": IMAGES}, protocol=protocol))
    assert content["labels"] == [3, 1]
    np.testing.assert_array_equal(content["data"], IMAGES)
    assert content["data"].dtype == np.uint8


def test_python2_file_as_numpy_itself_reads_it(python2_pickle):
    stored = python2_pickle(IMAGES, b"labels", [3, 1])
    oracle = pickle.loads(stored, encoding="bytes")
    content = read(stored)
    assert content["labels"] == oracle[b"labels"] == [3, 1]
    np.testing.assert_array_equal(content["data"], oracle[b"data"])


def test_module_names_of_both_numpys():
    stored = pickle.dumps({"data": IMAGES}, protocol=2)
    assert b"numpy._core.multiarray" in stored
    old = stored.replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    np.testing.assert_array_equal(read(old)["data"], IMAGES)


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(IMAGES),
        IMAGES.astype(">i8"),
        np.linspace(0, 1, 6, dtype="<f4").reshape(1, 2, 3),
        np.array([True, False]),
        np.zeros((0, 12), np.uint8),
        IMAGES[:, ::2],
    ],
    ids=["fortran", "big-endian", "float", "bool", "empty", "strided"],
)
def test_plain_arrays(array):
    read_back = read(pickle.dumps({"data": array}, protocol=4))["data"]
    assert read_back.dtype == array.dtype
    np.testing.assert_array_equal(read_back, array)


class Runs:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("function", [os.system, exec, eval, os.mkdir, __import__, getattr, open])
def test_malicious_pickle_does_nothing(protocol, function, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = {
        os.system: ("touch hit",),
        exec: ("open('hit', 'w')",),
        eval: ("open('hit', 'w')",),
        os.mkdir: ("hit",),
        open: ("hit", "w"),
        getattr: (b"", "join"),
        __import__: ("os",),
    }[function]
    stored = pickle.dumps({"data": Runs(function, *arguments)}, protocol=protocol)
    with pytest.raises(InputError, match=f"asks for .*'{function.__name__}'"):
        read(stored)
    assert not list(tmp_path.iterdir())


def test_the_attack_used_here_is_real(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pickle.loads(pickle.dumps({"data": Runs(exec, "open('hit', 'w').close()")}))
    assert (tmp_path / "hit").exists()


def test_dotted_names_are_refused():
    # Protocol 4 looks a dotted name up attribute by attribute.
    stored = b"\x80\x04\x8c\x05numpy\x8c\x0edtype.__init__\x93."
    assert "STACK_GLOBAL" in {opcode.name for opcode, _, _ in pickletools.genops(stored)}
    with pytest.raises(InputError, match="asks for 'numpy'.'dtype.__init__'"):
        read(stored)


def test_arrays_of_objects_are_refused():
    objects = np.array([1, "x"], dtype=object)
    with pytest.raises(InputError, match="'O8'"):
        read(pickle.dumps({"data": objects}))
    # NumPy's own constructor would lay objects over these bytes: pointers chosen by the pickle.
    forged = Runs(np.ndarray, (1,), np.dtype("O"), b"\x41" * 8)
    with pytest.raises(InputError, match="'O8'"):
        read(pickle.dumps({"data": forged}))


@pytest.mark.parametrize(
    "target", [b"cnumpy\ndtype\n", b"cnumpy\nndarray\n", b"c_codecs\nencode\n"]
)
def test_a_pickle_cannot_change_what_the_names_stand_for(target):
    stand_ins = (restricted_pickle._Dtype, restricted_pickle._Array)
    before = [dict(vars(cls)) for cls in stand_ins]
    # BUILD with (None, {"__setstate__": 1}) would set an attribute of the object named by `target`.
    stored = b"\x80\x02" + target + b"(N}X\x0c\x00\x00\x00__setstate__K\x01stb."
    with pytest.raises(InputError, match="not a readable image pickle"):
        read(stored)
    assert [dict(vars(cls)) for cls in stand_ins] == before


def test_an_array_never_built_is_empty():
    # NEWOBJ makes an object without calling its __init__.
    stored = b"\x80\x02}X\x04\x00\x00\x00datacnumpy\nndarray\n)\x81s."
    assert read(stored)["data"].shape == (0,)


def test_keys_that_are_no_strings_are_left_out():
    assert read(pickle.dumps({1: 2, (3,): 4, "labels": [5]})) == {"labels": [5]}


@pytest.mark.parametrize("value", [[1, 2], None, 3, "text", IMAGES])
def test_not_a_dict(value):
    with pytest.raises(InputError, match="expected a pickled dict"):
        read(pickle.dumps(value))


def test_html_page():
    with pytest.raises(InputError, match="not a readable image pickle"):
        read(b"<!DOCTYPE html>\n<html><body>Quota exceeded</body></html>\n")


def test_every_cut_is_an_input_error(python2_pickle):
    stored = python2_pickle(IMAGES, b"labels", [3, 1])
    for length in range(len(stored)):
        with pytest.raises(InputError) as caught:
            read(stored[:length])
        assert "\n" not in str(caught.value)


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_bytes_give_a_dict_or_an_input_error(data, python2_pickle_bytes):
    stored = bytearray(python2_pickle_bytes)
    for _ in range(data.draw(st.integers(1, 4))):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        assert isinstance(read(bytes(stored)), dict)


@pytest.fixture(scope="module")
def python2_pickle_bytes():
    return pickle.dumps({b"labels": [3, 1], b"data": IMAGES}, protocol=2)
