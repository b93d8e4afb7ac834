"""Sets in numbers: references, pages, triples, answers, people, ties, classes, human ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from cssim.plots.holdings import ceilings_figure, classes_figure, classes_table
from cssim.services.library import ClusterSummary
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import cached, figures, jobs_view, tables, widgets, words
from cssim.ui.data import asking, kept

COLUMNS = (
    "Set", "Kind", "References", "Pages", "Open", "Answers", "People", "Triples", "Pictures",
    "Ties, %", "Same class, %", "Human ceiling, %",
)  # fmt: skip


def draw(ws: Workspace, user: Person) -> None:
    """The table of sets, the classes given, and the human ceilings."""
    found = [one for one in cached.summaries(ws) if one.pages]
    if not found:
        widgets.empty(
            "No sets yet",
            "Import labels, or draw pages from your pictures and have them judged.",
            icon=":material/bar_chart:",
        )
        widgets.page_link("library", "To the library", icon=":material/photo_library:")
        return
    survey = kept.survey(ws)
    ceilings = {one["cluster"]: one for one in survey.agreement} if survey else {}
    _table(found, kept.people(ws), ceilings)
    st.caption(
        "Ties: triples whose votes are even. Same class: triples whose two candidates were put "
        "into the same class; the order still says which is closer. Human ceiling: how often the "
        "other voters' majority agrees with the next person, with its 95 % interval over "
        "references; it needs two people or more on a page."
    )
    tables.section("Classes given")
    classes = {one.cluster.name: one.classes for one in found if sum(one.classes.values())}
    if classes:
        figures.figure(
            classes_figure(classes, dark=jobs_view.is_dark()),
            key="data_classes",
            name="classes by set",
            data=classes_table(classes),
            alt=_classes_alt(classes),
        )
    else:
        st.caption("Nobody has given classes yet; choosing pages have none.")
    tables.section("How far people agree")
    survey = asking.survey(
        ws,
        user,
        key="data_sets",
        tells="how far people agree in each set, which pictures are near duplicates, and where "
        "in image space the labels lie",
    )
    if survey is not None:
        _agreement(survey.agreement)
        asking.footnotes(survey)


def _table(
    found: Sequence[ClusterSummary],
    people: Mapping[int, int],
    ceilings: Mapping[int, Mapping[str, Any]],
) -> None:
    rows = [
        [
            one.cluster.name,
            tables.tag(words.CLUSTER_KINDS[one.cluster.kind]),
            f"{one.references:,}",
            f"{one.pages:,}",
            f"{one.open_pages:,}" if one.open_pages else "",
            tables.lines(
                f"{one.judgements:,}",
                tables.quiet(words.count(one.votes, "vote")) if one.votes != one.judgements else "",
            ),
            f"{people.get(one.cluster.id, 0):,}" if one.judgements else "",
            f"{one.triples:,}" if one.triples else "",
            tables.lines(
                f"{one.images:,}",
                tables.quiet(f"{one.missing_images:,} not here") if one.missing_images else "",
            ),
            _share(one.tie_share),
            _share(one.same_class_share),
            _ceiling(ceilings.get(one.cluster.id)),
        ]
        for one in found
    ]
    tables.table(COLUMNS, rows, numbers=COLUMNS[2:], caption="Sets of the project in numbers")


def _share(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.1f}"


def _ceiling(one: Mapping[str, Any] | None) -> str:
    if one is None or one["others"] is None:
        return ""
    span = "" if one["low"] is None else f"{100 * one['low']:.1f} to {100 * one['high']:.1f}"
    return tables.lines(f"{100 * one['others']:.1f}", tables.quiet(span))


def _classes_alt(classes: Mapping[str, Mapping[int, int]]) -> str:
    parts = []
    for name, counts in classes.items():
        most = max(counts, key=counts.__getitem__)
        parts.append(f"{name} most often {most} ({counts[most] / sum(counts.values()):.0%})")
    return f"Shares of the classes 1 to 5 in each set: {'; '.join(parts)}."


def _agreement(found: Sequence[Mapping[str, Any]]) -> None:
    overlapping = [one for one in found if one["others"] is not None]
    if not overlapping:
        st.caption(
            "No page was answered by two people or more, so nobody can tell how far they agree. "
            "Ask several people for the same pages."
        )
        return
    figures.figure(
        ceilings_figure(overlapping, dark=jobs_view.is_dark()),
        key="data_ceilings",
        name="human ceilings",
        data=overlapping,
        alt="Human ceiling of each set with its interval: "
        + "; ".join(f"{one['set']} {100 * one['others']:.1f} %" for one in overlapping)
        + ".",
    )
    columns = ("Set", "Triples with two votes", "One person with another, %", "Bound, %",
               "Alpha, choices", "Alpha, classes")  # fmt: skip
    tables.table(
        columns,
        [
            [
                one["set"],
                f"{one['triples']:,}",
                f"{100 * one['person']:.1f}",
                f"{100 * one['bound']:.1f}",
                _alpha(one["alpha_choices"]),
                _alpha(one["alpha_classes"]),
            ]
            for one in overlapping
        ],
        numbers=columns[1:],
        caption="Agreement between people",
    )
    st.caption(
        "Alpha is Krippendorff's: 1 is perfect agreement, 0 is chance. The bound is the mean share "
        "of the larger side: no answer can earn more on just these votes."
    )


def _alpha(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}".replace("-", "−")
