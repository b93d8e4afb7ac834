"""Where each model is right: a heat map of all rows, and lines with intervals of a few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cssim.plots.breakdown import breakdown_heat, breakdown_lines, breakdown_table, by_row
from cssim.services.evaluation import StoredComparison
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import figures, jobs_view, tables, words
from cssim.ui.compare import asking

KINDS = {
    "context": ("Context", "What the reference shows."),
    "class gap": (
        "Class gap",
        "How far apart people put the two candidates, 0 to 4 classes: wide gaps are easy "
        "questions, at 0 hardly anybody knows.",
    ),
    "margin": (
        "Own margin",
        "How far apart each model puts the two candidates, in five steps of equally many triples, "
        "from its closest calls to its surest answers. Steps are each model's own.",
    ),
    "people's agreement": (
        "People's agreement",
        "Share of the voters on the larger side. Where people split, nobody can earn much.",
    ),
    "distance to the nearest cluster": (
        "Distance to the clusters",
        "How far the reference is from the nearest one that any model was trained on, in cosine "
        "distance of the first frozen backbone, in five steps.",
    ),
}
MOST = 7
"""Rows that can be told apart as lines."""


def draw(ws: Workspace, user: Person, stored: StoredComparison) -> None:
    """The part of the page, or how to get it."""
    found = asking.analysis(
        ws,
        user,
        stored,
        key="breakdowns",
        tells="where each model is right: by context, by how hard people find the question, by "
        "the model's own margin, and by the distance to what was labelled",
    )
    if found is not None:
        _draw(stored, found.result)
        asking.footnotes(found, lambda note: "breakdown" in note)


@st.fragment
def _draw(stored: StoredComparison, result: Mapping[str, Any]) -> None:
    cells, names = result["breakdown"], [row["name"] for row in result["rows"]]
    kinds = [kind for kind in KINDS if cells.get(kind)]
    if not kinds:
        st.info("No row of this comparison could be computed.", icon=":material/info:")
        return
    kind = st.segmented_control(
        "Accuracy by",
        kinds,
        default=kinds[0],
        required=True,
        format_func=lambda one: KINDS[one][0],
        key="breakdowns_kind",
    )
    every = by_row(cells, names, str(kind))
    dark = jobs_view.is_dark()
    hidden = sum(cell["hidden"] for own in list(every.values())[:1] for cell in own)
    st.caption(
        f"{KINDS[str(kind)][1]} Accuracy in per cent; in "
        "brackets the references of a cell. "
        + (
            f"{words.count(hidden, 'cell has', 'cells have')} fewer than 10 references and show no "
            "number."
            if hidden
            else ""
        )
    )
    figures.figure(
        breakdown_heat(every, dark=dark),
        key="breakdowns_heat",
        name=f"accuracy by {kind}",
        data=breakdown_table(every),
        alt=_alt(every, str(kind)),
    )
    tables.section("A few rows with their intervals")
    chosen = st.multiselect(
        "Rows",
        names,
        default=_first(stored, names),
        max_selections=MOST,
        wrap=True,
        key="breakdowns_rows",
    )
    if chosen:
        some = {name: every[name] for name in chosen}
        figures.figure(
            breakdown_lines(some, ordered=kind != "context", ceiling=_ceiling(stored), dark=dark),
            key="breakdowns_lines",
            name=f"accuracy by {kind}, intervals",
            data=breakdown_table(some),
            alt=_alt(some, str(kind)),
        )
    else:
        st.caption("Choose a row to see its intervals.")


def _first(stored: StoredComparison, names: list[str]) -> list[str]:
    """The leader, the anchor, and the best row of another kind than the leader's."""
    rows = [r for r in stored.comparison.rows if r.name in names and r.accuracy is not None]
    rows.sort(key=lambda row: -(row.accuracy or 0.0))
    leaders = rows[:1]
    others = [row for row in rows if row.kind != leaders[0].kind][:1] if leaders else []
    anchor = [row for row in rows if row.name == stored.comparison.settings.anchor]
    return list(dict.fromkeys(row.name for row in (*leaders, *others, *anchor)))


def _ceiling(stored: StoredComparison) -> float | None:
    ceiling = stored.comparison.ceiling
    return None if ceiling is None else ceiling.others


def _alt(rows: Mapping[str, Any], kind: str) -> str:
    numbers = [
        (cell["accuracy"], name, cell["label"])
        for name, cells in rows.items()
        for cell in cells
        if cell["accuracy"] is not None
    ]
    if not numbers:
        return f"Accuracy by {kind}: no cell has enough references."
    (low, worst, where), (high, best, there) = min(numbers), max(numbers)
    return (
        f"Accuracy by {kind} for {words.count(len(rows), 'row')}, from {100 * low:.0f} % ({worst}, "
        f"{where}) to {100 * high:.0f} % ({best}, {there})."
    )
