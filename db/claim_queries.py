"""The queries by which pages are claimed: built once, run with other values each time.

Building a statement of this size costs more than running it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    bindparam,
    exists,
    func,
    or_,
    select,
)
from sqlalchemy.orm import aliased

from db.checks import blind, new_to
from db.models import (
    JudgementRow,
    LeaseRow,
    PageCandidateRow,
    PageRow,
    ParticipationRow,
    PlanRow,
    UTCDateTime,
)

_LOOK_BACK = 50
"""Among so many of a person's latest leases the last page of a plan is looked for."""

_PROJECT, _PERSON = bindparam("project", type_=Integer), bindparam("person", type_=Integer)
_PLAN, _NOW = bindparam("plan", type_=Integer), bindparam("now", type_=UTCDateTime)
_LEVEL, _AFTER = bindparam("level", type_=Integer), bindparam("after", type_=Integer)
_LIMIT = bindparam("limit", type_=Integer)


@cache
def next_query(of_a_plan: bool, part: str = "all") -> Any:
    """Ids of pages that a person may be given, at most `limit`, in their order.

    Walks the index of open pages. Values: project, person, now, limit, level, with a plan `plan`,
    and for two of the parts `after`.

    Args:
        of_a_plan: whether the pages are of a plan; else of none.
        part: `all` from `level` answers on; `behind` or `before` the page `after` (itself among
            the latter) those with `level` answers; `more`: those with more answers.
    """
    where = {
        "all": [PageRow.done >= _LEVEL],
        "behind": [PageRow.done == _LEVEL, PageRow.id > _AFTER],
        "before": [PageRow.done == _LEVEL, PageRow.id <= _AFTER],
        "more": [PageRow.done > _LEVEL],
    }[part]
    return (
        select(PageRow.id)
        .where(
            PageRow.project_id == _PROJECT,
            _of(of_a_plan),
            PageRow.done < PageRow.wanted,
            *where,
            *_may_have(),
        )
        .order_by(PageRow.done, PageRow.id)
        .limit(_LIMIT)
    )


def _of(a_plan: bool) -> ColumnElement[bool]:
    return PageRow.plan_id == _PLAN if a_plan else PageRow.plan_id.is_(None)


def _may_have() -> list[ColumnElement[bool]]:
    """What keeps a page from a person, turned round; speaks of `PageRow`."""
    held = aliased(LeaseRow)
    on_loan = (
        select(func.count())
        .where(held.page_id == PageRow.id, held.state == "open", held.expires_at > _NOW)
        .correlate(PageRow)
        .scalar_subquery()
    )
    return [
        PageRow.done + on_loan < PageRow.wanted,
        or_(PageRow.person_id.is_(None), PageRow.person_id == _PERSON),
        *new_to(_PERSON, _NOW),
        ~blind(),
    ]


@cache
def standing_query() -> Any:
    """One row: answers of the least-answered open page without a plan, whether one is paused.

    Values: project, person.
    """
    paused = exists().where(
        ParticipationRow.project_id == _PROJECT,
        ParticipationRow.person_id == _PERSON,
        ParticipationRow.paused,
    )
    return select(_least(PageRow.plan_id.is_(None)), paused)


@cache
def plans_query() -> Any:
    """Plans that are not paused, with the answers of their least-answered open page, or None.

    Columns as the fields of `db.claiming.OpenPlan`. Values: project.
    """
    return (
        select(
            PlanRow.id,
            PlanRow.priority,
            _least(PageRow.plan_id == PlanRow.id),
            PlanRow.gold_cluster_id,
            PlanRow.gold_rate,
            PlanRow.repeat_rate,
            PlanRow.repeat_gap,
        )
        .where(PlanRow.project_id == _PROJECT, ~PlanRow.paused)
        .order_by(PlanRow.id)
    )


def _least(plan: ColumnElement[bool]) -> Any:
    return (
        select(PageRow.done)
        .where(PageRow.project_id == _PROJECT, plan, PageRow.done < PageRow.wanted)
        .order_by(PageRow.done)
        .limit(1)
        .correlate(PlanRow)
        .scalar_subquery()
    )


@cache
def last_page_query(of_a_plan: bool) -> Any:
    """The plan's page that the person was given last, among their latest leases.

    Values: person, and with a plan: plan.
    """
    recent = (
        select(LeaseRow.page_id, LeaseRow.created_at)
        .where(LeaseRow.person_id == _PERSON)
        .order_by(LeaseRow.created_at.desc())
        .limit(_LOOK_BACK)
        .subquery()
    )
    return (
        select(recent.c.page_id)
        .join(PageRow, PageRow.id == recent.c.page_id)
        .where(_of(of_a_plan), PageRow.repeat_of.is_(None))
        .order_by(recent.c.created_at.desc(), recent.c.page_id.desc())
        .limit(1)
    )


@cache
def orders_query() -> Any:
    """Of pages: id, how many candidates, and the order in which the person saw the original.

    The last is None for pages that repeat nothing. Values: person, pages.
    """
    first = aliased(JudgementRow)
    shown_first = (
        select(first.shown)
        .where(first.page_id == PageRow.repeat_of, first.person_id == _PERSON)
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
    return select(PageRow.id, candidates, shown_first).where(
        PageRow.id.in_(bindparam("pages", expanding=True))
    )
