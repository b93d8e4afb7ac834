"""What the library's pages look at: pictures by tag and name, and whether anything has changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median

from cssim.services.workspace import Workspace
from cssim.types import Image, PageMode
from db import library, overview

GUESSED_SECONDS = {PageMode.CHOOSE: 4.0, PageMode.RANK: 12.0}
"""Seconds for a page where the project has too few answers to tell."""
FEW_ANSWERS = 20
PAUSE = 10
"""An answer counts for so many medians at most: beyond, the person was away."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of the pictures that fit a search."""

    images: tuple[Image, ...]
    total: int
    """How many fit in all."""


def find_pictures(
    ws: Workspace,
    *,
    tag: str | None = None,
    search: str = "",
    available: bool | None = None,
    offset: int = 0,
    limit: int = 60,
) -> Found:
    """Images of the project in the order in which they came.

    Args:
        ws: the workspace.
        tag: only images with this tag.
        search: only images whose name contains this text; case is ignored.
        available: True for images with pixels, False for those known by name only.
        offset: how many to leave out at the beginning.
        limit: how many to give at most.
    """
    with ws.database.reading() as session:
        project = ws.project.id
        total = library.count_images(
            session, project, tag=tag, available=available, search=search.strip()
        )
        images = library.list_images(
            session,
            project,
            tag=tag,
            available=available,
            search=search.strip(),
            offset=offset,
            limit=limit,
        )
    return Found(tuple(images), total)


def images_of(ws: Workspace, ids: Sequence[int]) -> dict[int, Image]:
    """The project's images with these ids; others are left out."""
    with ws.database.reading() as session:
        return library.images_by_id(session, ids, project_id=ws.project.id)


def tag_counts(ws: Workspace) -> dict[str, int]:
    """How many images of the project carry each tag, by tag."""
    with ws.database.reading() as session:
        return library.count_tags(session, ws.project.id)


def first_references(ws: Workspace, cluster_ids: Sequence[int]) -> dict[int, Image]:
    """The reference of each cluster's first page; clusters without pages are left out."""
    with ws.database.reading() as session:
        ids = overview.first_references(session, cluster_ids)
        images = library.images_by_id(session, ids.values())
    return {cluster_id: images[image_id] for cluster_id, image_id in ids.items()}


def cluster_states(ws: Workspace) -> dict[int, tuple[int, ...]]:
    """Numbers of each cluster that change whenever its pages, answers or pixels do; cheap.

    A page keeps what it computed of a cluster under these numbers, and so never shows what no
    longer holds.
    """
    with ws.database.reading() as session:
        return overview.cluster_states(session, ws.project.id)


def seconds_per_page(ws: Workspace, mode: PageMode) -> tuple[float, int]:
    """How long a page takes a person, and on how many of the latest answers that rests.

    The mean of up to 500 answers, for hours of work are a sum, and a few long answers make much of
    it: of 20,086 recorded ones the median was a third below the mean. Pauses are cut (`PAUSE`).
    With fewer than `FEW_ANSWERS` it is a guess, and they count 0.
    """
    with ws.database.reading() as session:
        times = overview.recent_response_times(session, ws.project.id, mode)
    if len(times) < FEW_ANSWERS:
        return GUESSED_SECONDS[mode], 0
    longest = PAUSE * median(times)
    return fmean(min(ms, longest) for ms in times) / 1000, len(times)


def answers_by_person(ws: Workspace) -> dict[int, int]:
    """How many standing answers and ties each person has given, by person id, in all projects."""
    with ws.database.reading() as session:
        return overview.answers_by_person(session)
