"""Queries behind the labelling page: leases, and what stands for a page and a person."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, case, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from cssim.types import Answer, JudgementKind
from db.annotations import STANDING, is_shown
from db.models import JudgementRow, LeaseRow, PageRow, PlanRow


@dataclass(frozen=True, slots=True)
class Lease:
    """A page handed out to a person."""

    id: str
    page_id: int
    person_id: int
    shown: tuple[int, ...]
    """Positions of the candidates as they stand on screen, left to right."""
    state: str
    """`open`, `answered` or `returned`."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Said:
    """A person's standing judgement of a page that was handed out to them."""

    judgement_id: int
    lease: Lease
    answer: Answer
    flag: str | None
    created_at: datetime


def not_superseded() -> ColumnElement[bool]:
    """That nothing replaces the judgement; speaks of `JudgementRow`."""
    later = aliased(JudgementRow)
    return ~exists().where(later.supersedes_id == JudgementRow.id)


def renew(
    session: Session,
    project_id: int,
    person_id: int,
    lease_ids: Iterable[str],
    now: datetime,
    expires_at: datetime,
) -> set[str]:
    """Prolong those of the leases that are still open and not run out: their ids."""
    standing = set(
        session.scalars(
            select(LeaseRow.id).where(
                LeaseRow.id.in_(list(lease_ids)), *_open_leases(project_id, person_id, now)
            )
        )
    )
    session.execute(update(LeaseRow).where(LeaseRow.id.in_(standing)).values(expires_at=expires_at))
    return standing


def open_leases(session: Session, project_id: int, person_id: int, now: datetime) -> list[Lease]:
    """The person's open leases that have not run out, oldest first."""
    query = select(LeaseRow).where(*_open_leases(project_id, person_id, now))
    return [
        _lease(row) for row in session.scalars(query.order_by(LeaseRow.created_at, LeaseRow.id))
    ]


def _open_leases(project_id: int, person_id: int, now: datetime) -> list[ColumnElement[bool]]:
    in_project = select(PageRow.id).where(
        PageRow.id == LeaseRow.page_id, PageRow.project_id == project_id, is_shown()
    )
    return [
        LeaseRow.person_id == person_id,
        LeaseRow.state == "open",
        LeaseRow.expires_at > now,
        in_project.exists(),
    ]


def find_lease(session: Session, project_id: int, lease_id: str) -> Lease | None:
    """The project's lease of that id, or None."""
    row = session.scalar(
        select(LeaseRow)
        .join(PageRow, PageRow.id == LeaseRow.page_id)
        .where(LeaseRow.id == lease_id, PageRow.project_id == project_id)
    )
    return None if row is None else _lease(row)


def set_lease(
    session: Session, lease_id: str, state: str, *, expires_at: datetime | None = None
) -> None:
    """Change a lease's state and, where given, the moment at which it runs out."""
    values: dict[str, Any] = {"state": state}
    if expires_at is not None:
        values["expires_at"] = expires_at
    session.execute(update(LeaseRow).where(LeaseRow.id == lease_id).values(**values))


def give_back(session: Session, person_id: int, lease_ids: Sequence[str]) -> int:
    """Return open leases of a person: how many."""
    result = session.execute(
        update(LeaseRow)
        .where(
            LeaseRow.id.in_(lease_ids),
            LeaseRow.person_id == person_id,
            LeaseRow.state == "open",
        )
        .values(state="returned")
        .returning(LeaseRow.id)
    )
    return len(result.all())


def lock_page(session: Session, page_id: int) -> None:
    """Hold a page until the transaction ends, so that answers to it follow one another."""
    session.execute(select(PageRow.id).where(PageRow.id == page_id).with_for_update(key_share=True))


def by_client_id(session: Session, client_id: str) -> tuple[int, int | None, int, bool] | None:
    """Id, person, page and lateness of the judgement with a browser's id, or None."""
    row = session.execute(
        select(
            JudgementRow.id, JudgementRow.person_id, JudgementRow.page_id, JudgementRow.late
        ).where(JudgementRow.client_id == client_id)
    ).first()
    return None if row is None else (row[0], row[1], row[2], row[3])


