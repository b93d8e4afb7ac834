"""Pictures made ready for search: each member's embeddings of them, in one file.

An index knows pictures by their content and members by their weights, so it is saved once, brought
up to date cheaply, and serves every ensemble of these members, whatever its weights and whether
they depend on the reference or not.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
import zipfile
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import PIL.Image
from numpy.typing import NDArray

from cssim import words
from cssim.embeddings import ssim
from cssim.embeddings.encoder import Encoder
from cssim.ensembles.pictures import Picture, as_picture
from cssim.errors import BadImage, BadInput, NotFound
from cssim.images import SUFFIXES, colour_of, pixel_key

Progress = Callable[[int, int, str], None]

FORMAT = 1
_BATCH = 8
"""Pictures that are decoded and embedded at a time."""


@dataclass(frozen=True, eq=False)
class Index:
    """Pictures and their embeddings by each member of an ensemble."""

    encoders: Mapping[str, str]
    """Fingerprint of each member, by name, in order."""
    dims: tuple[int, ...]
    """Length of each member's embeddings."""
    keys: tuple[str, ...]
    """(n,) `pixel_key` of each picture's file, or SHA-256 of its pixels where it was no file."""
    paths: tuple[str, ...]
    """(n,) where each picture was found."""
    vectors: NDArray[np.float32]
    """(n, sum of dims) the members' embeddings side by side."""
    refused: tuple[str, ...] = field(default=())
    """Files that look like images by name and are none, with reasons; not saved."""

    def __len__(self) -> int:
        return len(self.paths)

    def save(self, path: str | Path) -> None:
        """Write it to one `.npz` file, all of it or nothing."""
        target = Path(path)
        words = {
            "format": FORMAT,
            "encoders": dict(self.encoders),
            "dims": self.dims,
            "keys": self.keys,
            "paths": self.paths,
        }
        text = np.frombuffer(json.dumps(words, ensure_ascii=False).encode(), dtype=np.uint8)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{uuid.uuid4().hex}")
        try:
            with partial.open("wb") as file:
                np.savez(file, words=text, vectors=self.vectors)
            os.replace(partial, target)
        finally:
            partial.unlink(missing_ok=True)

    @staticmethod
    def load(path: str | Path) -> Index:
        """What `save` wrote.

        Raises:
            NotFound: no such file.
            BadInput: damaged, of a newer format, or something else.
        """
        try:
            with open(path, "rb") as data, np.load(data, allow_pickle=False) as file:
                words = json.loads(file["words"].tobytes())
                if words["format"] != FORMAT:
                    raise BadInput(f"{path} has format {words['format']!r}, expected {FORMAT}")
                found = Index(
                    encoders=words["encoders"],
                    dims=tuple(words["dims"]),
                    keys=tuple(words["keys"]),
                    paths=tuple(words["paths"]),
                    vectors=file["vectors"],
                )
        except FileNotFoundError:
            raise NotFound(f"no index {path}; build one with Ensemble.index") from None
        except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
            # What numpy says of other files advises to run what is in them.
            raise BadInput(
                f"{path} is no index that can be read: expected what Index.save wrote; build it "
                "again, or name another file"
            ) from error
        if not len(found.keys) == len(found.paths) == len(found.vectors):
            raise BadInput(f"{path} is incomplete; build it again")
        return found

    @property
    def parts(self) -> list[NDArray[np.float32]]:
        """(n, dim) of each member."""
        return np.split(self.vectors, np.cumsum(self.dims)[:-1], axis=1)

    @cached_property
    def units(self) -> NDArray[np.float32]:
        """(n, sum of dims) with each member's part of unit length; that of SSIM is left out."""
        parts = zip(self.parts, self.encoders.values(), strict=True)
        own = [unit_rows(part) for part, maker in parts if not ssim.compares(maker)]
        return np.concatenate([np.zeros((len(self), 0), dtype=np.float32), *own], axis=1)

    def check(self, encoders: Mapping[str, Encoder]) -> None:
        """Raise `BadInput` unless it was made by these members."""
        if list(self.encoders.items()) != list(_fingerprints(encoders).items()):
            raise BadInput(
                f"this index was made by {', '.join(self.encoders)} with other weights or in "
                f"another order than {', '.join(encoders)}; build it again"
            )


