"""The folder of an inspection: `facts.json` and one `.npy` file for each array.

Written whole or not at all: into a folder of another name, which is then renamed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cssim.errors import NotFound
from cssim.services.plain import plain

FORMAT = 1
"""Raised whenever the meaning of a file changes; other formats are not read."""
MAPPED_BYTES = 1 << 20
"""Arrays from this size on are mapped into memory instead of read."""


def write(
    folder: Path, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[np.generic]]
) -> None:
    """Write an inspection; one that is there already is replaced.

    Args:
        folder: its place.
        facts: plain values; `format` is added.
        arrays: of numbers, by name.
    """
    fresh = folder.with_name(folder.name + ".part")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(fresh / f"{name}.npy", array, allow_pickle=False)
    text = json.dumps(plain(dict(facts) | {"format": FORMAT}), indent=1)
    (fresh / "facts.json").write_text(text, "utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    fresh.rename(folder)


def read_facts(folder: Path) -> dict[str, Any] | None:
    """What `write` got as facts; None where there is none, a damaged or an older one."""
    try:
        facts = json.loads((folder / "facts.json").read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) and facts.get("format") == FORMAT else None


def read_arrays(folder: Path) -> dict[str, NDArray[Any]]:
    """All arrays by name, read-only; large ones are mapped into memory.

    Raises:
        NotFound: a file is damaged.
    """
    found = {}
    for path in sorted(folder.glob("*.npy")):
        large = path.stat().st_size >= MAPPED_BYTES
        try:
            array = np.load(path, mmap_mode="r" if large else None, allow_pickle=False)
        except (OSError, ValueError) as error:
            raise NotFound(f"{path} is damaged: make the inspection again ({error})") from None
        array.setflags(write=False)
        found[path.stem] = array
    return found
