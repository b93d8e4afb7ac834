"""What learning curves are to be made of: the form, and the button that asks for them."""

from __future__ import annotations

import streamlit as st

from cssim.services import experiments, regimes
from cssim.services.library import ClusterSummary
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, ModelKind, Person
from cssim.ui import cached, jobs_view, words
from cssim.ui.compare_forms import measurable

CREDITS = {
    "soft": "share of the voters who agree",
    "strict": "agreement with the majority",
}

ENOUGH = 4
"""Context sets that make a curve."""


def draw(ws: Workspace, user: Person) -> None:
    """Sets to train, choose and judge on, backbones, how often; then the button."""
    sets = {one.cluster.name: one for one in measurable(cached.summaries(ws))}
    frozen = [m.name for m in experiments.list_models(ws) if m.kind is ModelKind.FROZEN]
    if not sets or not frozen:
        st.info(
            "Learning curves need sets with answers and pictures, and a frozen backbone: import "
            "or label a set, and add a backbone on the page Train.",
            icon=":material/info:",
        )
        return
    st.caption(
        "Every reference of the sets to train on becomes a small cluster of its own. Heads are "
        "trained on growing numbers of them, on cached embeddings, over several random splits."
    )
    train = st.multiselect(
        "Sets to train on",
        list(sets),
        default=_first(sets),
        format_func=lambda name: _line(sets[name]),
        wrap=True,
        key="curves_train",
    )
    left, right = st.columns(2)
    rest = [name for name in sets if name not in train]
    validation = left.multiselect(
        "Sets to choose and weigh on",
        rest,
        default=[n for n in rest if sets[n].cluster.kind is ClusterKind.VALIDATION][:1],
        format_func=lambda name: _line(sets[name]),
        wrap=True,
        placeholder="None: references are held out for it",
        key="curves_validation",
    )
    test = right.multiselect(
        "Sets to judge on",
        [name for name in rest if name not in validation],
        format_func=lambda name: _line(sets[name]),
        wrap=True,
        placeholder="None: references are held out for it",
        key="curves_test",
    )
    backbones = left.multiselect(
        "Backbones", frozen, default=frozen[:1], wrap=True, key="curves_backbones"
    )
    credit = right.selectbox(
        "Accuracy is the", list(CREDITS), format_func=CREDITS.__getitem__, key="curves_credit"
    )
    splits = left.number_input(
        "Random splits",
        1,
        100,
        5,
        key="curves_splits",
        help="More splits make the curves steadier and take longer, in proportion.",
    )
    more = right.number_input(
        "And the next so many labels",
        10,
        100_000,
        500,
        step=100,
        key="curves_more",
        help="What these would add is read from the curves: an extrapolation.",
    )
    every = st.checkbox(
        "All strategies at each number of clusters", key="curves_all", help="Takes longer."
    )
    if any(sets[name].cluster.kind is ClusterKind.TEST for name in test):
        st.caption("This opens a test set; each look is counted.")
    if st.button(
        "Make learning curves",
        type="primary",
        icon=":material/show_chart:",
        disabled=not train or not backbones,
        key="curves_go",
    ):
        jobs_view.start(
            ws,
            lambda: regimes.request_curves(
                ws,
                train,
                backbones=backbones,
                validation=validation,
                test=test,
                splits=int(splits),
                credit=credit,
                all_strategies=every,
                more=int(more),
                by=user.id,
            ),
            "The learning curves are queued.",
        )


def _first(sets: dict[str, ClusterSummary]) -> list[str]:
    """All context sets; without enough of them, the validation set with most references."""
    contexts = [name for name, one in sets.items() if one.cluster.kind is ClusterKind.CONTEXT]
    if len(contexts) >= ENOUGH:
        return contexts
    usable = [name for name, one in sets.items() if one.cluster.kind is ClusterKind.VALIDATION]
    return sorted(usable, key=lambda name: -sets[name].references)[:1]


def _line(one: ClusterSummary) -> str:
    return (
        f"{one.cluster.name} ({one.cluster.kind}, {words.count(one.references, 'reference')}, "
        f"{words.count(one.triples, 'triple')})"
    )
