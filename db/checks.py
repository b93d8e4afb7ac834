"""Pages that check a person: known ones, and ones answered before; who may see a page at all."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, exists, insert, literal, or_, select
from sqlalchemy.orm import Session, aliased

from cssim.types import JudgementKind
from db.annotations import STANDING
from db.leases import not_superseded
from db.models import (
    ImageRow,
    JudgementRow,
    LeaseRow,
    PageCandidateRow,
    PageRow,
    TrainingAnswerRow,
)

_REPEATABLE = 40
"""So many pages may be shown again, out of five times as many of a person's latest answers."""


def new_to(person_id: Any, now: Any) -> list[ColumnElement[bool]]:
    """That a person neither holds a page nor answered or skipped it; speaks of `PageRow`.

    Args:
        person_id: a number, or the place of one in a statement.
        now: a moment, or the place of one.
    """
    own = aliased(LeaseRow)
    holds = exists().where(
        own.person_id == person_id,
        own.page_id == PageRow.id,
        own.state == "open",
        own.expires_at > now,
    )
    judged = exists().where(
        JudgementRow.person_id == person_id,
        JudgementRow.page_id == PageRow.id,
        JudgementRow.kind != JudgementKind.RETRACT.value,
        not_superseded(),
    )
    return [~holds, ~judged]


def blind(page: Any = PageRow) -> ColumnElement[bool]:
    """That a picture of a page, its reference or a candidate, has no pixels."""
    reference, candidate = aliased(ImageRow), aliased(ImageRow)
    return or_(
        exists().where(reference.id == page.reference_id, reference.sha256.is_(None)),
        exists().where(
            PageCandidateRow.page_id == page.id,
            candidate.id == PageCandidateRow.image_id,
            candidate.sha256.is_(None),
        ),
    )


def gold_query(cluster_id: int, person_id: int, now: datetime) -> Select[Any]:
    """Ids of the cluster's pages with known answers that are new to the person.

    Pages of the person's training round are not: they have been told the answer.
    """
    trained = exists().where(
        TrainingAnswerRow.page_id == PageRow.id, TrainingAnswerRow.person_id == person_id
    )
    return (
        select(PageRow.id)
        .where(PageRow.cluster_id == cluster_id, PageRow.gold.is_not(None))
        .where(*new_to(person_id, now), ~blind(), ~trained)
        .order_by(PageRow.id)
    )


def repeatable_query(plan_id: int, person_id: int, gap: int) -> Select[Any]:
    """Pages of the plan that the person answered at least `gap` other answers ago, never twice."""
    repeat, original = aliased(PageRow), aliased(PageRow)
    old = (
        select(JudgementRow.page_id)
        .where(
            JudgementRow.person_id == person_id,
            JudgementRow.kind.in_(STANDING),
            JudgementRow.supersedes_id.is_(None),
        )
        .order_by(JudgementRow.id.desc())
        .offset(gap)
        .limit(5 * _REPEATABLE)
        .subquery()
    )
    repeated = exists().where(repeat.repeat_of == original.id, repeat.person_id == person_id)
    return (
        select(original.id)
        .join(old, old.c.page_id == original.id)
        .where(and_(original.plan_id == plan_id, original.repeat_of.is_(None), ~repeated))
        .where(~blind(original))
        .order_by(original.id)
        .limit(_REPEATABLE)
    )


def add_repeat(session: Session, page_id: int, person_id: int, plan_id: int | None = None) -> int:
    """A new page that shows an old one again to one person; its id.

    Args:
        session: of a writing transaction.
        page_id: the old page.
        person_id: for whom.
        plan_id: the plan that hands it out; None: the old page's.
    """
    old = session.get_one(PageRow, page_id)
    row = PageRow(
        project_id=old.project_id,
        cluster_id=old.cluster_id,
        position=old.position,
        mode=old.mode,
        reference_id=old.reference_id,
        wanted=1,
        done=0,
        plan_id=old.plan_id if plan_id is None else plan_id,
        repeat_of=page_id,
        person_id=person_id,
    )
    session.add(row)
    session.flush()
    candidates = select(
        literal(row.id), PageCandidateRow.position, PageCandidateRow.image_id
    ).where(PageCandidateRow.page_id == page_id)
    session.execute(
        insert(PageCandidateRow).from_select(["page_id", "position", "image_id"], candidates)
    )
    return row.id
