"""What a project holds, counted: answers by person and day, images by set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select
from sqlalchemy.orm import Session, aliased

from db.annotations import STANDING
from db.library import chunks
from db.models import JudgementRow, PageCandidateRow, PageRow, PersonRow

UNNAMED = ""
"""Stands for a person whom the source of an answer does not name."""


@dataclass(frozen=True, slots=True)
class DayCount:
    """Standing answers and ties of one person on one day, in UTC."""

    person: str
    """Name; empty where the source names nobody."""
    day: date
    answers: int
    simulated: bool = False
    """The person belongs to the demo world."""
    imported: bool = False
    """The answers came by an import; the day is the file's, or that of the import."""


def answers_by_day(session: Session, project_id: int) -> list[DayCount]:
    """Answers of each person on each day (UTC) on which there are any, by day and name.

    An answer belongs to the day on which it was given, by the clock of the device or file, else to
    the day on which it was stored.
    """
    later = aliased(JudgementRow)
    name = func.coalesce(PersonRow.name, UNNAMED)
    simulated = func.coalesce(PersonRow.simulated, False)
    imported = JudgementRow.source == "import"
    day = _day(session, func.coalesce(JudgementRow.answered_at, JudgementRow.created_at))
    query = (
        select(name, day, func.count(), simulated, imported)
        .select_from(JudgementRow)
        .join(PageRow, PageRow.id == JudgementRow.page_id)
        .outerjoin(PersonRow, PersonRow.id == JudgementRow.person_id)
        .outerjoin(later, later.supersedes_id == JudgementRow.id)
        .where(
            PageRow.project_id == project_id,
            later.id.is_(None),
            JudgementRow.kind.in_(STANDING),
        )
        .group_by(name, day, simulated, imported)
        .order_by(day, name)
    )
    return [
        DayCount(person, date.fromisoformat(text), int(n), bool(demo), bool(file))
        for person, text, n, demo, file in session.execute(query)
    ]


def _day(session: Session, moment: ColumnElement[Any]) -> ColumnElement[str]:
    """`YYYY-MM-DD` of a moment in UTC, which SQLite stores as it is and PostgreSQL with a zone."""
    if session.get_bind().dialect.name == "sqlite":
        return func.strftime(literal_column("'%Y-%m-%d'"), moment)
    utc = func.timezone(literal_column("'UTC'"), moment)
    return func.to_char(utc, literal_column("'YYYY-MM-DD'"))


def images_of_clusters(session: Session, cluster_ids: Sequence[int]) -> dict[int, set[int]]:
    """Ids of the images on the pages of each cluster, references and candidates, by cluster id."""
    found: dict[int, set[int]] = {cluster_id: set() for cluster_id in cluster_ids}
    for part in chunks(cluster_ids):
        references = (
            select(PageRow.cluster_id, PageRow.reference_id)
            .where(PageRow.cluster_id.in_(part))
            .distinct()
        )
        candidates = (
            select(PageRow.cluster_id, PageCandidateRow.image_id)
            .join(PageCandidateRow, PageCandidateRow.page_id == PageRow.id)
            .where(PageRow.cluster_id.in_(part))
            .distinct()
        )
        for query in (references, candidates):
            for cluster_id, image_id in session.execute(query):
                found[cluster_id].add(image_id)
    return found


def references_of_clusters(session: Session, cluster_ids: Sequence[int]) -> dict[int, set[int]]:
    """Ids of the reference images of each cluster, by cluster id."""
    found: dict[int, set[int]] = {cluster_id: set() for cluster_id in cluster_ids}
    for part in chunks(cluster_ids):
        query = select(PageRow.cluster_id, PageRow.reference_id)
        rows = session.execute(query.where(PageRow.cluster_id.in_(part)).distinct())
        for cluster_id, image_id in rows:
            found[cluster_id].add(image_id)
    return found


def people_of_clusters(session: Session, project_id: int) -> dict[int, int]:
    """How many people have standing answers in each cluster, by id; clusters without any lack."""
    later = aliased(JudgementRow)
    query = (
        select(PageRow.cluster_id, func.count(JudgementRow.person_id.distinct()))
        .join(JudgementRow, JudgementRow.page_id == PageRow.id)
        .outerjoin(later, later.supersedes_id == JudgementRow.id)
        .where(
            PageRow.project_id == project_id,
            later.id.is_(None),
            JudgementRow.kind.in_(STANDING),
        )
        .group_by(PageRow.cluster_id)
    )
    return {cluster_id: int(n) for cluster_id, n in session.execute(query) if n}
