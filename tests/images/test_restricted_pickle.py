"""The restricted unpickler: what it reads, and that a pickle cannot run anything through it."""

import contextlib
import os
import pickle
import pickletools

import numpy as np
import pytest
from hypothesis import assume, given, settings, strategies as st

from ntknas.errors import InputError
from ntknas.images import restricted_pickle
from ntknas.images.restricted_pickle import read_pickle

IMAGES = np.arange(24, dtype=np.uint8).reshape(2, 12)
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def read(stored: bytes) -> dict:
    return read_pickle(stored, "batch")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_python3_protocols(protocol):
    content = read(pickle.dumps({b"labels": [3, 1], "data": IMAGES}, protocol=protocol))
    assert content["labels"] == [3, 1]
    np.testing.assert_array_equal(content["data"], IMAGES)
    assert content["data"].dtype == np.uint8
    assert not content["data"].flags.writeable


SCALARS = [np.int64(3), np.uint8(200), np.int32(-1), np.float32(0.5), np.bool_(True)]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numpy_scalars_become_numbers_of_python(protocol):
    entry = {b"data": IMAGES, b"labels": SCALARS, b"count": np.uint64(2**63)}
    content = read(pickle.dumps(entry, protocol=protocol))
    assert content["labels"] == [3, 200, -1, 0.5, True]
    assert [type(value) for value in content["labels"]] == [int, int, int, float, bool]
    assert content["count"] == 2**63


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_byte_strings(protocol):
    entry = {b"batch_label": b"", b"filenames": [b"a.png", b""], b"raw": bytearray(b"ab")}
    assert read(pickle.dumps(entry, protocol=protocol)) == {
        "batch_label": b"",
        "filenames": [b"a.png", b""],
        "raw": b"ab",
    }


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_in_a_list(protocol):
    entry = {"labels": [np.array(3), np.array([1])], "pair": (IMAGES, 2)}
    content = read(pickle.dumps(entry, protocol=protocol))
    assert [label.tolist() for label in content["labels"]] == [3, [1]]
    np.testing.assert_array_equal(content["pair"][0], IMAGES)


def test_python2_file_as_numpy_itself_reads_it(python2_pickle):
    stored = python2_pickle(IMAGES, b"labels", [3, 1])
    oracle = pickle.loads(stored, encoding="bytes")
    content = read(stored)
    assert content["labels"] == oracle[b"labels"] == [3, 1]
    np.testing.assert_array_equal(content["data"], oracle[b"data"])


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_module_names_of_both_numpys(protocol):
    old = pickle.dumps({"data": IMAGES, "labels": SCALARS}, protocol=protocol)
    for module in (b"multiarray", b"numeric"):
        # The short strings of protocol 4 begin with their length.
        new = b"numpy._core." + module
        old = old.replace(b"\x8c" + bytes([len(new)]) + new, b"\x8c" + bytes([len(new) - 1]) + new)
        old = old.replace(new, b"numpy.core." + module)
    if protocol >= 4:
        start = 2 + 1 + 8
        old = old[:3] + (len(old) - start).to_bytes(8, "little") + old[start:]
    assert b"_core" not in old
    np.testing.assert_array_equal(read(old)["data"], IMAGES)
    assert read(old)["labels"] == [3, 200, -1, 0.5, True]


FIXED = IMAGES.copy()
FIXED.flags.writeable = False  # protocol 5 stores its bytes as a byte string


