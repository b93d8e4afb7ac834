"""Where in image space the labels lie, and where nobody has asked yet."""

from __future__ import annotations

import streamlit as st

from cssim.plots.holdings import coverage_map
from cssim.services.surveys import Survey
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import figures, jobs_view, words
from cssim.ui.data import asking, kept


def draw(ws: Workspace, user: Person) -> None:
    """The map of all pictures with the references on it, or how to get it."""
    found = asking.survey(
        ws,
        user,
        key="data_coverage",
        tells="where in image space the labels lie, and where nobody has asked yet",
    )
    if found is None:
        return
    if found.has_map:
        _map(ws, found)
    else:
        st.info("There is no map of these pictures yet.", icon=":material/info:")
    asking.footnotes(found)


@st.fragment
def _map(ws: Workspace, found: Survey) -> None:
    sets = {cluster.name: cluster.id for cluster in kept.clusters(ws)}
    chosen = st.multiselect(
        "References of",
        list(sets),
        default=list(sets),
        wrap=True,
        key=f"data_coverage_sets_{len(sets)}",
    )
    labelled = kept.references(ws, found, tuple(sets[name] for name in chosen))
    arrays = found.arrays
    share = float(labelled.mean())
    encoder = words.plain_markdown(found.job.result["encoder"])
    st.caption(
        f"{words.count(int(labelled.sum()), 'picture')} of {len(labelled):,} "
        f"({100 * share:.1f} %) are references of pages of these sets. Pictures lie on the two "
        f"directions in which their embeddings by {encoder} vary most: what lies near looks alike "
        "to it, and two directions are not all. Where no colour is, nobody was asked about a "
        "picture as a reference."
    )
    figures.figure(
        coverage_map(arrays.points, labelled, arrays.images, dark=jobs_view.is_dark()),
        key="data_coverage_map",
        name="coverage by labels",
        data=lambda: [
            {"image": int(i), "x": float(x), "y": float(y), "reference": bool(own)}
            for i, (x, y), own in zip(arrays.images, arrays.points, labelled, strict=True)
        ],
        alt=(
            f"All {words.count(len(labelled), 'picture')} on a plane; {int(labelled.sum()):,} of "
            "them are references, with lines of equal density."
        ),
    )
