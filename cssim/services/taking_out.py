"""A saved ensemble as one file to take away, and how to use it elsewhere."""

from __future__ import annotations

import io
import json
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from cssim.errors import Conflict, NotFound
from cssim.services.transfers import described
from cssim.services.workspace import Workspace
from cssim.types import EnsembleInfo, ModelInfo
from db import library, runs

ORIGIN, FORMAT = "origin.json", 1
"""The file in the ZIP that says what the ensemble's folder does not; see `origin`."""
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
    top, words = folder_name(ensemble), json.dumps(origin(ws, ensemble), ensure_ascii=False)
    named = [(path, f"{top}/{path.relative_to(folder)}") for path in files]
    return _packed(named, f"{top}/{ORIGIN}", words)


def export_ensemble(ws: Workspace, name: str, file: Path) -> Path:
    """Write an ensemble to a new ZIP file; gives the file.

    Raises:
        NotFound: no such ensemble, or its folder is gone.
        Conflict: there is such a file.
    """
    with ws.database.reading() as session:
        ensemble = runs.get_ensemble(session, ws.project.id, name)
    if file.exists():
        raise Conflict(f"{file} exists already; export to a new file")
    partial = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with partial.open("wb") as target:
            target.writelines(as_zip(ws, ensemble))
        return partial.rename(file)
    finally:
        partial.unlink(missing_ok=True)


def _packed(files: Sequence[tuple[Path, str]], name: str, text: str) -> Iterator[bytes]:
    """A ZIP file of these files under these names, and of a text.

    Weights hardly shrink, and deflating them takes longer than sending them.
    """
    sink = _Sink()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(name, text)
        for path, own in files:
            entry = zipfile.ZipInfo.from_file(path, own)
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


def origin(ws: Workspace, ensemble: EnsembleInfo) -> dict[str, Any]:
    """What another project must know to take the ensemble in: names and hashes instead of ids."""
    from cssim.ensembles.explain import load_record
    from cssim.ensembles.saved import VALIDATION

    record = load_record(ws.settings.home / str(ensemble.path) / VALIDATION)
    references = [] if record is None else record.evidence.reference.tolist()
    fit_on = ensemble.config.get("fit_on", [])
    with ws.database.reading() as session:
        images = library.images_by_id(session, references)
        sets = library.clusters_by_id(session, fit_on)
        models = runs.models_by_id(session, ensemble.member_ids)
    return {
        "format": FORMAT,
        "name": ensemble.name,
        "members": [described(ws, models[i]) for i in ensemble.member_ids],
        "fit_on": [sets[i].name for i in fit_on if i in sets],
        "references": {str(i): image.sha256 for i, image in images.items() if image.sha256},
    }


def folder_name(ensemble: EnsembleInfo) -> str:
    """What the folder is called outside: the ensemble's name without spaces."""
    return "-".join(ensemble.name.split())


def size_of(ws: Workspace, ensemble: EnsembleInfo) -> int:
    """Bytes in the folder; 0 where it is gone."""
    folder = ws.settings.home / str(ensemble.path)
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def usage(ensemble: EnsembleInfo, folders: Sequence[str] = ()) -> str:
    """The three lines of Python that ask it; `folders` are those of `folders_needed`."""
    models = ', models="backbones"' if folders else ""
    return (
        "import cssim\n"
        f'ensemble = cssim.load_ensemble("{folder_name(ensemble)}"{models})\n'
        'print(ensemble.closer("reference.jpg", "a.jpg", "b.jpg"))'
    )


def folders_needed(ws: Workspace, models: Iterable[ModelInfo]) -> list[str]:
    """Backbones of these models that only a folder of this server has: not the Hub, nor CS-Sim.

    They are named as below `CSSIM_MODELS`; whoever takes an ensemble away takes them along.
    """
    from cssim.embeddings import backbones
    from cssim.services.cards import backbone_of

    names = dict.fromkeys(backbone_of(ws, model) for model in models)
    return [name for name in names if not Path(name).is_absolute() and not _known(backbones, name)]


def _known(backbones: ModuleType, name: str) -> bool:
    try:
        backbones.resolve(name)
    except NotFound:
        return False
    return True
