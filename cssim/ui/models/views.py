"""The part of the page Train that is about models which are there: list, card, two compared."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.services import experiments
from cssim.services.library import ClusterSummary
from cssim.services.offers import BackboneOffer
from cssim.services.workspace import Workspace
from cssim.types import ModelInfo, Person
from cssim.ui import bring_in, cached
from cssim.ui.models import card, listing, pair

VIEWS = ("List", "Card", "Two compared", "Import")
ANCHOR = "models"
"""Where a link to a card leads within the page."""


def draw(
    ws: Workspace,
    user: Person,
    models: Sequence[ModelInfo],
    found: Sequence[ClusterSummary],
    backbones: Sequence[BackboneOffer],
) -> None:
    """The chosen view; the address remembers the model that is looked at.

    Args:
        ws: the workspace.
        user: who looks.
        models: of the project, without the archived ones.
        found: all sets of the project.
        backbones: what can be trained, or added as it is.
    """
    st.header("Models", anchor=ANCHOR)
    everything = experiments.list_models(ws, archived=True)
    if not everything:
        st.caption("None yet: train one, or add a frozen backbone to compare with.")
        listing.draw_frozen(ws, user, models, backbones)
        bring_in.draw(ws, user, "model")
        return
    wanted = next((m for m in everything if str(m.id) == st.query_params.get("model")), None)
    view = st.segmented_control(
        "View",
        VIEWS,
        default=VIEWS[0] if wanted is None else VIEWS[1],
        required=True,
        key="models_view",
        label_visibility="collapsed",
    )
    if view == VIEWS[1]:
        with st.container(key="models_card"):
            card.draw(ws, user, card.choose(everything, wanted))
        return
    if view == VIEWS[2]:
        pair.draw(ws, everything, wanted)
        return
    if view == VIEWS[3]:
        bring_in.draw(ws, user, "model")
        return
    st.query_params.pop("model", None)
    clusters = {one.cluster.id: one.cluster for one in found}
    shown = everything if _archived(models, everything) else models
    listing.draw(shown, clusters, cached.problems(ws, everything), {m.id for m in models})
    listing.draw_frozen(ws, user, models, backbones)


def _archived(models: Sequence[ModelInfo], everything: Sequence[ModelInfo]) -> bool:
    away = len(everything) - len(models)
    return bool(away) and st.checkbox(f"Also {away:,} archived", key="models_archived")
