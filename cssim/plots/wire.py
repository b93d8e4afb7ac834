"""A map of references on its way to the browser: small, and quick to pack and unpack.

The panels of small multiples share places, sizes and evidence of their dots; these are sent once.
"""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {"f4": np.float32, "f8": np.float64, "i4": np.int32}


def wire(parts: dict[str, Any], raw: NDArray[np.float64] | None = None) -> str:
    """The JSON from which the element of the regions page paints.

    `data` and `layout` as plotly has them, numbers as base64, with these differences: dots have no
    `customdata`; instead `image` and `triples` stand beside them, once, and `values` for each
    panel; of one panel alone `raw`, too. Dots of later panels lack what equals that of the first.

    Args:
        parts: of `cssim.plots.regions.region_parts`.
        raw: (k,) numbers of the dots as they were counted, of which selections have a mean.
    """
    dots = [trace for trace in parts["data"] if trace["meta"] == "dots"]
    first = dots[0]
    known = first["customdata"]
    data = [
        _own(trace, None if trace is first else first) if trace["meta"] == "dots" else trace
        for trace in parts["data"]
    ]
    whole = {
        "data": data,
        "layout": parts["layout"],
        # Numbers of images can outgrow 32 bits; JavaScript counts exactly up to 2 ** 53.
        "image": known[:, 0].astype(np.float64),
        "triples": known[:, 1].astype(np.int32),
        "values": [trace["customdata"][:, 2].astype(np.float32) for trace in dots],
        "raw": None if raw is None else raw.astype(np.float32),
    }
    return json.dumps(_packed(whole), separators=(",", ":"), allow_nan=False)


def _own(trace: dict[str, Any], first: dict[str, Any] | None) -> dict[str, Any]:
    """The dots of a panel without what they share with the first ones."""
    own = {name: value for name, value in trace.items() if name != "customdata"}
    if first is None:
        return own
    own["marker"] = _other(trace["marker"], first["marker"])
    return _other(own, first) | {"meta": trace["meta"]}


def _other(one: dict[str, Any], first: dict[str, Any]) -> dict[str, Any]:
    """Entries that the first one does not have in the same way."""
    return {
        name: value
        for name, value in one.items()
        if name not in first or not _same(value, first[name])
    }


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other) and type(one) is type(other)


def _packed(value: Any) -> Any:
    """The same for JSON: arrays as base64 with their type, little-endian, as plotly has them."""
    if isinstance(value, np.ndarray):
        kind = next((name for name, known in _TYPES.items() if value.dtype == known), "f8")
        data = np.ascontiguousarray(value, dtype=np.dtype(f"<{kind}"))
        shape = {"shape": ", ".join(map(str, value.shape))} if value.ndim > 1 else {}
        return {"dtype": kind, "bdata": b64encode(data.tobytes()).decode("ascii")} | shape
    if isinstance(value, dict):
        return {name: _packed(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_packed(one) for one in value]
    return value
