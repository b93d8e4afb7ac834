"""Queries about a single image: where it stands, and whether anything of it has changed."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from db.annotations import is_shown
from db.models import ImageRow, ImageTagRow, PageCandidateRow, PageRow


def images_state(session: Session, project_id: int) -> tuple[int, ...]:
    """Numbers that change whenever the project's images, their pixels or their tags do."""
    images = session.execute(
        select(func.count(ImageRow.id), func.count(ImageRow.sha256), func.max(ImageRow.id)).where(
            ImageRow.project_id == project_id
        )
    ).one()
    tags = session.scalar(
        select(func.count())
        .select_from(ImageTagRow)
        .join(ImageRow)
        .where(ImageRow.project_id == project_id)
    )
    return (*(int(number or 0) for number in images), int(tags or 0))


def places_of(session: Session, project_id: int, image_id: int) -> dict[int, tuple[int, int]]:
    """Pages with this image as the reference, and as a candidate, by cluster id."""
    as_reference = select(PageRow.cluster_id, func.count()).where(
        PageRow.project_id == project_id, PageRow.reference_id == image_id
    )
    as_candidate = (
        select(PageRow.cluster_id, func.count())
        .join(PageCandidateRow, PageCandidateRow.page_id == PageRow.id)
        .where(PageRow.project_id == project_id, PageCandidateRow.image_id == image_id)
    )
    found: dict[int, list[int]] = {}
    for which, query in enumerate((as_reference, as_candidate)):
        for cluster_id, pages in session.execute(query.group_by(PageRow.cluster_id)):
            found.setdefault(cluster_id, [0, 0])[which] = pages
    return {cluster_id: (counts[0], counts[1]) for cluster_id, counts in sorted(found.items())}


def answered_references(
    session: Session, project_id: int, cluster_ids: Iterable[int]
) -> list[tuple[int, int]]:
    """(image id, answers) of each reference of these clusters that has an answered page, by id."""
    query = (
        select(PageRow.reference_id, func.sum(PageRow.done))
        .where(
            PageRow.project_id == project_id,
            PageRow.cluster_id.in_(sorted(set(cluster_ids))),
            PageRow.done > 0,
            is_shown(),
        )
        .group_by(PageRow.reference_id)
        .order_by(PageRow.reference_id)
    )
    return [(image_id, int(done)) for image_id, done in session.execute(query)]


def belongs(session: Session, project_id: int, image_id: int) -> bool:
    """Whether the project has this image."""
    query = select(ImageRow.id).where(ImageRow.project_id == project_id, ImageRow.id == image_id)
    return session.scalar(query) is not None
