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

from sqlalchemy import Select, insert, text
from sqlalchemy.orm import Session

from db.annotations import digits, positions
from db.checks import add_repeat, gold_query, repeatable_query
from db.claim_queries import (
    last_page_query,
    next_query,
    orders_query,
    plans_query,
    standing_query,
)
from db.leases import Lease
from db.library import table
from db.models import LeaseRow

_CLAIM_LOCK = 7_239_105
"""First key of the PostgreSQL advisory lock under which one claim a project runs at a time."""


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
        found = self._walk(plan, quota)
        pages = [self._instead(plan) or page for page in found]
        self._lease(list(dict.fromkeys(pages)))
        return len(found)

    def _walk(self, plan: OpenPlan, quota: int) -> list[int]:
        """Up to `quota` open pages of a plan that the person may have, in order.

        Where every page has answers, and so perhaps many of the person's own, the walk begins
        behind the page that they were given last.
        """
        after = last_page(self.session, self.person_id, plan.id) if plan.level else None
        values = {
            "project": self.project_id,
            "person": self.person_id,
            "now": self.now,
            "plan": plan.id,
            "level": plan.level,
            "after": after,
        }
        found: list[int] = []
        for part in ("all",) if after is None else ("behind", "before", "more"):
            query = next_query(plan.id is not None, part)
            found += self.session.scalars(query, {**values, "limit": quota - len(found)})
            if len(found) >= quota:
                break
        return found

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
        values = {"person": self.person_id, "pages": list(page_ids)}
        rows = self.session.execute(orders_query(), values)
        return {
            id_: positions(before)[::-1] if before else tuple(self.rng.sample(range(n), n))
            for id_, n, before in sorted(tuple(row) for row in rows)
        }


def open_plans(session: Session, project_id: int, person_id: int) -> list[OpenPlan]:
    """Plans that have open pages, nothing where the person is paused; one index entry each."""
    values = {"project": project_id, "person": person_id}
    without, is_paused = session.execute(standing_query(), values).one()
    if is_paused:
        return []
    rows = session.execute(plans_query(), values)
    found = [OpenPlan(*row) for row in rows if row[2] is not None]
    return found if without is None else [*found, OpenPlan(None, 0, without)]


def last_page(session: Session, person_id: int, plan_id: int | None) -> int | None:
    """The page of the plan that was handed to the person last, among their latest leases."""
    values = {"person": person_id, "plan": plan_id}
    found: int | None = session.scalar(last_page_query(plan_id is not None), values)
    return found
