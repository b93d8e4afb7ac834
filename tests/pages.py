"""A small world for tests of labelling: generated pictures, pages of both modes, people."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image as PillowImage
from PIL import ImageDraw

from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, PageMode
from db import annotations as records
from db import library
from db.models import ImageNameRow, ImageRow


def picture(number: int, side: int = 64) -> bytes:
    """A JPEG that differs from all others: its colour and a shape follow from `number`."""
    colour = (37 * number % 256, 91 * number % 256, 173 * number % 256)
    image = PillowImage.new("RGB", (side, side * 3 // 4), colour)
    box = (side // 4, side // 4, side // 2 + number % (side // 3), side // 2)
    ImageDraw.Draw(image).ellipse(box, fill=(255 - colour[0], 200, colour[2] // 2))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def add_pictures(ws: Workspace, n: int, side: int = 64, prefix: str = "p") -> list[int]:
    """Ids of `n` new images whose pixels are in the store; names begin with `prefix`."""
    stored = [ws.store.add(picture(i, side), name=f"{prefix}{i}.jpg") for i in range(n)]
    with ws.database.writing() as session:
        rows = [
            ImageRow(
                project_id=ws.project.id,
                name=f"{prefix}{i}.jpg",
                sha256=one.sha256,
                width=one.width,
                height=one.height,
            )
            for i, one in enumerate(stored)
        ]
        session.add_all(rows)
        session.flush()
        session.add_all(
            ImageNameRow(project_id=ws.project.id, image_id=row.id, name=row.name) for row in rows
        )
        return [row.id for row in rows]


def add_nameless(ws: Workspace, name: str = "val/1") -> int:
    """Id of an image of which only the name is known."""
    with ws.database.writing() as session:
        row = ImageRow(project_id=ws.project.id, name=name)
        session.add(row)
        session.flush()
        return row.id


def add_pages(
    ws: Workspace,
    pages: Sequence[tuple[int, tuple[int, ...]]],
    *,
    mode: PageMode = PageMode.RANK,
    wanted: int = 1,
    cluster: str = "ocean",
) -> list[int]:
    """Ids of new pages (reference, candidates) in a cluster of that name."""
    with ws.database.writing() as session:
        found = library.find_cluster(session, ws.project.id, cluster)
        if found is None:
            kind = ClusterKind.CONTEXT
            found = library.add_cluster(session, ws.project.id, cluster, kind, context=cluster)
        new = [
            records.NewPage(reference, candidates, mode=mode, wanted=wanted)
            for reference, candidates in pages
        ]
        return records.add_pages(session, ws.project.id, found.id, new)


def rank_pages(ws: Workspace, n: int, *, wanted: int = 1, candidates: int = 3) -> list[int]:
    """Ids of `n` pages to rank; their pictures are generated."""
    images = add_pictures(ws, 1 + n + candidates - 1)
    pages = [(images[0], tuple(images[1 + i : 1 + i + candidates])) for i in range(n)]
    return add_pages(ws, pages, wanted=wanted)
