"""Cheap counts and firsts for the pages that give an overview."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session, aliased

from cssim.types import PageMode
from db.annotations import STANDING
from db.models import ClusterRow, ImageRow, JudgementRow, PageRow, ParticipationRow


def cluster_states(session: Session, project_id: int) -> dict[int, tuple[int, ...]]:
    """Numbers of each cluster, by id, that change whenever its pages, answers or pixels do.

    They are, for the cluster, the count of its pages, the newest of them, the count of their
    judgements (which are only ever added) and the newest of them; and, for the project, how many
    images there are, how many of them have pixels, and when people were last left out or let in.
    """
    changed = session.scalar(
        select(func.max(ParticipationRow.changed_at)).where(
            ParticipationRow.project_id == project_id
        )
    )
    people = 0 if changed is None else int(changed.timestamp() * 1_000_000)
    images = session.execute(
        select(func.count(ImageRow.id), func.count(ImageRow.sha256)).where(
            ImageRow.project_id == project_id
        )
    ).one()
    pages = (
        select(
            PageRow.cluster_id.label("cluster_id"),
            func.count(PageRow.id).label("pages"),
            func.max(PageRow.id).label("newest_page"),
        )
        .where(PageRow.project_id == project_id)
        .group_by(PageRow.cluster_id)
        .subquery()
    )
    answers = (
        select(
            PageRow.cluster_id.label("cluster_id"),
            func.count(JudgementRow.id).label("judgements"),
            func.max(JudgementRow.id).label("newest_judgement"),
        )
        .join(JudgementRow, JudgementRow.page_id == PageRow.id)
        .where(PageRow.project_id == project_id)
        .group_by(PageRow.cluster_id)
        .subquery()
    )
    rows = session.execute(
        select(
            ClusterRow.id,
            pages.c.pages,
            pages.c.newest_page,
            answers.c.judgements,
            answers.c.newest_judgement,
        )
        .outerjoin(pages, pages.c.cluster_id == ClusterRow.id)
        .outerjoin(answers, answers.c.cluster_id == ClusterRow.id)
        .where(ClusterRow.project_id == project_id)
        .order_by(ClusterRow.id)
    )
    return {
        cluster_id: (*(int(number or 0) for number in numbers), *images, people)
        for cluster_id, *numbers in rows
    }


def first_references(session: Session, cluster_ids: Sequence[int]) -> dict[int, int]:
    """Image id of the reference of each cluster's first page, by cluster id."""
    firsts = (select(func.min(PageRow.id)).where(PageRow.cluster_id.in_(cluster_ids))).group_by(
        PageRow.cluster_id
    )
    rows = session.execute(
        select(PageRow.cluster_id, PageRow.reference_id).where(PageRow.id.in_(firsts))
    )
    return {cluster_id: image_id for cluster_id, image_id in rows}


def answers_by_person(session: Session) -> dict[int, int]:
    """How many standing answers and ties each person has given, by person id."""
    later = aliased(JudgementRow)
    query = (
        select(JudgementRow.person_id, func.count())
        .outerjoin(later, later.supersedes_id == JudgementRow.id)
        .where(
            later.id.is_(None),
            JudgementRow.person_id.is_not(None),
            JudgementRow.kind.in_(STANDING),
        )
        .group_by(JudgementRow.person_id)
    )
    return {person_id: count for person_id, count in session.execute(query) if person_id}


def recent_response_times(
    session: Session, project_id: int, mode: PageMode, *, limit: int = 500
) -> list[int]:
    """Milliseconds from painted to answered of the newest answers in the browser, newest first."""
    query = (
        select(JudgementRow.response_ms)
        .join(PageRow, PageRow.id == JudgementRow.page_id)
        .where(
            PageRow.project_id == project_id,
            PageRow.mode == mode.value,
            JudgementRow.source == "web",
            JudgementRow.kind.in_(STANDING),
            JudgementRow.response_ms > 0,
        )
        .order_by(JudgementRow.id.desc())
        .limit(limit)
    )
    return [int(ms) for ms in session.scalars(query) if ms is not None]
