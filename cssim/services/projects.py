"""Projects and their images, as lists."""

from __future__ import annotations

from cssim.services.workspace import Workspace
from cssim.types import Image, Project
from db import library


def list_projects(ws: Workspace) -> list[Project]:
    """All projects by name."""
    with ws.database.reading() as session:
        return library.list_projects(session)


def list_images(
    ws: Workspace,
    *,
    tag: str | None = None,
    search: str = "",
    offset: int = 0,
    limit: int | None = None,
) -> list[Image]:
    """Images of the project in the order in which they came.

    Args:
        ws: the workspace.
        tag: only images with this tag.
        search: only images whose name contains this.
        offset: skip so many.
        limit: give so many at most.
    """
    with ws.database.reading() as session:
        return library.list_images(
            session, ws.project.id, tag=tag, search=search, offset=offset, limit=limit
        )
