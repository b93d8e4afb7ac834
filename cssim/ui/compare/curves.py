"""Learning curves: which kind of model to make next, and what more labels would buy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from cssim.plots.comparison import forest_plot
from cssim.plots.curves import curves_figure, curves_table
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import figures, jobs_view, tables, widgets, words
from cssim.ui.compare import curves_form, kept

MOST = 7
"""Designs that can be told apart as lines."""


def draw(ws: Workspace, user: Person) -> None:
    """The stored studies of the project, one of them drawn, and the form that asks for one."""
    found = kept.studies(ws)
    done = {one.id: one for one in found}
    if not done:
        widgets.empty(
            "No learning curves yet",
            "They train heads on growing numbers of clusters and labels, judge them on references "
            "that nobody trained on, and say which kind of model is worth the next labels.",
            icon=":material/show_chart:",
        )
    else:
        titles = {
            one.id: f"{one.name}, {words.ago(one.created_at)} (job {one.id})"
            for one in done.values()
        }
        chosen = next(iter(titles))
        if len(titles) > 1:
            chosen = st.selectbox(
                "Study", list(titles), format_func=titles.__getitem__, key="curves_study", width=420
            )
        _study(kept.study(ws, chosen))
    with st.expander("New learning curves", expanded=not done, icon=":material/add_chart:"):
        curves_form.draw(ws, user)


def _study(study: Mapping[str, Any]) -> None:
    if study["stale"]:
        st.warning(
            f"Out of date: {words.plain_markdown(study['stale'])}.", icon=":material/update:"
        )
    verdict = study["verdict"]["text"]
    if verdict:
        with st.container(border=True):
            st.markdown(f"**{words.plain_markdown(verdict[0])}**")
            for sentence in verdict[1:]:
                st.markdown(f"- {words.plain_markdown(sentence)}")
    _axis(study)
    _ablations(study)
    with st.expander("How this was computed", icon=":material/info:"):
        data = study["data"]
        st.markdown(
            f"- {words.count(data['references'], 'held-out reference')}, "
            f"{words.count(data['triples'], 'triple')} over {words.count(data['splits'], 'split')} "
            f"and {words.count(data['seeds'], 'seed')}; {data['credit']} credit, "
            f"{100 * data['level']:g} % intervals"
        )
        for note in (*study["notes"], *data["leakage"]):
            st.markdown(f"- {words.plain_markdown(note)}")
        st.json({"data": data, "fingerprints": study["fingerprints"]}, expanded=False)


@st.fragment
def _axis(study: Mapping[str, Any]) -> None:
    axes = {axis["key"]: axis for axis in study["axes"]}
    if not axes:
        return
    key = st.segmented_control(
        "Labels grow by",
        list(axes),
        default=next(iter(axes)),
        required=True,
        format_func=lambda one: axes[one]["title"],
        key="curves_axis",
    )
    axis = axes[str(key)]
    titles = {one["name"]: one["title"] for one in study["designs"]}
    names = list(axis["curves"])
    chosen = st.multiselect(
        "Designs",
        names,
        default=_first(study, names),
        max_selections=MOST,
        wrap=True,
        key="curves_designs",
    )
    if chosen:
        human = study["data"]["human"]
        st.caption(
            "Crossings are marked while three designs or fewer are drawn. Whiskers are intervals "
            "over references."
        )
        figures.figure(
            curves_figure(axis, chosen, human=_share(human), dark=jobs_view.is_dark()),
            key="curves_figure",
            name=f"learning curves by {key}",
            data=curves_table(axis),
            alt=_alt(axis),
        )
    with st.expander("What the designs are"):
        for name in names:
            st.markdown(
                f"- **{words.plain_markdown(name)}**: {words.plain_markdown(titles.get(name, ''))}"
            )
    crossings = [one["text"] for one in axis["crossings"] if one["text"]]
    if crossings:
        tables.section("Where they cross")
        for text in crossings:
            st.markdown(f"- {words.plain_markdown(text)}")
    _next(axis)


def _first(study: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """What is preferred at the most clusters, the global model, and what needs no labels."""
    prefer = [one["design"] for one in study["verdict"]["prefer"]][-1:]
    wanted = [name for name in (*prefer, "global", "frozen") if name in names]
    return list(dict.fromkeys(wanted)) or list(names[:MOST])


def _share(human: Any) -> float | None:
    """The ceiling, as a share or as the whole of what is known about it."""
    value = human.get("others") if isinstance(human, Mapping) else human
    return None if value is None else float(value)


def _alt(axis: Mapping[str, Any]) -> str:
    ends = {
        name: curve["accuracy"][-1]
        for name, curve in axis["curves"].items()
        if curve["accuracy"] and curve["accuracy"][-1] is not None
    }
    best = max(ends, key=ends.__getitem__) if ends else None
    first, last = axis["sizes"][0]["labels"], axis["sizes"][-1]["labels"]
    leads = f" At the end {best} leads with {100 * ends[best]:.1f} %." if best else ""
    return (
        f"Accuracy of {words.count(len(axis['curves']), 'design')} from {first:,.0f} to "
        f"{words.count(round(last), 'label')}.{leads}"
    )


def _next(axis: Mapping[str, Any]) -> None:
    known = {name: one for name, one in axis["next"].items() if one["gain"] is not None}
    if not known:
        return
    more = max(one["labels"] for one in known.values())
    tables.section(f"What the next {words.count(round(more), 'label')} would add")
    order = sorted(known, key=lambda name: -known[name]["gain"])
    tables.table(
        ("Design", "Gain, points", "Interval"),
        [[name, f"{100 * known[name]['gain']:+.2f}", _span(known[name])] for name in order],
        numbers=("Gain, points", "Interval"),
        caption="What more labels would add to each design",
    )
    st.caption("An extrapolation: what each curve suggests if it goes on as it did.")


def _span(one: Mapping[str, Any]) -> str:
    if one["low"] is None or one["high"] is None:
        return ""
    return f"{100 * one['low']:+.2f} to {100 * one['high']:+.2f}"


@st.fragment
def _ablations(study: Mapping[str, Any]) -> None:
    by_clusters = study["tables"]
    if by_clusters:
        tables.section("All strategies at each number of clusters")
        size = st.segmented_control(
            "Clusters",
            list(by_clusters),
            default=list(by_clusters)[-1],
            required=True,
            key="curves_clusters",
        )
        table, at = by_clusters[str(size)], words.count(int(str(size)), "cluster")
        figures.figure(
            forest_plot(table, dark=jobs_view.is_dark()),
            key="curves_forest",
            name=f"strategies at {at}",
            data=table["rows"],
            alt=f"Accuracy and interval of each strategy and member at {at}.",
        )
    ranking = study["ablations"]["ranking"]
    if ranking:
        tables.section("Distance or ranking block")
        tables.table(
            ("Group", "Members", "By distance, %", "By ranking block, %", "Difference, points"),
            [
                [
                    one["group"],
                    _counted(one["members"]),
                    _percent(one["distance"]),
                    _percent(one["ranking"]),
                    tables.lines(f"{100 * one['difference']:+.2f}", tables.quiet(_span(one))),
                ]
                for one in ranking
            ],
            numbers=("Members", "By distance, %", "By ranking block, %", "Difference, points"),
            caption="Answers by the embedding's distance and by the ranking block",
        )
    left = study["ablations"]["members"]
    if left:
        tables.section("Groups left out of the last design")
        tables.table(
            ("Without", "Accuracy, %", "Change, points", "Holm p"),
            [
                [
                    one["member"],
                    _percent(one["accuracy"]),
                    tables.lines(f"{100 * one['difference']:+.2f}", tables.quiet(_span(one))),
                    "" if one["p_holm"] is None else f"{one['p_holm']:.3f}",
                ]
                for one in left
            ],
            numbers=("Accuracy, %", "Change, points", "Holm p"),
            caption="Groups left out",
        )


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.1f}"


def _counted(members: Any) -> str:
    return f"{len(members) if isinstance(members, list) else members}"