@pytest.mark.parametrize(
    "array",
    [
        np.asfortranarray(IMAGES),
        IMAGES.astype(">i8"),
        np.linspace(0, 1, 6, dtype="<f4").reshape(1, 2, 3),
        np.array([True, False]),
        np.zeros((0, 12), np.uint8),
        IMAGES[:, ::2],
        np.array(7),
        np.arange(24, dtype=np.uint8).reshape(2, 3, 4).transpose(1, 0, 2),
        FIXED,
    ],
    ids=[
        "fortran",
        "big-endian",
        "float",
        "bool",
        "empty",
        "strided",
        "single",
        "transposed",
        "fixed",
    ],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_plain_arrays(array, protocol):
    read_back = read(pickle.dumps({"data": array}, protocol=protocol))["data"]
    assert read_back.dtype == array.dtype
    np.testing.assert_array_equal(read_back, array)


def test_arrays_beside_the_pickle_are_refused():
    beside: list = []
    stored = pickle.dumps({"data": IMAGES}, protocol=5, buffer_callback=beside.append)
    assert beside
    with pytest.raises(InputError, match="not a readable image pickle"):
        read(stored)


class Runs:
    """Pickles as a call."""

    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", PROTOCOLS)
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


# Reached as pickle reaches them: their module has one name in NumPy 1 and another in NumPy 2.
SCALAR = np.int64(3).__reduce__()[0]
FROM_BUFFER = IMAGES.__reduce_ex__(5)[0]
RAW, BYTES, OBJECT = bytes(8), np.dtype("u1"), np.dtype("O")


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "call",
    [
        (SCALAR, OBJECT, RAW),
        (SCALAR, OBJECT, 3),
        (SCALAR, BYTES, RAW),
        (SCALAR, BYTES, b""),
        (SCALAR, BYTES),
        (SCALAR, np.dtype("S8"), RAW),
        (SCALAR, np.dtype("i8,O"), RAW * 2),
        (FROM_BUFFER, RAW, OBJECT, (1,), "C"),
        (FROM_BUFFER, RAW, BYTES, (9,), "C"),
        (FROM_BUFFER, RAW, BYTES, (8,), "X"),
        (FROM_BUFFER, RAW, BYTES, (8,), None),
        (FROM_BUFFER, RAW, BYTES, "eight", "C"),
        (FROM_BUFFER, RAW, BYTES, (2, 4), "K", (0, 5)),
        (FROM_BUFFER, "text", BYTES, (4,), "C"),
        (FROM_BUFFER, 8, BYTES, (8,), "C"),
        (FROM_BUFFER, [1, 2], BYTES, (2,), "C"),
        (FROM_BUFFER, RAW, "O", (1,), "C"),
        (FROM_BUFFER, RAW, None, (8,), "C"),
        (bytearray, 10**15),
        (bytearray, "text", "utf-8"),
        (bytes, 10**15),
    ],
)
def test_calls_that_no_numpy_writes_are_refused(call, protocol):
    with pytest.raises(InputError, match="not a readable image pickle") as caught:
        read(pickle.dumps({"data": Runs(*call)}, protocol=protocol))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("state", [b"}X\x0c\x00\x00\x00", b"(N}X\x0c\x00\x00\x00"])
@pytest.mark.parametrize("attribute", [b"__setstate__", b"__defaults__", b"_function\x20\x20\x20"])
@pytest.mark.parametrize("target", sorted(restricted_pickle._STAND_INS))
def test_a_pickle_cannot_change_what_the_names_stand_for(target, attribute, state):
    before = {name: contents(held) for name, held in restricted_pickle._STAND_INS.items()}
    # BUILD with {"__setstate__": ()}, or (None, {...}), would set an attribute of what is named.
    end = b")stb." if state.startswith(b"(") else b")sb."
    named = b"c" + "\n".join(target).encode() + b"\n"
    stored = b"\x80\x02" + named + state + attribute + end
    assert list(pickletools.genops(stored))[-1][0].name == "STOP"
    with pytest.raises(InputError, match="not a readable image pickle"):
        read(stored)
    after = {name: contents(held) for name, held in restricted_pickle._STAND_INS.items()}
    assert before == after


def contents(held):
    """The attributes of a stand-in and of the function that it holds."""
    inner = getattr(held, "_function", None)
    defaults = getattr(inner, "__defaults__", None)
    return dict(getattr(held, "__dict__", {})), dict(getattr(inner, "__dict__", {})), defaults


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


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_every_cut_of_a_pickle_of_scalars_is_an_input_error(protocol):
    stored = pickle.dumps({b"labels": SCALARS, b"data": IMAGES}, protocol=protocol)
    for length in range(len(stored)):
        with pytest.raises(InputError):
            read(stored[:length])


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_bytes_give_a_dict_or_an_input_error(data):
    entry = {b"labels": [3, np.int64(1)], b"data": IMAGES}
    stored = bytearray(pickle.dumps(entry, protocol=data.draw(st.sampled_from(PROTOCOLS))))
    for _ in range(data.draw(st.integers(1, 4))):
        stored[data.draw(st.integers(0, len(stored) - 1))] = data.draw(st.integers(0, 255))
    assume(not asks_for_much_memory(bytes(stored)))
    with contextlib.suppress(InputError):
        assert isinstance(read(bytes(stored)), dict)


def asks_for_much_memory(stored):
    """Whether a damaged number makes the unpickler itself take gigabytes, as it may."""
    with contextlib.suppress(Exception):
        for opcode, argument, _ in pickletools.genops(stored):
            if "PUT" in opcode.name and (argument or 0) > 10**6:
                return True
    return False
