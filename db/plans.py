"""Queries about plans: make them, count what they got, pause them, add people where needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Select, case, func, select, update
from sqlalchemy.orm import Session

from cssim.errors import Conflict, NotFound
from cssim.types import ClusterKind, JudgementKind
from db.annotations import STANDING, is_excluded, is_shown, positions
from db.leases import given_and_wanted, not_superseded
from db.library import chunks
from db.models import (
    ClusterRow,
    JudgementRow,
    PageCandidateRow,
    PageRow,
    PersonRow,
    PlanRow,
)


@dataclass(frozen=True, slots=True)
class NewPlan:
    """A plan before it has an id; fields as in `PlanRow`."""

    name: str
    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    priority: int = 0
    paused: bool = False
    gold_cluster_id: int | None = None
    gold_rate: float = 0.0
    repeat_rate: float = 0.0
    repeat_gap: int = 30
    cap: int | None = None
    sure: float = 0.85
    created_by: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A stored plan; fields as in `PlanRow`."""

    id: int
    name: str
    kind: str
    settings: Mapping[str, Any]
    priority: int
    paused: bool
    gold_cluster_id: int | None
    gold_rate: float
    repeat_rate: float
    repeat_gap: int
    cap: int | None
    sure: float
    created_by: int | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PlanCounts:
    """What a plan got so far; repeats are counted apart."""

    pages: int = 0
    finished: int = 0
    """Pages that have all the answers they want."""
    wanted: int = 0
    done: int = 0
    """Answers wanted and given; those beyond what a page wants do not count."""
    repeats: int = 0
    """Repeated pages that were handed out or wait for their person."""
    repeats_done: int = 0
    choose: int = 0
    """Answers that are still wanted on pages to choose on, repeats included."""
    rank: int = 0
    """Likewise on pages to rank."""


def add_plan(session: Session, project_id: int, plan: NewPlan) -> int:
    """The id of a new plan.

    Raises:
        Conflict: the project has a plan of that name.
    """
    same = select(PlanRow.id).where(PlanRow.project_id == project_id, PlanRow.name == plan.name)
    if session.scalar(same) is not None:
        raise Conflict(f"there is a plan {plan.name!r} already; choose another name")
    row = PlanRow(
        project_id=project_id,
        **{name: getattr(plan, name) for name in NewPlan.__slots__ if name != "settings"},
        settings=dict(plan.settings),
    )
    session.add(row)
    session.flush()
    return row.id


def list_plans(session: Session, project_id: int) -> list[Plan]:
    """Plans of a project, newest first."""
    query = select(PlanRow).where(PlanRow.project_id == project_id).order_by(PlanRow.id.desc())
    return [_plan(row) for row in session.scalars(query)]


def get_plan(session: Session, project_id: int, plan: int | str) -> Plan:
    """The plan of that id or name.

    Raises:
        NotFound: the project has none.
    """
    key = PlanRow.id == plan if isinstance(plan, int) else PlanRow.name == plan
    row = session.scalar(select(PlanRow).where(PlanRow.project_id == project_id, key))
    if row is None:
        known = session.scalars(select(PlanRow.name).where(PlanRow.project_id == project_id))
        names = ", ".join(known.all()[:10]) or "none yet"
        raise NotFound(f"there is no plan {plan!r} in this project; there are: {names}")
    return _plan(row)


def _plan(row: PlanRow) -> Plan:
    return Plan(**{name: getattr(row, name) for name in Plan.__slots__})


def change_plan(session: Session, plan_id: int, **values: Any) -> None:
    """Set columns of a plan."""
    session.execute(update(PlanRow).where(PlanRow.id == plan_id).values(**values))


def count_plans(
    session: Session, project_id: int, plan_ids: Sequence[int] | None = None
) -> dict[int, PlanCounts]:
    """What each plan (or each of `plan_ids`) got so far; plans without pages are left out."""
    own = case((PageRow.repeat_of.is_(None), 1), else_=0)
    given = case((PageRow.done < PageRow.wanted, PageRow.done), else_=PageRow.wanted)
    full = case((PageRow.done >= PageRow.wanted, 1), else_=0)
    left = PageRow.wanted - given
    query = (
        select(
            PageRow.plan_id,
            func.sum(own),
            func.sum(own * full),
            func.sum(own * PageRow.wanted),
            func.sum(own * given),
            func.sum(1 - own),
            func.sum((1 - own) * full),
            func.sum(case((PageRow.mode == "choose", left), else_=0)),
            func.sum(case((PageRow.mode == "rank", left), else_=0)),
        )
        .where(PageRow.project_id == project_id, PageRow.plan_id.is_not(None))
        .group_by(PageRow.plan_id)
    )
    if plan_ids is not None:
        query = query.where(PageRow.plan_id.in_(plan_ids))
    return {row[0]: PlanCounts(*(int(n or 0) for n in row[1:])) for row in session.execute(query)}


def clusters_of_plans(session: Session, project_id: int) -> dict[int, tuple[str, ...]]:
    """Names of the sets in which each plan has pages, by plan id."""
    rows = session.execute(
        select(PageRow.plan_id, ClusterRow.name)
        .join(ClusterRow, ClusterRow.id == PageRow.cluster_id)
        .where(PageRow.project_id == project_id, PageRow.plan_id.is_not(None))
        .distinct()
        .order_by(PageRow.plan_id, ClusterRow.name)
    )
    found: dict[int, list[str]] = {}
    for plan_id, name in rows:
        found.setdefault(int(plan_id or 0), []).append(name)
    return {plan_id: tuple(names) for plan_id, names in found.items()}


