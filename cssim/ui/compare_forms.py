"""What to compare: the form of the comparison page."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.services import evaluation
from cssim.services.library import ClusterSummary
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, EnsembleInfo, ModelInfo, ModelKind, Person
from cssim.ui import jobs_view, widgets, words

_CREDITS = {
    "soft": "share of the voters who agree",
    "strict": "agreement with the majority",
}


def draw_compare(
    ws: Workspace,
    user: Person,
    models: Sequence[ModelInfo],
    ensembles: Sequence[EnsembleInfo],
    found: Sequence[ClusterSummary],
) -> None:
    """Sets, rows and anchor, and the button that asks for the comparison."""
    sets = {one.cluster.name: one for one in measurable(found)}
    kinds = {model.name: words.MODEL_KINDS[model.kind] for model in models}
    kinds |= {ensemble.name: "ensemble" for ensemble in ensembles}
    if not sets or not kinds:
        st.info(_what_is_missing(bool(sets), bool(kinds)), icon=":material/info:")
        if not sets:
            widgets.page_link("library", "To the library", icon=":material/photo_library:")
        if not kinds:
            widgets.page_link("train", "To the models", icon=":material/model_training:")
        return
    chosen = st.multiselect(
        "Measured on",
        list(sets),
        default=_first_choice(sets),
        format_func=lambda name: _set_line(sets[name]),
        wrap=True,
        key="compare_sets",
    )
    rows = st.multiselect(
        "Models and ensembles",
        list(kinds),
        default=list(kinds),
        format_func=lambda name: f"{name} ({kinds[name]})",
        wrap=True,
        key=f"compare_rows_{len(kinds)}",  # a new model is chosen at once
    )
    first, second = st.columns(2)
    frozen = [model.name for model in models if model.kind is ModelKind.FROZEN]
    choices = [name for name in kinds if name in rows]
    index = next((i for i, name in enumerate(choices) if name in frozen), 0)
    anchor = first.selectbox(
        "Anchor",
        choices,
        index=index if choices else None,
        key=f"compare_anchor_{len(kinds)}",
        help="The row that all others are compared with; a frozen backbone as a rule.",
    )
    credit = second.selectbox(
        "Accuracy is the",
        list(_CREDITS),
        format_func=_CREDITS.__getitem__,
        key="compare_credit",
    )
    leak = st.checkbox(
        "Allow leakage",
        key="compare_leakage",
        help="Also measure models on sets that they were trained on; their rows are marked.",
    )
    if any(sets[name].cluster.kind is ClusterKind.TEST for name in chosen):
        st.caption("This opens a test set; each look is counted and shown with the table.")
    pressed = st.button(
        "Compare now",
        type="primary",
        icon=":material/leaderboard:",
        disabled=not chosen or not rows,
        key="compare_go",
    )
    if pressed:
        names = {ensemble.name for ensemble in ensembles}
        jobs_view.start(
            ws,
            lambda: evaluation.request_comparison(
                ws,
                chosen,
                models=[name for name in rows if name not in names],
                ensembles=[name for name in rows if name in names],
                anchor=anchor,
                credit=credit,
                allow_leakage=leak,
                by=user.id,
            ),
            "The comparison is queued.",
        )


def measurable(found: Sequence[ClusterSummary]) -> list[ClusterSummary]:
    """Sets with answers and pixels, those made for measuring first."""
    order = [ClusterKind.TEST, ClusterKind.VALIDATION, ClusterKind.GOLD, ClusterKind.CONTEXT]
    usable = [one for one in found if one.triples and not one.missing_images]
    return sorted(usable, key=lambda one: order.index(one.cluster.kind))


def _first_choice(sets: dict[str, ClusterSummary]) -> list[str]:
    """A validation set where there is one: test sets are opened on purpose only."""
    kinds = [ClusterKind.VALIDATION, ClusterKind.GOLD, ClusterKind.CONTEXT]
    ranked = sorted(
        (name for name in sets if sets[name].cluster.kind in kinds),
        key=lambda name: kinds.index(sets[name].cluster.kind),
    )
    return ranked[:1]


def _set_line(one: ClusterSummary) -> str:
    return f"{one.cluster.name} ({one.cluster.kind}, {words.count(one.triples, 'triple')})"


def _what_is_missing(sets: bool, rows: bool) -> str:
    if not sets and not rows:
        return "A comparison needs a set with answers and pictures, and models. Neither is here."
    if not sets:
        return "A comparison needs a set with answers whose pictures are here. Import one."
    return "A comparison needs models: train one, or add a frozen backbone on the page Train."
