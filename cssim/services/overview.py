"""Labelling as it is now: throughput, what is left, coverage."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cssim.services.gallery import seconds_per_page
from cssim.services.workspace import Workspace
from cssim.types import PageMode
from db import plans as plan_rows
from db import quality as rows
from db.quality import Activity


@dataclass(frozen=True, slots=True)
class LiveOverview:
    """All pages that are handed out, in numbers; paused plans want nothing more."""

    pages: int
    """That want answers or have them, repeats left out."""
    touched: int
    """With at least one answer."""
    finished: int
    """With all the answers they want."""
    wanted: int
    done: int
    """Answers wanted and given; those beyond what a page wants do not count."""
    last_hour: Activity
    last_day: Activity
    """Answers, and people who gave them."""
    working: int
    """People who answered in the last quarter of an hour."""
    seconds_left: float
    """Person seconds for what is wanted, at the measured pace."""
    hours_at_this_pace: float | None
    """Hours of the clock until the end at the pace of the last day; None: nobody answered in it.

    Where the first answer is younger than a day, the pace is the one since then.
    """


SHORTEST = timedelta(hours=1)
"""The least time that a pace is measured over: a burst of answers is no pace."""


def live_overview(ws: Workspace, *, now: datetime | None = None) -> LiveOverview:
    """Throughput, remaining time and coverage of the project."""
    now = now or datetime.now(UTC)
    with ws.database.reading() as session:
        coverage = plan_rows.coverage(session, ws.project.id)
        hour, day, quarter = (
            rows.activity_since(session, ws.project.id, now - timedelta(minutes=minutes))
            for minutes in (60, 24 * 60, 15)
        )
    pace = {mode: seconds_per_page(ws, mode)[0] for mode in PageMode}
    left = coverage.choose + coverage.rank
    return LiveOverview(
        pages=coverage.pages,
        touched=coverage.touched,
        finished=coverage.finished,
        wanted=coverage.wanted,
        done=coverage.done,
        last_hour=hour,
        last_day=day,
        working=quarter.people,
        seconds_left=coverage.choose * pace[PageMode.CHOOSE] + coverage.rank * pace[PageMode.RANK],
        hours_at_this_pace=_hours(left, day, now),
    )


def _hours(left: int, day: Activity, now: datetime) -> float | None:
    if not day.answers or day.first is None:
        return None
    span = min(max(now - day.first, SHORTEST), timedelta(days=1))
    return left / day.answers * (span / timedelta(hours=1))
