"""Ensembles: build one, ask it, search with it, see who speaks where, take it out."""

from __future__ import annotations

import streamlit as st

from cssim.services import experiments
from cssim.types import ClusterKind
from cssim.ui import (
    bring_in,
    cached,
    first_visit,
    jobs_view,
    runtime,
    session,
    shelves,
    tables,
    widgets,
)
from cssim.ui.ensembles import ask, build, listing, manage, search, take_out, weights

user = session.require("researcher")

ws = runtime.workspace()
VIEWS = ("Ask", "Search", "Weights", "Take out")
widgets.header("Ensembles", "Several models together: who speaks where, and what they say.")
with widgets.errors():
    found, models = cached.summaries(ws), experiments.list_models(ws)
    clusters = {one.cluster.id: one.cluster for one in found}
    if experiments.list_ensembles(ws, archived=True):
        shelf = shelves.shelf(ws)
        side, main = st.columns([2, 5], gap="large")
        with side:
            tables.section("Saved ensembles")
            ensembles, archived = listing.shown(ws)
            chosen = listing.choose(listing.facts_of(ws, shelf, ensembles, clusters, archived))
        with main:
            tables.section(chosen.info.name)
            listing.head(chosen)
            manage.draw(ws, chosen)
            if st.query_params.get("view") in VIEWS:  # a link names it; from then on it is chosen
                st.session_state["ensembles_view"] = st.query_params.pop("view")
            st.session_state.setdefault("ensembles_view", "Ask")
            view = st.segmented_control(
                "View", VIEWS, key="ensembles_view", label_visibility="collapsed"
            )
            ready = shelves.ready(ws, chosen.info)
            if view == "Search":
                search.draw(ws, user, shelf, ready)
            elif view == "Weights":
                weights.draw(shelf, ready)
            elif view == "Take out":
                take_out.draw(ws, shelf, ready)
                first_visit.saw(ws, user, "python")
            else:
                sets = tuple(
                    one.cluster.id
                    for one in found
                    if one.triples and one.cluster.kind is ClusterKind.VALIDATION
                )
                ask.draw(ws, user, shelf, ready, shelves.triples(ws, sets))
    else:
        widgets.empty(
            "No ensemble yet",
            "An ensemble is made of models that are there: choose them below, look at what to "
            "expect, and build it.",
            icon=":material/hub:",
        )
    tables.section("Build an ensemble")
    build.draw(ws, user, models, found)
    tables.section("Import an ensemble")
    bring_in.draw(ws, user, "ensemble")
    tables.section("Jobs")
    jobs_view.board(
        ws,
        ("ensemble", "import", "estimate", "ask", "search"),
        key="ensembles",
        empty="Nothing runs. Ensembles are shown here while they are built.",
    )
