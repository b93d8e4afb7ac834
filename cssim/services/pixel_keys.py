"""Under which keys caches keep what was computed of the project's pictures."""

from __future__ import annotations

from collections.abc import Sequence

from cssim.images import pixel_key
from cssim.services.workspace import Workspace
from cssim.types import Image
from db import library


def pixel_keys(ws: Workspace, images: Sequence[Image]) -> list[str]:
    """The key of each picture (see `cssim.images.pixel_key`), in order; all must have pixels.

    Whether a picture's colours are converted is known since it came in. Those that came before this
    was written down are looked at once, by their headers.
    """
    colours = _looked_at(ws, [image for image in images if image.colour is None])
    return [
        pixel_key(str(image.sha256), colours.get(image.id, image.colour or "")) for image in images
    ]


def _looked_at(ws: Workspace, images: Sequence[Image]) -> dict[int, str]:
    found = {image.id: ws.store.colour(str(image.sha256)) for image in images}
    # A file that is away for the moment may come back with a backup: it is looked at again then.
    here = {image.id: found[image.id] for image in images if image.sha256 in ws.store}
    if here:
        with ws.database.writing() as session:
            library.set_colours(session, here)
    return found
