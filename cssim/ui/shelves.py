"""What the pages of one reference and of ensembles keep between reruns: vectors and what follows.

Everything is kept under numbers that change when it no longer holds; see the services for what
each thing is.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import Any

import streamlit as st

from cssim.errors import BadInput, CSSimError
from cssim.services import (
    answering,
    estimate_jobs,
    estimating,
    gallery,
    library,
    one_reference,
    panel,
    vectors,
)
from cssim.services.answering import Ready
from cssim.services.estimating import Estimated, Setup
from cssim.services.one_reference import Judge
from cssim.services.panel import Panel
from cssim.services.vectors import Shelf, Triples
from cssim.services.workspace import Workspace
from cssim.types import EnsembleInfo, Image


def shelf(ws: Workspace) -> Shelf:
    """The project's pictures with their cached vectors."""
    return _shelf(ws, vectors.shelf_state(ws))


@st.cache_resource(max_entries=2, show_spinner=False)
def _shelf(_ws: Workspace, state: Hashable) -> Shelf:
    return vectors.load_shelf(_ws)


def triples(ws: Workspace, cluster_ids: tuple[int, ...]) -> Triples:
    """Triples of some clusters."""
    states = gallery.cluster_states(ws)
    known = tuple((i, states.get(i, ())) for i in cluster_ids)
    return _triples(ws, ws.settings.url, known)


@st.cache_resource(max_entries=16, show_spinner=False)
def _triples(_ws: Workspace, url: str, states: tuple[tuple[int, tuple[int, ...]], ...]) -> Triples:
    return library.load_triples(_ws, [cluster_id for cluster_id, _ in states])


def ready(ws: Workspace, ensemble: EnsembleInfo) -> Ready:
    """A saved ensemble's numbers; a built ensemble never changes, a renamed one is read anew."""
    return _ready(ws, ws.settings.url, ensemble.id, ensemble.name, str(ensemble.path), ensemble)


@st.cache_resource(max_entries=32, show_spinner=False)
def _ready(
    _ws: Workspace, url: str, ensemble_id: int, name: str, path: str, _info: EnsembleInfo
) -> Ready:
    return answering.ready(_ws, _info)


def estimate(ws: Workspace, setup: Setup, *, keep: bool = False) -> Estimated | None:
    """The estimate of a setup and its fit on all answers; None where it is left to a job.

    With `keep` it is stored beside those of jobs, so that a restarted app need not compute it.

    Raises:
        BadInput: no answers, or pictures that are not embedded.
    """
    own, answers = shelf(ws), triples(ws, setup.fit_on)
    unknown = [i for i in setup.models if i not in own.models]
    if unknown:
        raise BadInput("a member is gone; choose others")
    key = estimate_jobs.key_of(own, answers, setup)
    if not estimating.is_quick(setup.strategy, estimating.references_of(answers)):
        return estimate_jobs.stored(ws, key)
    return _estimate(ws, own, answers, setup, key, keep)


@st.cache_resource(max_entries=256, show_spinner=False)
def _estimate(
    _ws: Workspace, _shelf: Shelf, _answers: Triples, _setup: Setup, key: str, keep: bool
) -> Estimated:
    before = estimate_jobs.stored(_ws, key) if keep else None
    if before is not None:
        return before
    data = estimating.cached_data(_shelf, _answers, _setup)
    names = [_shelf.models[i].name for i in _setup.members]
    looking = "" if _setup.features is None else _shelf.models[_setup.features].name
    found = Estimated(
        estimating.estimate(data, _setup, names),
        estimating.fit(data, _setup, projector=looking),
    )
    if keep:
        estimate_jobs.keep(_ws, key, found)
    return found


def answered(ws: Workspace, cluster_ids: tuple[int, ...]) -> list[tuple[Image, int]]:
    """References with answers in these sets, by name, with the number of their answers."""
    states = gallery.cluster_states(ws)
    return _answered(ws, ws.settings.url, tuple((i, states.get(i, ())) for i in cluster_ids))


@st.cache_resource(max_entries=8, show_spinner=False)
def _answered(
    _ws: Workspace, url: str, states: tuple[tuple[int, tuple[int, ...]], ...]
) -> list[tuple[Image, int]]:
    return one_reference.answered_references(_ws, [cluster_id for cluster_id, _ in states])


def judges(
    ws: Workspace,
    here: Triples,
    overall: tuple[int, ...],
    image_id: int,
    ensembles: Sequence[EnsembleInfo],
) -> list[Judge]:
    """Who is right about one reference; what is computed of whole sets is kept for the next one.

    Ensembles whose folder is gone are left out.
    """
    usable = []
    for one in ensembles:
        with suppress(CSSimError):
            usable.append(ready(ws, one))
    kept = _kept_distances(ws.settings.url, ws.project.id)
    return one_reference.judges(shelf(ws), usable, here, triples(ws, overall), image_id, kept=kept)


def panel_of(ws: Workspace, setup: Setup) -> Panel:
    """Every strategy for the same members; see `panel.build`."""
    own, answers = shelf(ws), triples(ws, setup.fit_on)
    key = estimate_jobs.key_of(own, answers, setup)
    found = _panel(ws, own, answers, setup, key)
    if found.left and panel.stored_now(ws, own, answers, found):
        _panel.clear(ws, own, answers, setup, key)
        found = _panel(ws, own, answers, setup, key)
    return found


@st.cache_resource(max_entries=16, show_spinner=False)
def _panel(_ws: Workspace, _shelf: Shelf, _answers: Triples, _setup: Setup, key: str) -> Panel:
    return panel.build(_ws, _shelf, _answers, _setup)


@st.cache_resource(max_entries=4, show_spinner=False)
def _kept_distances(url: str, project: int) -> dict[str, Any]:
    """Distances on whole sets by what made them, as `one_reference.judges` keeps them."""
    return {}
