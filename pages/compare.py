"""The comparison table, where it comes from and what lies behind it, and how to make a new one."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cssim.services import evaluation, experiments
from cssim.ui import (
    cached,
    compare_forms,
    comparison_view,
    first_visit,
    jobs_view,
    runtime,
    session,
    tables,
    widgets,
)
from cssim.ui.compare import breakdowns, choosing, clusters, curves, members, runs

user = session.require("researcher")

ws = runtime.workspace()
widgets.header("Compare", "Who agrees with people how often, with the uncertainty that remains.")
with widgets.errors():
    chosen = choosing.draw(evaluation.list_comparisons(ws))
    parts: dict[str, Callable[[], None]] = {}
    if chosen is not None:
        shown = cached.comparison(ws, chosen)
        comparison_view.draw_stale(shown)
        runs.draw(ws, shown)
        first_visit.saw(ws, user, "comparison")
        parts = {
            "Result": lambda: comparison_view.draw(shown),
            "Where it is right": lambda: breakdowns.draw(ws, user, shown),
            "Across clusters": lambda: clusters.draw(ws, user, shown),
            "Ensembles": lambda: members.draw(ws, user, shown),
        }
    else:
        parts = {"Result": comparison_view.draw_empty}
    parts["Learning curves"] = lambda: curves.draw(ws, user)
    # Only the open part is computed and drawn.
    for tab, part in zip(
        st.tabs(list(parts), key="compare_part", on_change="rerun"), parts.values(), strict=True
    ):
        if tab.open:
            with tab, widgets.errors():
                part()
    new = st.expander(
        "New comparison",
        expanded=chosen is None,
        key="compare_new" if chosen is None else f"compare_new_{chosen}",
        icon=":material/add_chart:",
        on_change="rerun",
    )
    if new.open:
        with new:
            compare_forms.draw_compare(
                ws,
                user,
                experiments.list_models(ws),
                experiments.list_ensembles(ws),
                cached.summaries(ws),
            )
    tables.section("Jobs")
    jobs_view.board(
        ws,
        ("compare", "analyse", "curves", "ensemble"),
        key="compare",
        empty="Nothing runs. Comparisons and analyses are shown here while they are made.",
    )
