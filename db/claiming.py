"""Which page a person gets next: plans in their order, least-answered pages first.

- Plans of the highest priority that have open pages come first; equal ones take turns. Sets that
  were drawn without a plan stand beside plans of priority 0. Paused plans and paused people wait.
- Within a plan the least-answered pages come first. A person who must pass over many pages that
  they answered themselves starts behind the page that they were given last, not at the first one:
  the next page is found at once however many were done.
- A plan may have known pages (gold) mixed in, and pages that the person answered before; both
  come at random places, so that nobody can expect them.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    text,
    union_all,
)
from sqlalchemy.orm import Session, aliased

from db.annotations import digits, positions
from db.checks import add_repeat, gold_query, new_to, repeatable_query
from db.leases import Lease
from db.library import table
from db.models import (
    ImageRow,
    JudgementRow,
    LeaseRow,
    PageCandidateRow,
    PageRow,
    ParticipationRow,
    PlanRow,
)

_CLAIM_LOCK = 7_239_105
"""First key of the PostgreSQL advisory lock under which one claim a project runs at a time."""
_LOOK_BACK = 50
"""Among so many of a person's latest leases the last page of a plan is looked for."""


@dataclass(frozen=True, slots=True)
class OpenPlan:
    """A plan that has pages to hand out; `id` None stands for the pages without a plan."""

    id: int | None
    priority: int
    level: int
    """How many answers its least-answered open page has."""
    gold_cluster: int | None = None
    gold_rate: float = 0.0
    repeat_rate: float = 0.0
    repeat_gap: int = 30


def claim(
    session: Session,
    project_id: int,
    person_id: int,
    *,
    want: int,
    now: datetime,
    expires_at: datetime,
    rng: random.Random,
) -> list[Lease]:
    """Up to `want` new leases of pages that this person may answer, in the order to show them.

    A page is left out where its answers and the open leases on it already reach what is wanted,
    where this person answered, skipped or holds it, and where a picture is not here. Must run in a
    writing transaction: claims then follow one another, so that no page is handed out too often.
    """
    if want <= 0:
        return []
    if session.get_bind().dialect.name == "postgresql":
        keys = {"lock": _CLAIM_LOCK, "project": project_id}
        session.execute(text("select pg_advisory_xact_lock(:lock, :project)"), keys)
    hand = _Hand(session, project_id, person_id, now, expires_at, rng)
    plans = open_plans(session, project_id, person_id)
    for priority in sorted({plan.priority for plan in plans}, reverse=True):
        equals = [plan for plan in plans if plan.priority == priority]
        rng.shuffle(equals)
        _take_turns(hand, equals, want)
        if len(hand.claimed) >= want:
            break
    return hand.claimed


def _take_turns(hand: _Hand, plans: list[OpenPlan], want: int) -> None:
    """Fill the hand up to `want` from plans of equal standing, as evenly as their pages allow."""
    while plans and len(hand.claimed) < want:
        share, rest = divmod(want - len(hand.claimed), len(plans))
        before, fuller = len(hand.claimed), []
        for i, plan in enumerate(plans):
            quota = share + (i < rest)
            if quota and hand.take(plan, quota) == quota:
                fuller.append(plan)
        if len(hand.claimed) == before:
            return
        plans = fuller


@dataclass
class _Hand:
    """What one person is being given in this transaction."""

    session: Session
    project_id: int
    person_id: int
    now: datetime
    expires_at: datetime
    rng: random.Random

    def __post_init__(self) -> None:
        self.claimed: list[Lease] = []

    def take(self, plan: OpenPlan, quota: int) -> int:
        """Lease up to `quota` pages of a plan, known and repeated ones mixed in: how many."""
        after = last_page(self.session, self.person_id, plan.id) if plan.level else None
        query = claim_query(
            self.project_id,
            self.person_id,
            self.now,
            plan=plan.id,
            limit=quota,
            level=plan.level,
            after=after,
        )
        rows = sorted(self.session.execute(query).all(), key=lambda row: tuple(row)[:3])
        pages = [self._instead(plan) or row[2] for row in rows]
        self._lease(list(dict.fromkeys(pages)))
        return len(rows)

    def _instead(self, plan: OpenPlan) -> int | None:
        """A gold page or a repeat that takes the place of an ordinary page, by the plan's rates."""
        if not (plan.gold_rate or plan.repeat_rate):
            return None
        drawn = self.rng.random()
        if drawn < plan.gold_rate and plan.gold_cluster is not None:
            return self._one_of(gold_query(plan.gold_cluster, self.person_id, self.now))
        if plan.id is not None and plan.gold_rate <= drawn < plan.gold_rate + plan.repeat_rate:
            query = repeatable_query(plan.id, self.person_id, plan.repeat_gap)
            original = self._one_of(query)
            return None if original is None else add_repeat(self.session, original, self.person_id)
        return None

    def _one_of(self, query: Select[Any]) -> int | None:
        held = {lease.page_id for lease in self.claimed}
        ids = [id_ for id_ in self.session.scalars(query) if id_ not in held]
        return self.rng.choice(ids) if ids else None

    def _lease(self, page_ids: Sequence[int]) -> None:
        if not page_ids:
            return
        orders = self._orders(page_ids)
        rows: list[dict[str, Any]] = [
            {
                "id": str(uuid.UUID(int=self.rng.getrandbits(128), version=4)),
                "page_id": page,
                "person_id": self.person_id,
                "shown": digits(orders[page]),
                "state": "open",
                "expires_at": self.expires_at,
            }
            for page in page_ids
        ]
        self.session.execute(insert(table(LeaseRow)), [{**r, "created_at": self.now} for r in rows])
        self.claimed += [Lease(**{**row, "shown": orders[row["page_id"]]}) for row in rows]

    def _orders(self, page_ids: Sequence[int]) -> dict[int, tuple[int, ...]]:
        """Orders on screen: at random, or for a repeat the other way round than the first time."""
        first = aliased(JudgementRow)
        shown_first = (
            select(first.shown)
            .where(first.page_id == PageRow.repeat_of, first.person_id == self.person_id)
            .order_by(first.id.desc())
            .limit(1)
            .scalar_subquery()
        )
        candidates = (
            select(func.count())
            .where(PageCandidateRow.page_id == PageRow.id)
            .correlate(PageRow)
            .scalar_subquery()
        )
        rows = self.session.execute(
            select(PageRow.id, candidates, shown_first).where(PageRow.id.in_(page_ids))
        )
        return {
            id_: positions(before)[::-1] if before else tuple(self.rng.sample(range(n), n))
            for id_, n, before in sorted(tuple(row) for row in rows)
        }


