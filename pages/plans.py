"""Say which pages people are to answer, see what it costs, and watch the answers come in."""

from __future__ import annotations

import streamlit as st

from cssim.types import ClusterKind
from cssim.ui import cached, jobs_view, runtime, session, tables, widgets
from cssim.ui.plans import board, form

user = session.require("researcher")

ws = runtime.workspace()
widgets.header(
    "Plans", "Which pages people are to answer, how many people each, and in which order."
)
with widgets.errors():
    said = st.session_state.pop("plans_said", None)
    if said:
        st.toast(said, icon=":material/check:")
    clusters = [one.cluster for one in cached.summaries(ws)]
    gold_sets = [cluster for cluster in clusters if cluster.kind is ClusterKind.GOLD]
    board.live(ws)
    left, right = st.columns([3, 2], gap="large")
    with left:
        tables.section("Plans")
        board.draw(ws)
        jobs_view.board(ws, ("plan",), key="plans", empty="")
    with right:
        tables.section("New plan")
        form.draw(ws, user, gold_sets)
        board.gold_maker(ws, clusters, gold_sets)
