"""Ensembles from inside: members left out, bounds, calibration, accuracy against coverage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from cssim.plots.ablation import bounds_figure, bounds_table, left_out_figure
from cssim.plots.calibration import (
    coverage_figure,
    coverage_table,
    reliability_figure,
    reliability_table,
)
from cssim.services.evaluation import StoredComparison
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import figures, jobs_view, tables, widgets, words
from cssim.ui.compare import asking

Ensembles = Sequence[Mapping[str, Any]]


def draw(ws: Workspace, user: Person, stored: StoredComparison) -> None:
    """The part of the page, or how to get it."""
    found = asking.analysis(
        ws,
        user,
        stored,
        key="members",
        tells="what each member of an ensemble is worth, how far it is from its bounds, and "
        "whether its confidences mean what they say",
    )
    if found is None:
        return
    ensembles = found.result["ensembles"]
    if ensembles:
        people = found.result["agreement"]["others"]
        _members(ensembles)
        _bounds(ensembles)
        _confidence(ensembles, people)
    else:
        widgets.empty(
            "No ensemble in this comparison",
            "Build an ensemble, and compare again with it.",
            icon=":material/hub:",
        )
    asking.footnotes(found, lambda note: "breakdown" not in note and "atrix" not in note)


@st.fragment
def _members(ensembles: Ensembles) -> None:
    tables.section("Each member left out")
    usable = [one["name"] for one in ensembles if one["ablation"]]
    if not usable:
        st.caption("No ensemble of this comparison could be fitted again without a member.")
        return
    name = st.segmented_control(
        "Ensemble", usable, default=usable[-1], required=True, wrap=True, key="members_of"
    )
    (chosen,) = [one for one in ensembles if one["name"] == name]
    rows = chosen["ablation"]
    st.caption(
        "The ensemble is fitted again on the same answers without each member. To the left of the "
        "line it is worse without it. Filled: more than chance (Holm over the members, 5 %). A "
        "member that others can stand in for costs nothing when it goes, and may be good all the "
        "same."
    )
    worst = min(rows, key=lambda one: one["difference"])
    figures.figure(
        left_out_figure(rows, dark=jobs_view.is_dark()),
        key="members_left_out",
        name=f"{name} without each member",
        data=rows,
        alt=(
            f"Change of accuracy of {name} without each of {words.count(len(rows), 'member')}; the "
            f"greatest loss is {100 * worst['difference']:+.2f} points without {worst['member']}."
        ),
    )
    if chosen["gating_null"]:
        with st.expander("Does the gate beat its null?"):
            st.caption(
                "The gated ensemble against itself with shuffled references, on the validation "
                "set: only where it beats the null are its weights context-sensitive."
            )
            st.json(chosen["gating_null"])


def _bounds(ensembles: Ensembles) -> None:
    tables.section("Between the best member and the bounds")
    st.caption(
        "The bounds choose the best member of each reference, or of each triple, by the very "
        "answers: no rule can reach them, and they rise with every member, a bad one too."
    )
    figures.figure(
        bounds_figure(ensembles, dark=jobs_view.is_dark()),
        key="members_bounds",
        name="ensembles and bounds",
        data=bounds_table(ensembles),
        alt="Accuracy of each ensemble beside its best member and its bounds: "
        + "; ".join(
            f"{one['name']} {words.percent(one['oracle']['ensemble'])}, best member "
            f"{words.percent(one['oracle']['best member'])}, best by reference "
            f"{words.percent(one['oracle']['best by reference'])}"
            for one in ensembles
        )
        + ".",
    )


def _confidence(ensembles: Ensembles, ceiling: float | None) -> None:
    sure = [one for one in ensembles if one["calibration"]]
    tables.section("Confidence")
    if not sure:
        st.caption("None of these ensembles states a confidence: they were fitted on no answers.")
        return
    dark = jobs_view.is_dark()
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Calibration**: what is said against what is earned")
        figures.figure(
            reliability_figure(sure, dark=dark),
            key="members_calibration",
            name="calibration",
            data=reliability_table(sure),
            alt="Stated confidence against credit earned. Mean distance from the diagonal: "
            + "; ".join(
                f"{one['name']} {100 * one['calibration']['error']:.1f} points" for one in sure
            )
            + ".",
        )
        tables.table(
            ("Ensemble", "Calibration error", "Brier", "Log loss"),
            [
                [
                    one["name"],
                    f"{100 * one['calibration']['error']:.1f} points",
                    f"{one['calibration']['brier']:.3f}",
                    f"{one['calibration']['log_loss']:.3f}",
                ]
                for one in sure
            ],
            numbers=("Calibration error", "Brier", "Log loss"),
            caption="Summaries of calibration",
        )
    with right:
        st.markdown("**Abstaining**: accuracy on the triples it is surest of")
        figures.figure(
            coverage_figure(sure, ceiling=ceiling, dark=dark),
            key="members_coverage",
            name="accuracy against coverage",
            data=coverage_table(sure),
            alt="Accuracy against the share of triples answered, surest first. "
            + "; ".join(_gain(one) for one in sure)
            + ".",
        )


def _gain(one: Mapping[str, Any]) -> str:
    curve = one["coverage"]
    return (
        f"{one['name']}: {100 * curve['credit'][-1]:.1f} % on all, "
        f"{100 * curve['credit'][0]:.1f} % on the surest {100 * curve['coverage'][0]:.0f} %"
    )
