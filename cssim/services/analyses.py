"""Analyses as the pages show them: each belongs to a comparison of the same sets and rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cssim.errors import NotFound
from cssim.services import jobs
from cssim.services.analysing import analysis_request
from cssim.services.chosen import names_of
from cssim.services.jobs import JobRequest
from cssim.services.staleness import changes_since
from cssim.services.workspace import Workspace
from cssim.types import EvaluationInfo, JobInfo, JobState
from db import jobs as rows
from db import library, runs

_MATTERS = ("credit", "draws", "level", "seed")
"""Settings of a comparison that its analysis shares."""


@dataclass(frozen=True)
class StoredAnalysis:
    """The newest analysis of what a comparison compares."""

    job: JobInfo
    stale: str
    """Why it no longer speaks of the present; empty where it does."""

    @property
    def result(self) -> Mapping[str, Any]:
        """As `analysing.run_analyse` gives it; see docs/reading-results.md."""
        return self.job.result


def find_analysis(ws: Workspace, comparison: EvaluationInfo) -> StoredAnalysis | None:
    """The newest finished analysis of the same sets, rows and settings; None where none is."""
    job = _newest(ws, comparison, JobState.DONE)
    if job is None:
        return None
    then = job.result.get("fingerprints") or {}
    names = job.result.get("names") or _names(comparison)
    return StoredAnalysis(job, changes_since(ws, job.params, then, names=names, with_members=True))


def newest_analysis(ws: Workspace, comparison: EvaluationInfo) -> int | None:
    """The job of `find_analysis`, without its result; cheap."""
    return _newest_id(ws, comparison, JobState.DONE)


def pending_analysis(ws: Workspace, comparison: EvaluationInfo) -> JobInfo | None:
    """An analysis of it that waits or runs; None where none does."""
    return _newest(ws, comparison, JobState.QUEUED, JobState.RUNNING)


def request_analysis_of(ws: Workspace, comparison: EvaluationInfo, *, by: int | None = None) -> int:
    """The id of a queued job that analyses what a comparison compares; one at a time.

    Raises:
        NotFound: a set, model or ensemble of it is gone.
        LeakedEvaluation: see `analysing.analysis_request`.
    """
    waiting = pending_analysis(ws, comparison)
    if waiting is not None:
        return waiting.id
    request = analysis_request_of(ws, comparison)
    return jobs.enqueue(ws, request.kind, request.params, by=by)


def analysis_request_of(ws: Workspace, comparison: EvaluationInfo) -> JobRequest:
    """A checked request for the analysis; errors as of `request_analysis_of`."""
    params = comparison.settings
    with ws.database.reading() as session:
        clusters = library.clusters_by_id(session, params["clusters"])
        models = runs.models_by_id(session, params["models"])
        groups = runs.ensembles_by_id(session, params["ensembles"])
    parts = (("clusters", clusters), ("models", models), ("ensembles", groups))
    if any({*params[part]} - {*found} for part, found in parts):
        what = f"a set, model or ensemble of {comparison.name}"
        raise NotFound(f"{what} is gone: compare again first")
    settings, sources = params["settings"], {n: s for s, n in _names(comparison).items()}
    now = names_of([*models.values(), *groups.values()])
    return analysis_request(
        ws,
        [clusters[i].name for i in params["clusters"]],
        models=[models[i].name for i in params["models"]],
        ensembles=[groups[i].name for i in params["ensembles"]],
        anchor=now.get(sources.get(settings["anchor"], ""), settings["anchor"]),
        credit=settings["credit"],
        draws=settings["draws"],
        seed=settings["seed"],
        allow_leakage=params["allow_leakage"],
        name=comparison.name,
    )


def belongs(analysis: Mapping[str, Any], comparison: Mapping[str, Any]) -> bool:
    """Whether the parameters of two jobs name the same sets, rows and settings."""
    same = all(
        sorted(analysis[part]) == sorted(comparison[part])
        for part in ("clusters", "models", "ensembles")
    )
    one, other = analysis["settings"], comparison["settings"]
    return same and all(one.get(key) == other.get(key) for key in _MATTERS)


def _names(comparison: EvaluationInfo) -> dict[str, str]:
    """What its rows were called when it was made, by `source_of`."""
    return {row["source"]: row["name"] for row in comparison.result["rows"] if row.get("source")}


def _newest(ws: Workspace, comparison: EvaluationInfo, *states: JobState) -> JobInfo | None:
    job_id = _newest_id(ws, comparison, *states)
    return None if job_id is None else jobs.get_job(ws, job_id)


def _newest_id(ws: Workspace, comparison: EvaluationInfo, *states: JobState) -> int | None:
    with ws.database.reading() as session:
        found = rows.job_params(session, ws.project.id, "analyse", states)
    return next((job for job, params in found if belongs(params, comparison.settings)), None)
