"""What one person has done in a project, as the rows that it left say."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, select
from sqlalchemy.orm import Session

from cssim.types import ClusterKind
from db.annotations import is_shown
from db.leases import count_said
from db.models import (
    ClusterRow,
    JobRow,
    PageRow,
    PlanRow,
    SelectionRow,
    TrainingAnswerRow,
)


@dataclass(frozen=True, slots=True)
class Deeds:
    """What a person has done, and how much there was to practise on."""

    answers: int
    """Standing answers and ties, those of the practice round not among them."""
    practised: int
    """Different pages with a known answer that were answered in the practice round."""
    practice: int
    """Pages with a known answer that there are."""
    selection: int | None
    """Id of the newest selection of theirs that stands."""
    selected: int
    """References in it."""
    sent_back: int
    """Plans of theirs that ask again about chosen references."""
    asked: int
    """Questions to an ensemble of theirs that a worker was given."""


def deeds_of(session: Session, project_id: int, person_id: int, *, sent_back: int) -> Deeds:
    """Everything at once.

    Args:
        session: to read in.
        project_id: which project.
        person_id: who.
        sent_back: the priority from which on a plan counts as sent back to labelling.
    """
    gold = (
        PageRow.project_id == project_id,
        PageRow.gold.is_not(None),
        is_shown(),
        exists().where(
            ClusterRow.id == PageRow.cluster_id, ClusterRow.kind == ClusterKind.GOLD.value
        ),
    )
    practised = select(func.count(func.distinct(TrainingAnswerRow.page_id))).join(
        PageRow, PageRow.id == TrainingAnswerRow.page_id
    )
    newest = session.execute(
        select(SelectionRow.id, SelectionRow.reference_ids)
        .where(SelectionRow.project_id == project_id, SelectionRow.person_id == person_id)
        .order_by(SelectionRow.id.desc())
        .limit(1)
    ).one_or_none()
    return Deeds(
        answers=count_said(session, project_id, person_id),
        practised=int(
            session.scalar(practised.where(*gold, TrainingAnswerRow.person_id == person_id)) or 0
        ),
        practice=_count(session, *gold),
        selection=None if newest is None else newest.id,
        selected=0 if newest is None else len(newest.reference_ids),
        sent_back=_count(
            session,
            PlanRow.project_id == project_id,
            PlanRow.created_by == person_id,
            PlanRow.priority >= sent_back,
        ),
        asked=_count(
            session,
            JobRow.project_id == project_id,
            JobRow.requested_by == person_id,
            JobRow.kind == "ask",
        ),
    )


def _count(session: Session, *that: ColumnElement[bool]) -> int:
    return int(session.scalar(select(func.count()).where(*that)) or 0)
