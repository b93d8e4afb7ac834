"""Pictures that are asked about without becoming part of the project.

They pass the image store's decoder, limits included, lie under `uploads/` in the home folder, are
served to nobody by address, and are forgotten after a week.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cssim.errors import NotFound
from cssim.images import ImageStore
from cssim.services.withdrawing import refuse_withdrawn
from cssim.services.workspace import Workspace
from db import library

KEPT_DAYS = 7
"""After so long an upload is deleted, the next time that somebody uploads something."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A picture in a question: one of the project's, or an upload."""

    name: str
    """What people call it."""
    image_id: int | None = None
    """Of a picture of the project."""
    sha256: str = ""
    """Of an upload."""

    def plain(self) -> dict[str, str | int | None]:
        """As the parameters of a job hold it."""
        return {"name": self.name, "image_id": self.image_id, "sha256": self.sha256}


def store_of(ws: Workspace) -> ImageStore:
    """The store of uploads, apart from the project's."""
    return ImageStore(ws.settings.home / "uploads", max_pixels=ws.settings.max_pixels)


def take(ws: Workspace, data: bytes, name: str) -> Asked:
    """An uploaded picture, checked and kept; old ones are forgotten.

    Raises:
        BadImage: it cannot be decoded, or has too many pixels.
        BadInput: it was withdrawn, with the reason.
    """
    store = store_of(ws)
    forget_old(store)
    refuse_withdrawn(ws, hashlib.sha256(data).hexdigest())
    sha256 = store.add(data, name=name).sha256
    store.path(sha256).touch()  # asked about again: kept for another week
    return Asked(name, sha256=sha256)


def forget_old(store: ImageStore, *, now: float | None = None) -> int:
    """Delete uploads older than `KEPT_DAYS`, thumbnails too; gives how many files went."""
    before = (time.time() if now is None else now) - KEPT_DAYS * 86_400
    gone = 0
    for path in store.root.rglob("*"):
        with suppress(FileNotFoundError):  # somebody else uploads and forgets at the same time
            if path.is_file() and path.stat().st_mtime < before:
                path.unlink()
                gone += 1
    return gone


def file_of(ws: Workspace, asked: Asked) -> Path:
    """The file with its pixels.

    Raises:
        NotFound: the image is gone, has no pixels here, or the upload was forgotten.
    """
    store, sha256 = _where(ws, asked)
    return store.path(sha256)


def thumbnail(ws: Workspace, asked: Asked, width: int = 256) -> bytes:
    """A JPEG of the picture; errors as of `file_of`."""
    store, sha256 = _where(ws, asked)
    return store.thumbnail(sha256, width)


def _where(ws: Workspace, asked: Asked) -> tuple[ImageStore, str]:
    """The store that keeps the picture, and its hash; an image of another project is nowhere."""
    if asked.image_id is None:
        return store_of(ws), asked.sha256
    with ws.database.reading() as session:
        found = library.images_by_id(session, [asked.image_id], project_id=ws.project.id)
    image = found.get(asked.image_id)
    if image is None or image.sha256 is None:
        raise NotFound(f"{asked.name} has no pixels here")
    return ws.store, image.sha256
