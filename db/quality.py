"""Queries about how people answer: standing answers with their pages, skips, flags, throughput."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from cssim.types import Answer, JudgementKind
from db.annotations import STANDING, is_shown, positions
from db.leases import not_superseded
from db.library import chunks
from db.models import ImageRow, JudgementRow, PageCandidateRow, PageRow, TrainingAnswerRow


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """A standing answer or tie with its page."""

    judgement_id: int
    person_id: int | None
    page_id: int
    cluster_id: int
    reference: int
    candidates: tuple[int, ...]
    answer: Answer
    shown: tuple[int, ...]
    response_ms: int | None
    at: datetime | None
    """When it was given by the person's device, or else when it came in."""
    votes: int
    repeat_of: int | None
    is_gold: bool
    """Whether the page's answer is known."""
    plan_id: int | None


def standing_answers(
    session: Session, project_id: int, *, clusters: Sequence[int] | None = None
) -> list[AnswerRow]:
    """Every standing answer and tie of a project, or of some of its sets, in order.

    Repeats and answers to gold pages are among them, and those of excluded people; pages with a
    picture that was withdrawn are not.
    """
    where: list[ColumnElement[bool]] = [PageRow.project_id == project_id, is_shown()]
    if clusters is not None:
        where.append(PageRow.cluster_id.in_(sorted(set(clusters))))
    rows = session.execute(
        select(
            JudgementRow.id,
            JudgementRow.person_id,
            JudgementRow.page_id,
            JudgementRow.kind,
            JudgementRow.ranking,
            JudgementRow.classes,
            JudgementRow.shown,
            JudgementRow.response_ms,
            func.coalesce(JudgementRow.answered_at, JudgementRow.created_at),
            JudgementRow.votes,
            PageRow.cluster_id,
            PageRow.reference_id,
            PageRow.repeat_of,
            PageRow.gold.is_not(None),
            PageRow.plan_id,
        )
        .join(PageRow, PageRow.id == JudgementRow.page_id)
        .where(*where, JudgementRow.kind.in_(STANDING), not_superseded())
        .order_by(JudgementRow.id)
    ).all()
    candidates = candidates_of(session, {row[2] for row in rows})
    return [_answer(row, candidates[row[2]]) for row in rows]


def _answer(row: Sequence[Any], candidates: tuple[int, ...]) -> AnswerRow:
    return AnswerRow(
        judgement_id=row[0],
        person_id=row[1],
        page_id=row[2],
        cluster_id=row[10],
        reference=row[11],
        candidates=candidates,
        answer=Answer(JudgementKind(row[3]), positions(row[4]), positions(row[5])),
        shown=positions(row[6]),
        response_ms=row[7],
        at=row[8],
        votes=row[9],
        repeat_of=row[12],
        is_gold=bool(row[13]),
        plan_id=row[14],
    )


def candidates_of(session: Session, page_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Image ids of each page's candidates in the page's order."""
    found: dict[int, list[int]] = {}
    for some in chunks(sorted(set(page_ids))):
        for page_id, image_id in session.execute(
            select(PageCandidateRow.page_id, PageCandidateRow.image_id)
            .where(PageCandidateRow.page_id.in_(some))
            .order_by(PageCandidateRow.page_id, PageCandidateRow.position)
        ):
            found.setdefault(page_id, []).append(image_id)
    return {page_id: tuple(ids) for page_id, ids in found.items()}


def skips_and_flags(session: Session, project_id: int) -> dict[int, tuple[int, int]]:
    """How many pages each person skipped, and how many remarks they made, by person id."""
    skipped = func.sum(_one_if(JudgementRow.kind == JudgementKind.SKIP.value))
    flagged = func.sum(_one_if(JudgementRow.flag.is_not(None)))
    rows = session.execute(
        select(JudgementRow.person_id, skipped, flagged)
        .join(PageRow, PageRow.id == JudgementRow.page_id)
        .where(
            PageRow.project_id == project_id, JudgementRow.person_id.is_not(None), not_superseded()
        )
        .group_by(JudgementRow.person_id)
    )
    return {int(person): (int(s or 0), int(f or 0)) for person, s, f in rows if person}


def _one_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    from sqlalchemy import case

    return case((condition, 1), else_=0)


@dataclass(frozen=True, slots=True)
class Activity:
    """Answers that came in since a moment."""

    answers: int
    people: int
    first: datetime | None = None
    """When the earliest of them came in; None where there is none."""


def activity_since(session: Session, project_id: int, since: datetime) -> Activity:
    """Answers and ties given by people on pages of the project since then, and by how many."""
    answers, people, first = session.execute(
        select(
            func.count(JudgementRow.id),
            func.count(func.distinct(JudgementRow.person_id)),
            func.min(JudgementRow.created_at),
        )
        .join(PageRow, PageRow.id == JudgementRow.page_id)
        .where(
            PageRow.project_id == project_id,
            JudgementRow.created_at >= since,
            JudgementRow.kind.in_(STANDING),
            JudgementRow.source != "import",
            not_superseded(),
        )
    ).one()
    return Activity(int(answers), int(people), first)


def quality_state(session: Session, project_id: int) -> tuple[int, ...]:
    """Changes whenever an answer, or one of the training round, or a picture comes or goes."""
    state: list[int] = []
    for log in (JudgementRow, TrainingAnswerRow):
        newest, count = session.execute(
            select(func.max(log.id), func.count(log.id))
            .join(PageRow, PageRow.id == log.page_id)
            .where(PageRow.project_id == project_id)
        ).one()
        state += int(newest or 0), int(count)
    pictures = select(func.count(ImageRow.sha256)).where(ImageRow.project_id == project_id)
    return *state, int(session.scalar(pictures) or 0)
