"""Frozen dataclasses of numbers and arrays as plain JSON values and back, bit for bit, no pickle.

An array becomes its dtype, its shape and its little-endian bytes in base64: exact, and a quarter of
the size of decimal digits.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import BadInput

_DTYPES = ("float32", "float64", "int64", "bool")


def pack(value: Any) -> Any:
    """Plain values for JSON of numbers, strings, arrays, and dataclasses and mappings of them."""
    if isinstance(value, np.ndarray):
        return _pack_array(value)
    if is_dataclass(value):
        named = {f.name: pack(getattr(value, f.name)) for f in fields(value)}
        return {"type": type(value).__name__, **named}
    return value


def unpack(value: Any, types: Mapping[str, type]) -> Any:
    """What `pack` was given.

    Args:
        value: from `pack`, through JSON or not.
        types: the dataclasses that may occur, by name; nothing else is ever made.

    Raises:
        BadInput: an unknown type, missing or additional fields, or a damaged array.
    """
    if not isinstance(value, Mapping):
        return value
    if "base64" in value:
        return _unpack_array(value)
    name = str(value.get("type"))
    if name not in types:
        raise BadInput(f"expected one of {', '.join(sorted(types))}, got {name!r}")
    given = {key: unpack(item, types) for key, item in value.items() if key != "type"}
    try:
        return types[name](**given)
    except TypeError as error:
        raise BadInput(f"not a whole {name}: {error}; copy its folder again") from error


def digest(value: Any) -> str:
    """16 hexadecimal digits of packed values, in which arrays are the bulk."""
    found = hashlib.sha256()
    _feed(value, found)
    return found.hexdigest()[:16]


def _feed(value: Any, found: Any) -> None:
    if isinstance(value, Mapping):
        for key in sorted(value):
            found.update(f"{key}:".encode())
            _feed(value[key], found)
    elif isinstance(value, list | tuple):
        for item in value:
            _feed(item, found)
    else:
        found.update(f"{value!r};".encode())


def _pack_array(array: NDArray[Any]) -> dict[str, Any]:
    if array.dtype.name not in _DTYPES:
        raise BadInput(f"arrays of {', '.join(_DTYPES)} can be stored, got {array.dtype}")
    data = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False).tobytes()
    return {
        "dtype": array.dtype.name,
        "shape": list(array.shape),
        "base64": base64.b64encode(data).decode("ascii"),
    }


def _unpack_array(value: Mapping[str, Any]) -> NDArray[Any]:
    try:
        if value["dtype"] not in _DTYPES:
            raise ValueError(f"dtype {value['dtype']!r}")
        dtype = np.dtype(value["dtype"])
        data = base64.b64decode(value["base64"], validate=True)
        array = np.frombuffer(data, dtype.newbyteorder("<")).reshape(value["shape"])
        return array.astype(dtype)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"a stored array is damaged: {error}; copy its folder again") from error
