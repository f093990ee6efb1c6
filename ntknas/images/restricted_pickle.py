"""Reading a dict of arrays from a pickle without letting the pickle run anything.

A pickle is a program: it may import and call whatever it names. Image pickles need a few names, all
of them for NumPy arrays, NumPy scalars and byte strings. This module replaces them with small
functions and classes that accept the shape, the plain number type and the bytes of an array, and
refuses every other name. A pickle cannot even call NumPy's own constructors, which can be made to
place objects at chosen addresses.

The official CIFAR files were written by Python 2 (protocol 2, byte-string keys), ImageNet16's by
Python 3. Both are read, at protocols 0 to 5, whether NumPy 1 or NumPy 2 wrote the arrays. An array
of protocol 5 has to be in the pickle itself; buffers that travel beside it are not known here.
"""

import io
import pickle
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from ntknas.errors import InputError

__all__ = ["read_pickle"]


class _Dtype:
    """Replacement for `numpy.dtype` that accepts only plain numbers."""

    value: np.dtype

    def __init__(self, code: str | bytes, *_: object):
        text = code.decode("ascii") if isinstance(code, bytes) else code
        if not re.fullmatch("[biuf][1248]", text):
            raise ValueError(f"array of type {text!r}")
        self.value = np.dtype(text)

    # Defining __setstate__ also prevents the pickle from setting attributes of the class itself.
    def __setstate__(self, state: tuple) -> None:
        order = state[1].decode("ascii") if isinstance(state[1], bytes) else state[1]
        self.value = self.value.newbyteorder(order)  # type: ignore[arg-type]


def _numbers(raw: object, dtype: object) -> np.ndarray:
    """The plain numbers in some bytes, as a read-only array `[n]`."""
    if not isinstance(raw, (bytes, bytearray)) or not isinstance(dtype, _Dtype):
        raise ValueError("array without its bytes or without its type")
    numbers = np.frombuffer(raw, dtype.value)
    numbers.flags.writeable = False
    return numbers


class _Array:
    """Replacement for `numpy.ndarray` and for the function that rebuilds an array."""

    value: np.ndarray

    # In __new__, because a pickle can skip __init__ but not __new__.
    def __new__(cls, *_: object):
        array = super().__new__(cls)
        array.value = np.empty(0)
        return array

    def __setstate__(self, state: tuple) -> None:
        _, shape, dtype, is_fortran, raw = state
        order: Literal["F", "C"] = "F" if is_fortran else "C"
        self.value = _numbers(raw, dtype).reshape(shape, order=order)


def _from_buffer(
    raw: object, dtype: object, shape: Any, order: object, axes: Any = None, *_: object
) -> _Array:
    """Replacement for NumPy's `_frombuffer`, which rebuilds the arrays of protocol 5."""
    array = _Array()
    if order == "K" and axes is not None:
        array.value = _numbers(raw, dtype).reshape(shape).transpose(axes)
    elif order in ("C", "F"):
        array.value = _numbers(raw, dtype).reshape(shape, order=order)  # type: ignore[call-overload]
    else:
        raise ValueError(f"array in the order {order!r:.80}")
    return array


def _scalar(dtype: object, raw: object) -> bool | int | float:
    """Replacement for NumPy's `scalar`; a number of Python, which a pickle cannot change."""
    return _numbers(raw, dtype).item()


def _byte_string(raw: bytes | bytearray = b"") -> bytes:
    """Replacement for `bytes` and `bytearray`, which would also fill memory with zeros."""
    if not isinstance(raw, (bytes, bytearray)):
        raise ValueError(f"a byte string of {type(raw).__name__}")
    return bytes(raw)


class _Fixed:
    """A function whose attributes, such as its defaults, a pickle cannot set."""

    def __init__(self, function: Callable[..., Any]):
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        raise ValueError("it changes a function")


_STAND_INS: Mapping[tuple[str, str], Callable[..., Any]] = MappingProxyType(
    {
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
        # NumPy 1 and NumPy 2.
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy.core.multiarray", "scalar"): _Fixed(_scalar),
        ("numpy._core.multiarray", "scalar"): _Fixed(_scalar),
        ("numpy.core.numeric", "_frombuffer"): _Fixed(_from_buffer),
        ("numpy._core.numeric", "_frombuffer"): _Fixed(_from_buffer),
        # Protocols 0 to 2 write the byte strings of Python 3 with these functions.
        ("_codecs", "encode"): str.encode,
        ("__builtin__", "bytes"): _Fixed(_byte_string),
        # Protocols 0 to 4 write byte arrays with these, in the names of Python 2 and Python 3.
        ("__builtin__", "bytearray"): _Fixed(_byte_string),
        ("builtins", "bytearray"): _Fixed(_byte_string),
    }
)


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows only the names of `_STAND_INS`."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(
                f"it asks for {module!a}.{name!a}, which image pickles do not need"
            )
        return _STAND_INS[module, name]


def read_pickle(stored: bytes, source: str) -> dict[str, Any]:
    """The dict in a pickle, its string keys as text and its arrays as NumPy arrays.

    Args:
        stored: Bytes of the pickle.
        source: Name of the pickle in error messages.

    Returns:
        The pickled value of each key, which may be an array (read-only), list, number or byte
        string. NumPy scalars are numbers of Python.

    Raises:
        InputError: If the pickle is cut off or damaged, is not a dict, or asks for anything besides
            containers, numbers, strings, and NumPy arrays and scalars of plain numbers.

    Example:
        >>> stored = pickle.dumps({b"labels": [1, 2], b"data": np.arange(3)}, protocol=2)
        >>> read_pickle(stored, "batch")
        {'labels': [1, 2], 'data': array([0, 1, 2])}
        >>> try:
        ...     read_pickle(pickle.dumps(print), "batch")
        ... except InputError as error:
        ...     str(error)[:65]
        "batch: not a readable image pickle (it asks for 'builtins'.'print"
    """
    try:
        content = _Unpickler(io.BytesIO(stored), encoding="bytes").load()
    # A damaged pickle can raise almost anything, from IndexError to MemoryError.
    except Exception as error:
        detail = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{source}: not a readable image pickle ({detail})") from error
    if not isinstance(content, dict):
        raise InputError(
            f"{source}: expected a pickled dict of images and labels, "
            f"got a pickled {type(content).__name__}"
        )
    return {
        key.decode("latin1") if isinstance(key, bytes) else key: _plain(value)
        for key, value in content.items()
        if isinstance(key, (bytes, str))
    }


def _plain(value: Any) -> Any:
    """The value with the arrays for which stand-ins were made, also those in a list."""
    if isinstance(value, (list, tuple)):
        return type(value)(item.value if isinstance(item, _Array) else item for item in value)
    return value.value if isinstance(value, _Array) else value
