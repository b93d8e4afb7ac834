"""A saved ensemble as one file to take away, and how to use it elsewhere."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from cssim.errors import NotFound
from cssim.services.workspace import Workspace
from cssim.types import EnsembleInfo
from db import runs

PIECE = 1 << 20
"""Bytes that are sent at a time."""


def find(ws: Workspace, ensemble_id: int) -> EnsembleInfo:
    """The project's ensemble of that id, archived or not.

    Raises:
        NotFound: it has none.
    """
    with ws.database.reading() as session:
        every = runs.list_ensembles(session, ws.project.id, archived=True)
    for one in every:
        if one.id == ensemble_id:
            return one
    raise NotFound(f"this project has no ensemble {ensemble_id}")


def as_zip(ws: Workspace, ensemble: EnsembleInfo) -> Iterator[bytes]:
    """The ensemble's folder as a ZIP file, piece by piece; never more than a piece is in memory.

    In it everything lies below a folder of its name.

    Raises:
        NotFound: the folder is gone.
    """
    folder = ws.settings.home / str(ensemble.path)
    if not folder.is_dir():
        raise NotFound(f"the folder of {ensemble.name} is gone: expected {folder}")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return _packed(
        [(path, f"{folder_name(ensemble)}/{path.relative_to(folder)}") for path in files]
    )


def _packed(files: Sequence[tuple[Path, str]]) -> Iterator[bytes]:
    """A ZIP file of these files under these names.

    Weights hardly shrink, and deflating them takes longer than sending them.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        for path, name in files:
            entry = zipfile.ZipInfo.from_file(path, name)
            with path.open("rb") as source, archive.open(entry, "w") as target:
                while piece := source.read(PIECE):
                    target.write(piece)
                    yield sink.take()
    yield sink.take()


class _Sink(io.RawIOBase):
    """A file that can only be written, and is emptied by whoever sends it on."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        """What was written since the last time."""
        found, self._pieces = b"".join(self._pieces), []
        return found


def folder_name(ensemble: EnsembleInfo) -> str:
    """What the folder is called outside: the ensemble's name without spaces."""
    return "-".join(ensemble.name.split())


def size_of(ws: Workspace, ensemble: EnsembleInfo) -> int:
    """Bytes in the folder; 0 where it is gone."""
    folder = ws.settings.home / str(ensemble.path)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def usage(ensemble: EnsembleInfo) -> str:
    """The three lines of Python that ask it."""
    return (
        "import cssim\n"
        f'ensemble = cssim.load_ensemble("{folder_name(ensemble)}")\n'
        'print(ensemble.closer("reference.jpg", "a.jpg", "b.jpg"))'
    )