def open_plans(session: Session, project_id: int, person_id: int) -> list[OpenPlan]:
    """Plans that have open pages, nothing where the person is paused; one index entry each."""

    def least(plan: ColumnElement[bool]) -> Any:
        return (
            select(PageRow.done)
            .where(PageRow.project_id == project_id, plan, PageRow.done < PageRow.wanted)
            .order_by(PageRow.done)
            .limit(1)
            .correlate(PlanRow)
            .scalar_subquery()
        )

    paused = exists().where(
        ParticipationRow.project_id == project_id,
        ParticipationRow.person_id == person_id,
        ParticipationRow.paused,
    )
    without, is_paused = session.execute(select(least(PageRow.plan_id.is_(None)), paused)).one()
    if is_paused:
        return []
    level = least(PageRow.plan_id == PlanRow.id)
    rows = session.execute(
        select(
            PlanRow.id,
            PlanRow.priority,
            level,
            PlanRow.gold_cluster_id,
            PlanRow.gold_rate,
            PlanRow.repeat_rate,
            PlanRow.repeat_gap,
        )
        .where(PlanRow.project_id == project_id, ~PlanRow.paused)
        .order_by(PlanRow.id)
    )
    found = [OpenPlan(*row) for row in rows if row[2] is not None]
    return found if without is None else [*found, OpenPlan(None, 0, without)]


def last_page(session: Session, person_id: int, plan_id: int | None) -> int | None:
    """The page of the plan that was handed to the person last, among their latest leases."""
    recent = (
        select(LeaseRow.page_id, LeaseRow.created_at)
        .where(LeaseRow.person_id == person_id)
        .order_by(LeaseRow.created_at.desc())
        .limit(_LOOK_BACK)
        .subquery()
    )
    return session.scalar(
        select(recent.c.page_id)
        .join(PageRow, PageRow.id == recent.c.page_id)
        .where(_of_plan(plan_id), PageRow.repeat_of.is_(None))
        .order_by(recent.c.created_at.desc(), recent.c.page_id.desc())
        .limit(1)
    )


def claim_query(
    project_id: int,
    person_id: int,
    now: datetime,
    *,
    plan: int | None,
    limit: int,
    level: int = 0,
    after: int | None = None,
) -> Any:
    """Rows (part, answers, page id) that a person may be given, at most `limit`, in their order.

    Walks the index of open pages: those of `level` behind the page `after` (part 0), those of
    `level` up to it (1), then the ones with more answers (2). Each part is begun only where those
    before it gave too little.
    """
    fit = [
        PageRow.project_id == project_id,
        _of_plan(plan),
        PageRow.done < PageRow.wanted,
        *_may_have(person_id, now),
    ]
    if after is None:
        whole = _part(0, [*fit, PageRow.done >= level], limit)
        return select(whole)
    parts = (
        [PageRow.done == level, PageRow.id > after],
        [PageRow.done == level, PageRow.id <= after],
        [PageRow.done > level],
    )
    walks = [select(_part(i, [*fit, *part], limit)) for i, part in enumerate(parts)]
    return union_all(*walks).limit(limit)


def _part(number: int, where: Sequence[ColumnElement[bool]], limit: int) -> Any:
    return (
        select(literal(number).label("part"), PageRow.done, PageRow.id)
        .where(*where)
        .order_by(PageRow.done, PageRow.id)
        .limit(limit)
        .subquery()
    )


def _of_plan(plan_id: int | None) -> ColumnElement[bool]:
    return PageRow.plan_id.is_(None) if plan_id is None else PageRow.plan_id == plan_id


def _may_have(person_id: int, now: datetime) -> list[ColumnElement[bool]]:
    """What keeps a page from a person, turned round; speaks of `PageRow`."""
    held = aliased(LeaseRow)
    image, candidate_image = aliased(ImageRow), aliased(ImageRow)
    on_loan = (
        select(func.count())
        .where(held.page_id == PageRow.id, held.state == "open", held.expires_at > now)
        .correlate(PageRow)
        .scalar_subquery()
    )
    blind = or_(
        exists().where(image.id == PageRow.reference_id, image.sha256.is_(None)),
        exists().where(
            PageCandidateRow.page_id == PageRow.id,
            candidate_image.id == PageCandidateRow.image_id,
            candidate_image.sha256.is_(None),
        ),
    )
    return [
        PageRow.done + on_loan < PageRow.wanted,
        or_(PageRow.person_id.is_(None), PageRow.person_id == person_id),
        *new_to(person_id, now),
        ~blind,
    ]
