"""Stored results of the comparison page, kept under what would make them look different."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cssim.services import analyses, experiments, gallery, jobs, regimes
from cssim.services.analyses import StoredAnalysis
from cssim.services.regimes import CurvesInfo
from cssim.services.workspace import Workspace
from cssim.types import EvaluationInfo, JobState


def present(ws: Workspace) -> tuple[object, ...]:
    """Numbers that change with any answer, model or ensemble of the project; cheap."""
    return (
        tuple(gallery.cluster_states(ws).items()),
        tuple(
            (model.id, model.fingerprint) for model in experiments.list_models(ws, archived=True)
        ),
        tuple((one.id, one.member_ids) for one in experiments.list_ensembles(ws, archived=True)),
    )


def analysis(ws: Workspace, comparison: EvaluationInfo) -> StoredAnalysis | None:
    """The analysis of a comparison; whether it is stale is found anew when anything changes."""
    newest = analyses.newest_analysis(ws, comparison)
    if newest is None:
        return None
    key = (ws.settings.url, ws.project.id, newest, comparison.id)
    return _analysis(ws, comparison, key, present(ws))


@st.cache_resource(max_entries=16, show_spinner=False)
def _analysis(
    _ws: Workspace, _comparison: EvaluationInfo, key: Any, state: object
) -> StoredAnalysis | None:
    return analyses.find_analysis(_ws, _comparison)


def studies(ws: Workspace) -> list[CurvesInfo]:
    """Finished learning curves, newest first; read anew when a job of theirs has ended."""
    newest = jobs.list_job_ids(ws, "curves", (JobState.DONE,))
    return _studies(ws, ws.settings.url, ws.project.id, tuple(newest)) if newest else []


@st.cache_resource(max_entries=8, show_spinner=False)
def _studies(_ws: Workspace, url: str, project: int, ids: tuple[int, ...]) -> list[CurvesInfo]:
    return [one for one in regimes.list_curves(_ws) if one.state is JobState.DONE]


def study(ws: Workspace, job_id: int) -> dict[str, Any]:
    """Learning curves; whether they are stale is found anew when anything changes."""
    return _study(ws, ws.settings.url, ws.project.id, job_id, present(ws))


@st.cache_resource(max_entries=8, show_spinner=False)
def _study(_ws: Workspace, url: str, project: int, job_id: int, state: object) -> dict[str, Any]:
    return regimes.get_curves(_ws, job_id)
