"""How people answer: who agrees, who stands out and why, what all say together."""

from __future__ import annotations

import streamlit as st

from cssim.services.quality import QualityRules
from cssim.types import ClusterKind
from cssim.ui import cached, runtime, session, tables, widgets
from cssim.ui.plans import board
from cssim.ui.quality import consensus_view, kept, people, person, remarks

user = session.require("researcher")

ws = runtime.workspace()
widgets.header("Quality", "How people answer, who stands out and why, and what all say together.")
with widgets.errors():
    answered = [one.cluster for one in cached.summaries(ws) if one.judgements]
    if not answered:
        widgets.empty(
            "No answers yet",
            "As soon as people answer pages, this page shows how they agree and who stands out.",
            icon=":material/fact_check:",
        )
        widgets.page_link("plans", "To the plans", icon=":material/event_note:")
        st.stop()
    view = st.segmented_control(
        "View", ["People", "Consensus", "Remarks"], default="People", required=True,
        key="quality_view", label_visibility="collapsed",
    )  # fmt: skip
    if view == "Consensus":
        consensus_view.draw(ws, [c.name for c in answered if c.kind is not ClusterKind.GOLD])
        st.stop()
    if view == "Remarks":
        remarks.draw(ws, user)
        st.stop()
    board.live(ws)
    chosen, limit = st.columns([4, 1], vertical_alignment="bottom")
    sets = chosen.multiselect(
        "Sets", [cluster.name for cluster in answered], placeholder="All", key="quality_sets"
    )
    fast = limit.number_input("Too fast below, ms", 0, 10_000, 800, 100, key="quality_fast")
    report = kept.report(ws, tuple(sets), QualityRules(fast_ms=int(fast)))
    people.overall(report)
    if not report.people:
        st.info(
            "Nobody is named in these answers (released labels, vote counts), so there is nothing "
            "to say about single people.",
            icon=":material/info:",
        )
        st.stop()
    left, right = st.columns([3, 2], gap="large")
    with left:
        tables.section("Speed and agreement")
        people.figure(report)
    with right:
        tables.section("One person")
        person.draw(ws, report, user)
    tables.section("Everybody")
    people.table(report)
