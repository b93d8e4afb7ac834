"""Folders of models and ensembles as ZIP files: opened without trusting them.

Nothing of a ZIP file is written anywhere but below a fresh folder, nothing in it is larger than it
says, and nothing is kept that could run code when it is read.
"""

from __future__ import annotations

import shutil
import stat
import uuid
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from cssim import words
from cssim.errors import BadInput, NotFound, Unavailable
from cssim.services.workspace import Workspace

KEPT = (".json", ".md", ".safetensors", ".txt")
"""Endings of the files that are taken in."""
PICKLED = (".bin", ".ckpt", ".pickle", ".pkl", ".pt", ".pth")
"""Endings of weights that may hold code."""
ENTRIES = 2_000
"""Files that a package may hold."""
RATIO, ROOM = 20, 64 << 20
"""Unpacked, a file may be so many times as large, or have so many bytes: weights hardly shrink."""
_PIECE = 1 << 20


@contextmanager
def opened(ws: Workspace, source: Path) -> Iterator[Path]:
    """The folder of a package: the folder itself, or what a ZIP file holds, gone afterwards.

    Raises:
        NotFound: there is neither.
        BadInput: a damaged ZIP file, or one with what no package holds.
        Unavailable: there is no room to unpack it.
    """
    if source.is_dir():
        yield source
        return
    if not source.is_file():
        raise NotFound(f"there is no folder or ZIP file {source}")
    place = ws.settings.home / "imports" / f".{uuid.uuid4().hex}"
    place.mkdir(parents=True)
    try:
        yield unpack(source, place)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def unpack(source: Path, target: Path) -> Path:
    """What a ZIP file holds, below `target`: its one folder, or `target` itself.

    Raises:
        BadInput, Unavailable: see `opened`.
    """
    try:
        with zipfile.ZipFile(source) as archive:
            entries = _checked(archive, source)
            _check_room(entries, source, target)
            for entry in entries:
                _write(archive, entry, target)
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise BadInput(f"{source.name} is no whole ZIP file ({error}): get it again") from error
    inside = list(target.iterdir())
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else target


def copy(source: Path, target: Path) -> None:
    """Copy a folder without what may hold code; links are followed to files inside it alone.

    Raises:
        BadInput: it holds what no package holds.
    """
    root = source.resolve()
    for path in sorted(source.rglob("*")):
        if path.is_dir():
            continue
        name = path.relative_to(source)
        if not path.resolve().is_relative_to(root):
            raise BadInput(f"{path} leads out of {source}: copy the file itself there")
        if _wanted(PurePosixPath(name.as_posix()), source):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target / name)


def _checked(archive: zipfile.ZipFile, source: Path) -> list[zipfile.ZipInfo]:
    """The files to write."""
    entries = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
    if len(entries) > ENTRIES:
        raise BadInput(
            f"{source.name} holds {words.count(len(entries), 'file')}, expected {ENTRIES} at most"
        )
    names = [PurePosixPath(entry.filename) for entry in entries]
    for entry, name in zip(entries, names, strict=True):
        odd = not name.parts or name.is_absolute() or ".." in name.parts or "\\" in entry.filename
        if odd or ":" in name.parts[0] or not entry.filename.isprintable():
            raise BadInput(
                f"{source.name} holds a file with the path {entry.filename[:80]!r}; expected paths "
                "below its own folder: this is no export"
            )
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG):
            raise BadInput(f"{source.name} holds {name}, which is no plain file but a link")
        if entry.flag_bits & 1:
            raise BadInput(f"{source.name} is encrypted: pack it without a password")
    if len(set(names)) < len(names):
        raise BadInput(f"{source.name} holds a file twice")
    return [e for e, name in zip(entries, names, strict=True) if _wanted(name, source)]


def _wanted(name: PurePosixPath, source: Path) -> bool:
    """Whether a file is taken in; pickled weights of a backbone are passed over, never opened."""
    ending = name.suffix.lower()
    if ending in PICKLED and "backbone" in name.parts:
        return False
    if ending not in KEPT:
        why = "pickled weights may run code when they are read" if ending in PICKLED else "not this"
        raise BadInput(f"{source.name} holds {name}; expected {', '.join(KEPT)}: {why}")
    return True


def _check_room(entries: list[zipfile.ZipInfo], source: Path, target: Path) -> None:
    size, packed = sum(entry.file_size for entry in entries), source.stat().st_size
    if size > max(ROOM, RATIO * packed):
        raise BadInput(
            f"{source.name} has {words.count(packed, 'byte')} and would unpack to {size:,}: no "
            "weights shrink so much"
        )
    free = shutil.disk_usage(target).free
    if size > free:
        raise Unavailable(
            f"{source.name} needs {words.count(size, 'byte')} unpacked, and {free:,} are free"
        )


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """One file; `zipfile` reads no more than the entry says, and checks its sum."""
    path = target / entry.filename
    path.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as packed, path.open("xb") as file:
        shutil.copyfileobj(packed, file, _PIECE)
