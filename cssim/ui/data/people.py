"""Who answered when: stacked bars by day, and each person's days and answers."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.plots.holdings import days_figure
from cssim.services.surveys import DayCount
from cssim.services.workspace import Workspace
from cssim.ui import figures, jobs_view, tables, widgets, words
from cssim.ui.data import kept

UNNAMED = "unnamed"
"""Whom the imported file did not name."""


def draw(ws: Workspace) -> None:
    """Answers by day and person, simulated and imported ones marked."""
    found = kept.days(ws)
    if not found:
        widgets.empty(
            "Nobody has answered yet",
            "Answers appear here by person and day once there are any.",
            icon=":material/calendar_month:",
        )
        widgets.page_link("annotate", "Label the first page", icon=":material/touch_app:")
        return
    total, people = sum(one.answers for one in found), {called(one) for one in found}
    days = {one.day for one in found}
    st.markdown(
        f"**{words.count(total, 'standing answer')}** by "
        f"{words.count(len(people), 'person', 'people')} on {words.count(len(days), 'day')} (UTC)."
    )
    counts = [(called(one), one.day, one.answers) for one in found]
    figures.figure(
        days_figure(counts, dark=jobs_view.is_dark()),
        key="data_days",
        name="answers by day",
        data=[
            {
                "day": one.day.isoformat(),
                "person": one.person or UNNAMED,
                "answers": one.answers,
                "simulated": one.simulated,
                "imported": one.imported,
            }
            for one in found
        ],
        alt=_alt(found),
    )
    _table(found)
    st.caption(
        "Counted are answers and ties that nothing has replaced since, on the day on which they "
        "were given. Imported answers without a time stand on the day of the import."
    )


def called(one: DayCount) -> str:
    """A person's name with what is special about their answers."""
    name = one.person or UNNAMED
    marks = ["simulated"] * one.simulated + ["imported"] * one.imported
    # Simulated people of the demo say so in their names.
    marks = [mark for mark in marks if mark not in name]
    return f"{name} ({', '.join(marks)})" if marks else name


def _table(found: Sequence[DayCount]) -> None:
    rows = []
    people = sorted({(one.person, one.simulated, one.imported) for one in found})
    for person, simulated, imported in people:
        own = [
            one
            for one in found
            if (one.person, one.simulated, one.imported) == (person, simulated, imported)
        ]
        rows.append(
            (
                sum(one.answers for one in own),
                [
                    tables.words(
                        person or UNNAMED,
                        tables.tag("simulated") if simulated else "",
                        tables.tag("imported") if imported else "",
                    ),
                    f"{sum(one.answers for one in own):,}",
                    f"{len(own):,}",
                    own[0].day.isoformat(),
                    own[-1].day.isoformat(),
                ],
            )
        )
    rows.sort(key=lambda row: -row[0])
    tables.table(
        ("Person", "Answers", "Days", "First", "Last"),
        [cells for _, cells in rows],
        numbers=("Answers", "Days", "First", "Last"),
        caption="Answers by person",
    )


def _alt(found: Sequence[DayCount]) -> str:
    by_day: dict[str, int] = {}
    for one in found:
        by_day[one.day.isoformat()] = by_day.get(one.day.isoformat(), 0) + one.answers
    busiest = max(by_day, key=by_day.__getitem__)
    return (
        f"Answers by day and person on {words.count(len(by_day), 'day')} from {min(by_day)} to "
        f"{max(by_day)}; most on {busiest}: {by_day[busiest]:,}."
    )
