"""What is made once for a whole test session, however many processes run it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

READY = ".ready"
"""A file of this name says that a folder was made to its end."""


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """A folder of this session that `make` has filled; nobody may write to it afterwards.

    The first process that asks makes it; the others wait for it. It lies in the session's own
    temporary folder, so nothing of an earlier session, or of an earlier state of the code, is used.

    Args:
        factory: pytest's.
        name: of the folder.
        make: fills an empty folder; where it fails, the next one who asks tries again elsewhere.
    """
    root = factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        root = root.parent  # each worker has a folder of its own in the session's
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tries = sorted(root.glob(f"{name}-*"))
        if tries and (tries[-1] / READY).exists():
            return tries[-1]
        folder = root / f"{name}-{len(tries)}"
        folder.mkdir()
        make(folder)
        (folder / READY).touch()
        return folder
