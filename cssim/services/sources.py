"""What a person points at (folder, file, manifest, upload) as a list of pictures to read."""

from __future__ import annotations

import csv
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cssim.errors import BadInput
from cssim.images import SUFFIXES, UNREADABLE, is_image_file

MANIFEST = "manifest.csv"
"""A CSV of this name in a folder says which of its files are pictures, and their tags."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that came over the network."""

    name: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Candidate:
    """A picture to be read."""

    name: str
    """NFC-normalised, separated by `/`, relative to the folder."""
    path: Path | None = None
    data: bytes | None = None
    tags: tuple[str, ...] = ()

    def read(self) -> bytes:
        """The file's bytes.

        Raises:
            OSError: it cannot be read.
        """
        if self.path is None:
            return self.data or b""
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that a person pointed at and that cannot be read, or is no picture."""

    name: str
    reason: str
    ignored: bool = False
    """True for files beside pictures that do not claim to be one, such as a README."""


def find_images(
    sources: Sequence[str | Path | Upload],
    *,
    tags: Sequence[str] = (),
    tag_folders: bool = False,
    prefix: str = "",
) -> tuple[list[Candidate], list[Problem]]:
    """Every picture that `sources` speak of, in a stable order, and what stands in the way.

    Args:
        sources: folders (searched with their sub-folders; a `manifest.csv` in one is followed),
            single files, CSV manifests, uploads.
        tags: words for all of them.
        tag_folders: also the name of a picture's first sub-folder.
        prefix: put before each name, e.g. `val` for `val/h_f5946da2.jpg`.

    A manifest has the column `file` (relative to its folder) and may have `context`, `tag` or
    `tags` (several separated by `;`); each becomes a tag. Other columns are not kept.

    Raises:
        BadInput: a source does not exist, or a manifest has no column `file`.
    """
    found: list[Candidate] = []
    problems: list[Problem] = []
    for source in sources:
        for item in _items(source, tag_folders):
            if isinstance(item, Problem):
                problems.append(item)
                continue
            name = "/".join(part for part in (prefix.strip("/"), item.name) if part)
            words = tuple(dict.fromkeys((*item.tags, *tags)))
            found.append(Candidate(name, item.path, item.data, words))
    return found, problems


def _items(source: str | Path | Upload, tag_folders: bool) -> Iterator[Candidate | Problem]:
    if isinstance(source, Upload):
        yield Candidate(_tidy(source.name), data=source.data)
        return
    path = Path(source).expanduser()
    if path.is_dir():
        manifest = path / MANIFEST
        if manifest.is_file() and _lists_files(manifest):
            yield from _from_manifest(manifest)
        else:
            yield from _from_folder(path, tag_folders)
    elif path.suffix.lower() == ".csv" and path.is_file():
        yield from _from_manifest(path)
    elif path.is_file():
        yield Candidate(_tidy(path.name), path=path)
    elif path.is_symlink():
        yield Problem(_tidy(path.name), "a link that leads nowhere or to itself")
    else:
        raise BadInput(f"{path}: expected a folder, an image or a CSV manifest, found nothing")


def _tidy(name: str) -> str:
    """One spelling per name: NFC, `/` between folders, no way out of the folder, valid UTF-8.

    Bytes of a file's name that are no UTF-8 are written with a backslash, x and two digits.
    """
    name = unicodedata.normalize("NFC", name.replace("\0", "").replace("\\", "/"))
    parts = PurePosixPath(name).parts
    whole = "/".join(part for part in parts if part not in ("/", "..", "."))
    return whole.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _from_folder(folder: Path, tag_folders: bool) -> Iterator[Candidate | Problem]:
    failures: list[OSError] = []
    seen: set[tuple[int, int]] = set()
    _first_visit(folder.resolve(), seen)
    for where, folders, files in os.walk(folder, onerror=failures.append, followlinks=True):
        folders[:] = [
            f
            for f in sorted(folders)
            if not f.startswith(".") and _first_visit(Path(where, f), seen)
        ]
        for file in sorted(files):
            path = Path(where, file)
            if file.startswith("."):
                continue
            relative = path.relative_to(folder)
            name = _tidy(relative.as_posix())
            if _is_special(path):  # reading a pipe would wait for ever
                yield Problem(name, "not a regular file", ignored=True)
                continue
            if path.suffix.lower() not in SUFFIXES and not is_image_file(path):
                kind = UNREADABLE.get(path.suffix.lower())
                reason = f"{kind}, which cannot be read here; export it as JPEG first"
                yield Problem(name, reason if kind else "not an image", ignored=not kind)
                continue
            first = relative.parts[0] if tag_folders and len(relative.parts) > 1 else ""
            yield Candidate(name, path=path, tags=(_tidy(first),) if first else ())
    for failure in failures:
        name = os.path.relpath(str(failure.filename), folder)
        yield Problem(_tidy(name) or folder.name, f"folder cannot be read: {failure.strerror}")


def _is_special(path: Path) -> bool:
    """Whether it is a pipe, a socket or a device."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False  # reading it will say what is wrong
    return not stat.S_ISREG(mode)


def _first_visit(folder: Path, seen: set[tuple[int, int]]) -> bool:
    """Whether a folder was not walked before: links may lead back up."""
    try:
        status = folder.stat()
    except OSError:
        return True  # the walk itself will say what is wrong with it
    key = (status.st_dev, status.st_ino)
    if key in seen:
        return False
    seen.add(key)
    return True


def _lists_files(manifest: Path) -> bool:
    with manifest.open(encoding="utf-8-sig", newline="", errors="replace") as file:
        return "file" in next(csv.reader(file), [])


def _from_manifest(manifest: Path) -> Iterator[Candidate | Problem]:
    try:
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file)
            header = reader.fieldnames or []
            if "file" not in header:
                raise BadInput(
                    f"{manifest}: expected a column named file, found {', '.join(header) or 'none'}"
                )
            rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadInput(f"{manifest}: expected a CSV file in UTF-8, found {error}") from error
    root = manifest.parent
    for line, row in enumerate(rows, 2):
        listed = (row["file"] or "").strip()
        path = root / listed
        if not listed:
            yield Problem(f"{manifest.name}:{line}", "the column file is empty")
        elif Path(listed).is_absolute() or ".." in PurePosixPath(listed).parts:
            yield Problem(listed, "leads out of the manifest's folder")
        elif not path.is_file():
            yield Problem(_tidy(listed), f"listed in {manifest.name} (line {line}), not found")
        else:
            yield Candidate(_tidy(listed), path=path, tags=_tags(row))


def _tags(row: dict[str, str | None]) -> tuple[str, ...]:
    words = [
        word for column in ("context", "tag", "tags") for word in (row.get(column) or "").split(";")
    ]
    return tuple(dict.fromkeys(word.strip() for word in words if word.strip()))