def build_index(
    encoders: Mapping[str, Encoder],
    images: str | Path | Sequence[Picture],
    *,
    known: Index | None = None,
    progress: Progress | None = None,
) -> Index:
    """The index of a folder (with what lies below it), or of a list of pictures.

    Args:
        encoders: the members, by name, in order.
        images: a folder, whose image files are taken by name; or paths, Pillow images and arrays.
        known: an earlier index by the same members: what it knows by content is not embedded again.
        progress: called with (pictures done, pictures in all, message).

    Raises:
        NotFound: no such folder, or a listed file is missing.
        BadImage: a listed picture cannot be used; in a folder, it is put among `refused` instead.
        BadInput: `known` was made by other members.
    """
    if known is not None:
        known.check(encoders)
    if isinstance(images, str | Path):
        named: list[tuple[str, Picture]] = [(str(p), p) for p in image_files(Path(images))]
    else:
        named = [
            (str(image) if isinstance(image, str | Path) else f"images[{i}]", image)
            for i, image in enumerate(images)
        ]
    skip = isinstance(images, str | Path)
    rows: dict[str, NDArray[np.float32]] = {}
    if known is not None:
        rows.update(zip(known.keys, known.vectors, strict=True))
    keys: list[str] = []
    paths: list[str] = []
    refused: list[str] = []
    waiting: dict[str, PIL.Image.Image] = {}
    met = set(rows)

    def embed_waiting() -> None:
        if waiting:
            pictures = list(waiting.values())
            new = np.concatenate([e.embed(pictures) for e in encoders.values()], axis=1)
            rows.update(zip(waiting, new, strict=True))
            waiting.clear()

    for done, (path, image) in enumerate(named, start=1):
        try:
            key, picture = _read(image, met)
        except BadImage as error:
            if not skip:
                raise
            refused.append(str(error))
        else:
            if picture is not None:
                waiting[key] = picture
                met.add(key)
            keys.append(key)
            paths.append(path)
        if len(waiting) >= _BATCH:
            embed_waiting()
        if progress is not None:
            progress(done, len(named), f"{done} of {words.count(len(named), 'picture')}")
    embed_waiting()
    dims = tuple(encoder.dim for encoder in encoders.values())
    vectors = np.array([rows[key] for key in keys], dtype=np.float32)
    return Index(
        _fingerprints(encoders),
        dims,
        tuple(keys),
        tuple(paths),
        vectors.reshape(len(keys), sum(dims)),
        tuple(refused),
    )


def image_files(folder: Path) -> Iterator[Path]:
    """Files below a folder that are images by their names, sorted; hidden ones are left out.

    Raises:
        NotFound: there is no such folder.
    """
    if not folder.is_dir():
        raise NotFound(f"no folder {folder} to search in")
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in SUFFIXES and not hidden and path.is_file():
            yield path


def content_key(image: Picture) -> str:
    """`pixel_key` of a file's bytes, or SHA-256 of size and pixels where it is no file.

    Raises:
        NotFound, BadImage, BadInput: see `as_picture`.
    """
    return _read(image, ())[0]


def _read(image: Picture, known: Container[str]) -> tuple[str, PIL.Image.Image | None]:
    """The picture's key, and its pixels unless the key is known."""
    if isinstance(image, str | Path):
        try:
            data = Path(image).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"no image file {image}") from None
        except OSError as error:
            raise BadImage(f"{image} cannot be read: {error.strerror}") from error
        key = pixel_key(hashlib.sha256(data).hexdigest(), colour_of(data))
        return key, None if key in known else as_picture(image)
    picture = as_picture(image)
    text = f"pixels {picture.size}".encode() + picture.tobytes()
    key = hashlib.sha256(text).hexdigest()
    return key, None if key in known else picture


def _fingerprints(encoders: Mapping[str, Encoder]) -> dict[str, str]:
    return {name: encoder.fingerprint for name, encoder in encoders.items()}


def unit_rows(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """(n, d) float32 rows of unit length; rows of zeros stay zeros."""
    wide = rows.astype(np.float64)
    lengths = np.sqrt(np.vecdot(wide, wide))[:, None]
    return np.asarray(wide / np.where(lengths > 0, lengths, 1.0), dtype=np.float32)