def pages_around(session: Session, project_id: int, references: Iterable[int]) -> list[int]:
    """Ids of the pages with these references, in order.

    Gold pages, repeats and pages with a picture that was withdrawn are left out.
    """
    found: list[int] = []
    for some in chunks(sorted(set(references))):
        query = (
            select(PageRow.id)
            .where(
                PageRow.project_id == project_id,
                PageRow.reference_id.in_(some),
                PageRow.repeat_of.is_(None),
                PageRow.gold.is_(None),
                is_shown(),
            )
            .order_by(PageRow.id)
        )
        found += session.scalars(query)
    return sorted(found)


def kinds_of_references(
    session: Session, project_id: int, references: Iterable[int]
) -> dict[int, set[ClusterKind]]:
    """By reference, what the sets are for that have pages around it; absent where none has."""
    found: dict[int, set[ClusterKind]] = {}
    for some in chunks(sorted(set(references))):
        query = (
            select(PageRow.reference_id, ClusterRow.kind)
            .join(ClusterRow, ClusterRow.id == PageRow.cluster_id)
            .where(PageRow.project_id == project_id, PageRow.reference_id.in_(some))
            .distinct()
        )
        for reference, kind in session.execute(query):
            found.setdefault(reference, set()).add(ClusterKind(kind))
    return found


def ask_more(session: Session, page_ids: Sequence[int], people: int, plan_id: int) -> None:
    """Let `people` more persons answer the pages, handed out by that plan from now on."""
    for some in chunks(page_ids):
        most = case((PageRow.done > PageRow.wanted, PageRow.done), else_=PageRow.wanted)
        session.execute(
            update(PageRow)
            .where(PageRow.id.in_(some))
            .values(wanted=most + people, plan_id=plan_id)
            .execution_options(synchronize_session=False)
        )


def answered_by(session: Session, page_ids: Sequence[int]) -> list[tuple[int, int]]:
    """(page, person) of the standing answers of people who can be asked again, in order."""
    found: list[tuple[int, int]] = []
    for some in chunks(page_ids):
        found += [(page, person) for page, person in session.execute(_askable(some)) if person]
    return sorted(set(found))


def _askable(page_ids: Sequence[int]) -> Select[int, int | None]:
    return (
        select(JudgementRow.page_id, JudgementRow.person_id)
        .join(PersonRow, PersonRow.id == JudgementRow.person_id)
        .where(
            JudgementRow.page_id.in_(page_ids),
            JudgementRow.kind.in_(STANDING),
            PersonRow.active,
            ~PersonRow.imported,
            ~PersonRow.simulated,
            not_superseded(),
        )
    )


@dataclass(frozen=True, slots=True)
class Adaptive:
    """A page of a plan with adaptive overlap, and what people said about it."""

    wanted: int
    done: int
    cap: int
    sure: float
    orders: tuple[tuple[int, ...], ...]
    """Of the standing answers; empty for a tie."""


def adaptive_page(session: Session, page_id: int) -> Adaptive | None:
    """The page as its plan's adaptive overlap sees it; None where the overlap is fixed."""
    row = session.execute(
        select(PageRow.wanted, PageRow.done, PlanRow.cap, PlanRow.sure)
        .join(PlanRow, PlanRow.id == PageRow.plan_id)
        .where(PageRow.id == page_id, PlanRow.cap.is_not(None))
        .where(PageRow.repeat_of.is_(None), is_shown())
    ).first()
    if row is None or row[2] is None:
        return None
    said = session.execute(
        select(JudgementRow.kind, JudgementRow.ranking)
        .join(PageRow, PageRow.id == JudgementRow.page_id)
        .where(
            JudgementRow.page_id == page_id,
            JudgementRow.kind.in_(STANDING),
            not_superseded(),
            ~is_excluded(),
        )
    )
    orders = tuple(
        () if kind == JudgementKind.TIE.value else positions(ranking) for kind, ranking in said
    )
    return Adaptive(row[0], row[1], row[2], row[3], orders)


def set_wanted(session: Session, page_id: int, wanted: int) -> None:
    """Change how many people are to answer a page."""
    session.execute(update(PageRow).where(PageRow.id == page_id).values(wanted=wanted))


def latest_form(session: Session, project_id: int) -> tuple[str, int] | None:
    """Mode and number of candidates of the project's newest page; None where there is none."""
    page = session.execute(
        select(PageRow.id, PageRow.mode)
        .where(PageRow.project_id == project_id)
        .order_by(PageRow.id.desc())
        .limit(1)
    ).first()
    if page is None:
        return None
    count = select(func.count()).where(PageCandidateRow.page_id == page[0])
    return page[1], int(session.scalar(count) or 0)


@dataclass(frozen=True, slots=True)
class Coverage:
    """All pages of a project that are handed out; repeats count in what is left only."""

    pages: int
    touched: int
    finished: int
    wanted: int
    done: int
    choose: int
    """Answers still wanted on pages to choose on."""
    rank: int


def coverage(session: Session, project_id: int) -> Coverage:
    """How far the project's pages that want answers are, whichever plan they are of.

    A page of a paused plan wants the answers that it has; one without any is left out.
    """
    given, wanted = given_and_wanted()
    own, left = case((PageRow.repeat_of.is_(None), 1), else_=0), wanted - given
    row = session.execute(
        select(
            func.sum(own),
            func.sum(case((PageRow.done > 0, own), else_=0)),
            func.sum(case((PageRow.done >= wanted, own), else_=0)),
            func.sum(own * wanted),
            func.sum(own * given),
            func.sum(case((PageRow.mode == "choose", left), else_=0)),
            func.sum(case((PageRow.mode == "rank", left), else_=0)),
        )
        .select_from(PageRow)
        .outerjoin(PlanRow, PlanRow.id == PageRow.plan_id)
        .where(PageRow.project_id == project_id, wanted > 0)
    ).one()
    return Coverage(*(int(number or 0) for number in row))
