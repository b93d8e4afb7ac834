"""What each strategy weighs here, and why: evidence near by, and the place on the map."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import streamlit as st

from cssim.plots.reference import place_on_map, weights_table
from cssim.services import estimate_jobs, jobs
from cssim.services import panel as panels
from cssim.services.estimating import Setup
from cssim.services.panel import Panel
from cssim.services.vectors import Shelf
from cssim.services.workspace import Workspace
from cssim.types import EnsembleInfo, Image, Person
from cssim.ui import figures, jobs_view, shelves, words
from cssim.ui.ensembles import watching, why

_JOBS = "reference_fits"
"""Session state: the job that fits a setup, by setup."""
RINGS = 6
"""Nearest validation references that are shown."""


def draw(
    ws: Workspace,
    user: Person,
    shelf: Shelf,
    image: Image,
    fit_on: tuple[int, ...],
    ensembles: Sequence[EnsembleInfo],
) -> None:
    """For the CS models, or the members of a saved ensemble."""
    if not fit_on:
        st.caption("Weights are fitted on a validation set; there is none with answers yet.")
        return
    usual = panels.default_setup(shelf, fit_on)
    groups = {"the CS models": usual.members}
    for one in ensembles:
        if one.member_ids not in groups.values() and all(i in shelf.models for i in one.member_ids):
            groups[f"the members of {one.name}"] = one.member_ids
    chosen = next(iter(groups))
    if len(groups) > 1:
        chosen = st.selectbox("Members", list(groups), key="reference_members", width=360)
    setup = Setup(groups[chosen], "", fit_on, usual.features)
    if not shelf.knows(usual.features or 0, image.id):
        looking = words.plain_markdown(shelf.models[usual.features or 0].name)
        st.caption(f"{looking} looks at references, and has not embedded this one yet.")
        return
    panel = shelves.panel_of(ws, setup)
    _heat(panel, image.id, shelf)
    _left(ws, user, panel)
    _why(shelf, panel, image)


def _heat(panel: Panel, image_id: int, shelf: Shelf) -> None:
    names, values = panel.table(shelf, image_id)
    titles = [panel.titles[name] for name in names]
    most = panel.most(values)
    figures.figure(
        weights_table(values, titles, panel.members, dark=jobs_view.is_dark()),
        key="reference_weights",
        name="weights here",
        data=lambda: [
            {"strategy": title, **dict(zip(panel.members, row, strict=True))}
            for title, row in zip(titles, values.tolist(), strict=True)
        ],
        alt=f"Weights of {words.count(len(panel.members), 'member')} by "
        f"{words.count(len(names), 'strategy', 'strategies')} for this reference. "
        + "; ".join(
            f"{title}: most to {member}" for title, member in zip(titles, most, strict=True)
        ),
    )
    still = [panel.titles[name] for name in names if not panel.fitted[name].needs_features]
    st.caption(
        f"Each row sums to 1 without its signs. The same for every reference: {', '.join(still)}."
    )


def _left(ws: Workspace, user: Person, panel: Panel) -> None:
    """Strategies that a worker must fit first."""
    if not panel.left:
        return
    running = st.session_state.setdefault(_JOBS, {})
    titles = ", ".join(panel.titles[name] for name in panel.left)
    waiting = [own for own in panel.left.values() if own in running]
    for own in waiting:
        watching.finished(
            ws,
            running[own],
            key=f"reference_fit_{own.strategy}",
            forget=partial(_forget, own),
        )
    if not waiting:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Left out, as they take longer: {titles}.", width="content")
            if st.button("Fit them, too", key="reference_fit", type="tertiary"):
                for own in panel.left.values():
                    running[own] = estimate_jobs.request(ws, own, by=user.id)
                jobs.ensure_worker(ws.settings)
                st.rerun()


def _forget(setup: Setup) -> None:
    st.session_state[_JOBS] = {k: v for k, v in st.session_state[_JOBS].items() if k != setup}


def _why(shelf: Shelf, panel: Panel, image: Image) -> None:
    features = shelf.vectors(panel.looking, [image.id])
    looking = [name for name, one in panel.fitted.items() if one.needs_features]
    left, right = st.columns([3, 2], gap="large")
    with left:
        name = st.selectbox(
            "Explain",
            looking,
            format_func=panel.titles.__getitem__,
            index=looking.index("map-thres") if "map-thres" in looking else 0,
            key="reference_explain",
            width=320,
        )
        found = panel.explain(name, features, top=RINGS)
        why.draw(shelf, found)
        if any(one["image_id"] == image.id for one in found["nearest"]):
            st.caption(
                "This reference is itself among them: its own answers are part of the evidence."
            )
    with right:
        _place(panel, shelf, image.id, [one["image_id"] for one in found["nearest"]])


def _place(panel: Panel, shelf: Shelf, image_id: int, nearest: Sequence[int]) -> None:
    place = panel.place(shelf, image_id, nearest)
    figures.figure(
        place_on_map(
            place.points,
            place.accuracy,
            panel.record.names,
            place.here,
            place.nearest,
            dark=jobs_view.is_dark(),
        ),
        key="reference_place",
        name="place on the map",
        data=lambda: panel.place_rows(place),
        alt=f"This reference among {words.count(len(place.points), 'validation reference')} in the "
        f"plane of two principal components; on the {len(place.nearest)} nearest the members are "
        f"right in {100 * place.near_accuracy:.0f} per cent of triples, on all in "
        f"{100 * float(place.accuracy.mean()):.0f}.",
    )
