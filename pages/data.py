"""What the project's data look like: sets, people, coverage, near duplicates, leakage."""

from __future__ import annotations

import streamlit as st

from cssim.ui import jobs_view, runtime, session, tables, widgets
from cssim.ui.data import coverage, overlap, people, sets

user = session.require("researcher")

ws = runtime.workspace()
widgets.header("Data in numbers", "What there is to learn from, by whom, and where it is thin.")
PARTS = {
    "Sets": lambda: sets.draw(ws, user),
    "People and days": lambda: people.draw(ws),
    "Coverage": lambda: coverage.draw(ws, user),
    "Between sets": lambda: overlap.draw_sets(ws, user),
    "Near duplicates": lambda: overlap.draw_pairs(ws, user),
}
# Only the open part is computed and drawn.
for tab, part in zip(st.tabs(list(PARTS), key="data_part", on_change="rerun"), PARTS, strict=True):
    if tab.open:
        with tab, widgets.errors():
            PARTS[part]()
tables.section("Jobs")
jobs_view.board(
    ws,
    ("survey",),
    key="data",
    empty="Nothing runs. A survey is shown here while it is made.",
)
