"""The report that the page keeps between reruns, under a state that changes when answers come."""

from __future__ import annotations

import streamlit as st

from cssim.services import quality
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
