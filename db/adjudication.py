"""Queries about adjudications: decisions about disputed pages, kept beside the votes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from cssim.types import Answer, JudgementKind
from db.annotations import digits, positions
from db.models import AdjudicationRow, PageRow


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about a page."""

    id: int
    page_id: int
    person_id: int | None
    answer: Answer
    """`skip` where the page cannot be decided."""
    note: str
    created_at: datetime


def add_decision(
    session: Session, page_id: int, person_id: int | None, answer: Answer, note: str
) -> int:
    """Append a decision; its id. The newest one of a page holds."""
    row = AdjudicationRow(
        page_id=page_id,
        person_id=person_id,
        kind=answer.kind.value,
        ranking=digits(answer.order),
        classes=digits(answer.classes),
        note=note,
    )
    session.add(row)
    session.flush()
    return row.id


def decisions(session: Session, project_id: int) -> dict[int, Decision]:
    """The decision that holds for each page that has one."""
    newest = (
        select(func.max(AdjudicationRow.id))
        .join(PageRow, PageRow.id == AdjudicationRow.page_id)
        .where(PageRow.project_id == project_id)
        .group_by(AdjudicationRow.page_id)
    )
    rows = session.scalars(
        select(AdjudicationRow).where(AdjudicationRow.id.in_(newest)).order_by(AdjudicationRow.id)
    )
    return {
        row.page_id: Decision(
            row.id,
            row.page_id,
            row.person_id,
            Answer(JudgementKind(row.kind), positions(row.ranking), positions(row.classes)),
            row.note,
            row.created_at,
        )
        for row in rows
    }


def newest_decision(session: Session, project_id: int) -> int:
    """Id of the project's latest decision; 0 where there is none. Changes with each decision."""
    newest = (
        select(func.max(AdjudicationRow.id))
        .join(PageRow, PageRow.id == AdjudicationRow.page_id)
        .where(PageRow.project_id == project_id)
    )
    return session.scalar(newest) or 0
