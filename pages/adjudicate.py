"""Pages on which people disagree, decided one after the other without seeing their votes."""

from __future__ import annotations

import streamlit as st

from cssim.types import ClusterKind
from cssim.ui import cached, runtime, session, widgets, words
from cssim.ui.quality import deciding, kept

user = session.require("researcher")

ws = runtime.workspace()
widgets.header(
    "Disputed pages",
    "Where people disagree most. Decisions are kept beside the votes and change none of them.",
)
with widgets.errors():
    names = [
        one.cluster.name
        for one in cached.summaries(ws)
        if one.judgements and one.cluster.kind is not ClusterKind.GOLD
    ]
    chosen = st.multiselect("Sets", names, placeholder="All", key="decide_sets")
    found = kept.disputes(ws, tuple(chosen), decided=False, limit=200)
    if not found and "decided" not in st.session_state:
        widgets.empty(
            "No disputed pages",
            "A page is disputed where two or more people answered it and no clear majority came "
            "out. Plans with two or more people a page find such pages.",
            icon=":material/gavel:",
        )
        widgets.page_link("plans", "To the plans", icon=":material/event_note:")
        st.stop()
    done = kept.disputes(ws, tuple(chosen), decided=True, limit=1000)
    many = f"{len(found)}" if len(found) < 200 else "200 or more"
    st.caption(f"{many} open, {words.count(len(done), 'page')} decided.")
    deciding.draw(ws, found, user)