def standing_of(session: Session, person_id: int, page_id: int) -> tuple[int, JudgementKind] | None:
    """Id and kind of what the person last said about the page, or None."""
    row = session.execute(_standing_query(), {"person": person_id, "page": page_id}).first()
    return None if row is None else (row[0], JudgementKind(row[1]))


@cache
def _standing_query() -> Select[int, str]:
    """Built once: building it takes longer than running it, within every answer's transaction."""
    return (
        select(JudgementRow.id, JudgementRow.kind)
        .where(
            JudgementRow.person_id == bindparam("person"),
            JudgementRow.page_id == bindparam("page"),
            not_superseded(),
        )
        .order_by(JudgementRow.id.desc())
        .limit(1)
    )


def said_by(
    session: Session, project_id: int, person_id: int, *, before: int | None, limit: int
) -> list[Said]:
    """What a person said on pages handed out to them and still stands, newest first.

    Pages with a picture that was withdrawn are left out: they cannot be shown again.
    """
    latest = aliased(LeaseRow)
    newest_lease = (
        select(latest.id)
        .where(latest.person_id == person_id, latest.page_id == JudgementRow.page_id)
        .order_by(latest.created_at.desc(), latest.id)
        .limit(1)
        .correlate(JudgementRow)
        .scalar_subquery()
    )
    query = (
        select(JudgementRow, LeaseRow)
        .join(PageRow, PageRow.id == JudgementRow.page_id)
        .join(LeaseRow, LeaseRow.id == newest_lease)
        .where(
            PageRow.project_id == project_id,
            JudgementRow.person_id == person_id,
            JudgementRow.kind != JudgementKind.RETRACT.value,
            not_superseded(),
            is_shown(),
        )
        .order_by(JudgementRow.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(JudgementRow.id < before)
    return [_said(judgement, lease) for judgement, lease in session.execute(query)]


def count_said(
    session: Session, project_id: int, person_id: int, *, since: datetime | None = None
) -> int:
    """How many standing answers and ties a person gave, in all or since a moment."""
    query = (
        select(func.count())
        .select_from(JudgementRow)
        .join(PageRow, PageRow.id == JudgementRow.page_id)
        .where(
            PageRow.project_id == project_id,
            JudgementRow.person_id == person_id,
            JudgementRow.kind.in_(STANDING),
            not_superseded(),
        )
    )
    if since is not None:
        query = query.where(JudgementRow.created_at >= since)
    return int(session.scalar(query) or 0)


def count_wanted(session: Session, project_id: int) -> tuple[int, int]:
    """Answers given and answers wanted over all pages that are handed out.

    Answers beyond what a page wants do not count; a page of a paused plan wants what it has.
    """
    given, wanted = given_and_wanted()
    row = session.execute(
        select(func.sum(given), func.sum(wanted))
        .select_from(PageRow)
        .outerjoin(PlanRow, PlanRow.id == PageRow.plan_id)
        .where(PageRow.project_id == project_id, PageRow.wanted > 0)
    ).one()
    return int(row[0] or 0), int(row[1] or 0)


def given_and_wanted() -> tuple[ColumnElement[int], ColumnElement[int]]:
    """Answers that a page has and wants now; a query that joins pages to their plans takes it."""
    given = case((PageRow.done < PageRow.wanted, PageRow.done), else_=PageRow.wanted)
    return given, case((PlanRow.paused.is_(True), given), else_=PageRow.wanted)


def _lease(row: LeaseRow) -> Lease:
    return Lease(
        id=row.id,
        page_id=row.page_id,
        person_id=row.person_id,
        shown=tuple(map(int, row.shown)),
        state=row.state,
        expires_at=row.expires_at,
    )


def _said(row: JudgementRow, lease: LeaseRow) -> Said:
    answer = Answer(
        JudgementKind(row.kind), tuple(map(int, row.ranking)), tuple(map(int, row.classes))
    )
    return Said(row.id, _lease(lease), answer, row.flag, row.created_at)
