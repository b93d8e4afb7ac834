"""The comparison table, what it was made from, and how to make a new one."""

from __future__ import annotations

import streamlit as st

from cssim.services import evaluation, experiments
from cssim.ui import (
    cached,
    compare_forms,
    comparison_view,
    jobs_view,
    runtime,
    session,
    tables,
    widgets,
    words,
)

user = session.require("researcher")

ws = runtime.workspace()
widgets.header("Compare", "Who agrees with people how often, with the uncertainty that remains.")
with widgets.errors():
    stored = evaluation.list_comparisons(ws)
    if stored:
        titles = {
            info.id: f"{info.name}, {words.ago(info.created_at)} (no. {info.id})" for info in stored
        }
        newest = stored[0].id  # in the key, so that a new comparison is shown at once
        chosen = newest
        if len(stored) > 1:
            chosen = st.selectbox(
                "Comparison",
                list(titles),
                format_func=titles.__getitem__,
                key=f"compare_shown_{newest}",
                width=420,
            )
        comparison_view.draw(cached.comparison(ws, chosen))
    else:
        widgets.empty(
            "Nothing compared yet",
            "Choose models and a set below and press **Compare now**: the table says how often "
            "each model agrees with people, and which differences are more than chance.",
            icon=":material/leaderboard:",
        )
    found, models = cached.summaries(ws), experiments.list_models(ws)
    ensembles = experiments.list_ensembles(ws)
    left, right = st.columns(2, gap="large")
    with left:
        tables.section("Compare now")
        compare_forms.draw_compare(ws, user, models, ensembles, found)
    with right:
        tables.section("Build an ensemble")
        compare_forms.draw_ensemble(ws, user, models, found)
    tables.section("Jobs")
    jobs_view.board(
        ws,
        ("compare", "ensemble"),
        key="compare",
        empty="Nothing runs. Comparisons and ensembles are shown here while they are made.",
    )
