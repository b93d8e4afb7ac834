"""What pages keep between reruns, each under numbers that change when it no longer holds."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.services import cards, evaluation, experiments, gallery, library
from cssim.services.evaluation import StoredComparison
from cssim.services.library import ClusterSummary
from cssim.services.offers import BackboneOffer, backbone_offers
from cssim.services.workspace import Workspace
from cssim.types import ModelInfo

_Kept = dict[int, tuple[tuple[int, ...], ClusterSummary]]


@st.cache_resource(max_entries=8, show_spinner=False)
def _kept(url: str, project: int) -> _Kept:
    """One dictionary for each project of each database."""
    return {}


def summaries(ws: Workspace) -> list[ClusterSummary]:
    """Each cluster of the project in numbers; only those that changed are counted anew."""
    states = gallery.cluster_states(ws)
    kept = _kept(ws.settings.url, ws.project.id)
    changed = [i for i, state in states.items() if i not in kept or kept[i][0] != state]
    if changed:
        with st.spinner("Counting answers …", show_time=False):
            for summary in library.cluster_summaries(ws, changed):
                kept[summary.cluster.id] = (states[summary.cluster.id], summary)
    return [kept[i][1] for i in states if i in kept]


def backbones(ws: Workspace, used: tuple[str, ...]) -> list[BackboneOffer]:
    """All backbones and metrics; whether they can be reached is looked up again each minute.

    Args:
        ws: the workspace.
        used: backbones of the project's models, so that a new one is offered at once.
    """
    return _backbones(ws, ws.settings.url, ws.project.id, used)


@st.cache_data(ttl=60, max_entries=32, show_spinner=False)
def _backbones(
    _ws: Workspace, url: str, project: int, used: tuple[str, ...]
) -> list[BackboneOffer]:
    return backbone_offers(_ws)


def problems(ws: Workspace, models: Sequence[ModelInfo]) -> dict[int, tuple[str, ...]]:
    """By id of each model what is amiss with it; files are looked for again each minute."""
    state = (
        tuple(gallery.cluster_states(ws).items()),
        tuple((model.id, model.fingerprint) for model in models),
    )
    return _problems(ws, list(models), ws.settings.url, ws.project.id, state)


@st.cache_data(ttl=60, max_entries=32, show_spinner=False)
def _problems(
    _ws: Workspace, _models: list[ModelInfo], url: str, project: int, state: object
) -> dict[int, tuple[str, ...]]:
    return cards.model_problems(_ws, _models)


def comparison(ws: Workspace, evaluation_id: int) -> StoredComparison:
    """A stored comparison; whether it is out of date is found anew when anything has changed."""
    state = (
        tuple(gallery.cluster_states(ws).items()),
        tuple(
            (model.id, model.fingerprint) for model in experiments.list_models(ws, archived=True)
        ),
        tuple((one.id, one.member_ids) for one in experiments.list_ensembles(ws, archived=True)),
    )
    return _comparison(ws, ws.settings.url, ws.project.id, evaluation_id, state)


@st.cache_resource(max_entries=32, show_spinner=False)
def _comparison(
    _ws: Workspace, url: str, project: int, evaluation_id: int, state: object
) -> StoredComparison:
    return evaluation.get_comparison(_ws, evaluation_id)
