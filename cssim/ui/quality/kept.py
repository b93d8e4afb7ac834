"""What the pages keep between reruns, under a state that changes when answers come."""

from __future__ import annotations

import streamlit as st

from cssim.services import consensus, quality
from cssim.services.consensus import Dispute
from cssim.services.quality import QualityReport, QualityRules
from cssim.services.workspace import Workspace


def report(ws: Workspace, clusters: tuple[str, ...], rules: QualityRules) -> QualityReport:
    """How people answer; counted anew only when an answer came in or somebody was excluded."""
    state = quality.quality_state(ws)
    return _report(ws, ws.settings.url, ws.project.id, clusters, rules, state)


@st.cache_resource(max_entries=8, show_spinner="Counting answers …")
def _report(
    _ws: Workspace,
    url: str,
    project: int,
    clusters: tuple[str, ...],
    rules: QualityRules,
    state: object,
) -> QualityReport:
    return quality.quality_report(_ws, clusters=clusters or None, rules=rules)


def disputes(
    ws: Workspace, clusters: tuple[str, ...], *, decided: bool, limit: int
) -> list[Dispute]:
    """The disputed pages; looked for anew only when an answer or a decision came in."""
    state = consensus.dispute_state(ws)
    return _disputes(ws, ws.settings.url, ws.project.id, clusters, decided, limit, state)


@st.cache_resource(max_entries=8, show_spinner="Looking for disputes …")
def _disputes(
    _ws: Workspace,
    url: str,
    project: int,
    clusters: tuple[str, ...],
    decided: bool,
    limit: int,
    state: object,
) -> list[Dispute]:
    return consensus.disputes(_ws, clusters=clusters or None, decided=decided, limit=limit)
