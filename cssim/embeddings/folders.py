"""What a folder of weights says of itself before it is loaded; nothing here loads torch."""

from __future__ import annotations

import json
import math
from functools import lru_cache
from pathlib import Path
from typing import Any

from cssim.embeddings.weights import weight_files

_TOWERS = ("vision_model.", "visual_projection.")
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked", "position_ids")


def input_size(folder: Path) -> int:
    """Side in pixels of the square that its network sees; 0 where the folder does not say so."""
    for file in ("preprocessor_config.json", "processor_config.json"):
        words = _json(folder / file)
        words = words.get("image_processor", words)
        crops = words.get("do_center_crop") and words.get("crop_size")
        size = crops or words.get("size")
        sides = size.values() if isinstance(size, dict) else [size]
        found = [side for side in sides if isinstance(side, int)]
        if found:
            return found[0]
    return 0


def millions(folder: Path) -> float:
    """Millions of parameters of the image tower, to 0.001; 0 where only loading would tell."""
    files = [path for path in weight_files(folder) if path.suffix == ".safetensors"]
    shapes: dict[str, tuple[int, ...]] = {}
    for path in files:
        stat = path.stat()
        shapes |= _shapes(str(path), stat.st_size, stat.st_mtime_ns)
    kept = {name for name in shapes if not name.endswith(_BUFFERS)}
    tower = {name for name in kept if name.startswith(_TOWERS)}
    return round(sum(math.prod(shapes[name]) for name in tower or kept) / 1e6, 3)


@lru_cache(maxsize=64)
def _shapes(path: str, size: int, mtime_ns: int) -> dict[str, tuple[int, ...]]:
    """The shapes of a safetensors file; size and time of change are only there to key the cache.

    Its first eight bytes are the length of a JSON header that names every tensor.
    """
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= size - 8:  # damaged: whoever loads it says so
            return {}
        try:
            header = json.loads(file.read(length))
        except ValueError:
            return {}
    return {name: tuple(row["shape"]) for name, row in header.items() if name != "__metadata__"}


def _json(path: Path) -> dict[str, Any]:
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # absent, or damaged: whoever loads it says so
        return {}
    return words if isinstance(words, dict) else {}
