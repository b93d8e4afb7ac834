"""One row's run: what the model or ensemble is, with which settings it was made, and by which job.

A run has an address, `/compare?comparison=<id>&run=<name>`, to which its row in the table links.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from cssim.errors import NotFound
from cssim.services import experiments, jobs
from cssim.services.comparison_files import Row
from cssim.services.evaluation import StoredComparison
from cssim.services.workspace import Workspace
from cssim.types import EnsembleInfo, ModelInfo
from cssim.ui import tables, widgets, words

PARAMETER = "run"


def address(comparison: int, name: str) -> str:
    """Of a row's run, below the site's root."""
    return f"/compare?{urlencode({'comparison': comparison, PARAMETER: name})}"


def draw(ws: Workspace, stored: StoredComparison) -> None:
    """The run that the address names; nothing where it names none."""
    name = st.query_params.get(PARAMETER)
    if not name:
        return
    row = next((one for one in stored.comparison.rows if one.name == name), None)
    with st.container(border=True, key="compare_run"):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.header(f"Run of {words.plain_markdown(name)}", anchor=False)
            st.space("stretch")
            st.button("Close", icon=":material/close:", key="compare_run_close", on_click=_close)
        found = None if row is None else experiments.made(ws, row.source)
        if row is None:
            st.info("This comparison has no such row.", icon=":material/info:")
        elif isinstance(found, EnsembleInfo):
            _ensemble(ws, found, row)
        elif isinstance(found, ModelInfo):
            _model(ws, found, stored, row)
        else:
            st.info("It is gone since; the comparison keeps its numbers.", icon=":material/delete:")


def _close() -> None:
    st.query_params.pop(PARAMETER, None)


def _model(ws: Workspace, model: ModelInfo, stored: StoredComparison, row: Row) -> None:
    facts = {
        **_renamed(row, model.name),
        "Kind": words.MODEL_KINDS[model.kind],
        "Backbone": model.backbone,
        "Trained on": row.trained_on,
        "Leakage": row.leakage,
        "Made": _moment(model.created_at),
        "Fingerprint": model.fingerprint,
        "When compared": _then(stored, f"model {row.name}", model.fingerprint),
    }
    _facts(facts)
    address = {"model": str(model.id)}
    widgets.page_link("train", "Its card", icon=":material/model_training:", address=address)
    _settings("Settings", model.config)
    _settings("Measured while it was made", model.metrics)
    _job(ws, row.run)


def _ensemble(ws: Workspace, ensemble: EnsembleInfo, row: Row) -> None:
    facts = {
        **_renamed(row, ensemble.name),
        "Kind": "ensemble",
        "Strategy": ensemble.strategy,
        "Members": ", ".join(row.members),
        "Leakage": row.leakage,
        "Made": _moment(ensemble.created_at),
        "Folder": ensemble.path or "",
    }
    _facts(facts)
    from cssim.ui.shell import exists

    if exists("ensembles"):
        address = {"ensemble": str(ensemble.id)}
        widgets.page_link("ensembles", "The ensemble", icon=":material/hub:", address=address)
    _settings("Settings", {k: v for k, v in ensemble.config.items() if k != "fitted"})
    _settings("Fitted numbers", ensemble.config.get("fitted", {}))
    _job(ws, row.run)


def _renamed(row: Row, name: str) -> dict[str, str]:
    return {} if row.name == name else {"Called now": name}


def _then(stored: StoredComparison, key: str, now: str) -> str:
    then = (stored.comparison.fingerprints or {}).get(key)
    if then is None:
        return ""
    return "the same weights" if then == now else "other weights than now"


def _facts(facts: Mapping[str, str]) -> None:
    tables.table(("What", "Value"), [[k, v] for k, v in facts.items() if v], caption="The run")


def _settings(title: str, values: Mapping[str, Any]) -> None:
    if values:
        st.markdown(f"**{title}**")
        st.json(dict(values), expanded=len(str(values)) < 1500)


def _moment(made: datetime | None) -> str:
    return "" if made is None else f"{made:%Y-%m-%d %H:%M} UTC"


def _job(ws: Workspace, run: str) -> None:
    if not run.isdigit():
        return
    try:
        job = jobs.get_job(ws, int(run))
    except NotFound:
        st.caption(f"Job {run} is gone.")
        return
    took = ""
    if job.started_at and job.finished_at:
        took = f", {words.duration((job.finished_at - job.started_at).total_seconds())}"
    st.markdown(f"**Job {job.id}** ({job.kind}): {job.state}, {_moment(job.finished_at)}{took}")
    with st.expander("Its parameters and the end of its log", key="compare_run_log"):
        st.json(dict(job.params), expanded=False)
        log = jobs.job_log(ws, job.id, max_bytes=6_000)
        st.code(log or "nothing was logged on this machine", language=None, wrap_lines=True)
