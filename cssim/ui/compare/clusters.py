"""The cross-validation matrix: does each CS model know its own cluster best?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cssim.plots.matrix import matrix_figure, matrix_table
from cssim.services.evaluation import StoredComparison
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import figures, jobs_view, widgets, words
from cssim.ui.compare import asking


def draw(ws: Workspace, user: Person, stored: StoredComparison) -> None:
    """The part of the page, or how to get it."""
    found = asking.analysis(
        ws,
        user,
        stored,
        key="clusters",
        tells="how accurate each CS model is on each cluster, its own marked",
    )
    if found is None:
        return
    matrix = found.result["matrix"]
    if matrix is None:
        widgets.empty(
            "No matrix yet",
            "It needs CS models among this comparison's rows and members, and context sets with "
            "answers: train one CS model for each context.",
            icon=":material/grid_on:",
        )
        widgets.page_link("train", "To training", icon=":material/model_training:")
    else:
        home, away = words.percent(matrix["home"]), words.percent(matrix["away"])
        right = own_best(matrix)
        for column, (label, value) in zip(
            st.columns(3),
            (
                ("On their own cluster", home or "–"),
                ("On the clusters of others", away or "–"),
                ("Clusters where an own model is best", f"{right} of {len(matrix['best'])}"),
            ),
            strict=True,
        ):
            column.metric(label, value)
        st.caption(
            "Accuracy in per cent of CS models (rows) on context clusters (columns). A frame marks "
            f"a cluster that the model was trained on. {_honesty(matrix)}"
        )
        figures.figure(
            matrix_figure(matrix, dark=jobs_view.is_dark()),
            key="clusters_matrix",
            name="cross-validation matrix",
            data=matrix_table(matrix),
            alt=(
                f"Accuracy of {words.count(len(matrix['models']), 'CS model')} on "
                f"{words.count(len(matrix['clusters']), 'cluster')}: {home or 'unknown'} on "
                f"average on their own cluster, {away or 'unknown'} on others; on "
                f"{words.count(right, 'cluster')} the model trained there is the best."
            ),
        )
    asking.footnotes(found, lambda note: "atrix" in note)


def _honesty(matrix: Mapping[str, Any]) -> str:
    """What the numbers in the frames are worth."""
    held = matrix.get("held_out") or [False] * len(matrix["models"])
    if all(held):
        return "There only pages count that were held out from its training."
    if any(held):
        return (
            "There only held-out pages count where they can be told; the notes below name the "
            "models whose numbers flatter."
        )
    return "There the number flatters, for these triples were its lesson."


def own_best(matrix: Mapping[str, Any]) -> int:
    """On how many clusters the best model is one that was trained there."""
    models = list(matrix["models"])
    return sum(
        best is not None and bool(matrix["own"][models.index(best)][j])
        for j, best in enumerate(matrix["best"])
    )
