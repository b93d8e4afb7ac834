"""A single job as the page that asked for it shows it: progress, then its result."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from cssim.errors import CSSimError
from cssim.services import jobs
from cssim.services.workspace import Workspace
from cssim.types import JobInfo, JobState
from cssim.ui import widgets, words

EVERY_SECONDS = 0.7


def finished(ws: Workspace, job_id: int, *, key: str, forget: Callable[[], None]) -> JobInfo | None:
    """The job where it is done; else its progress, or why it failed, is drawn and None comes back.

    While it is open only this part of the page is redrawn; when it ends, the whole page is.

    Args:
        ws: the workspace.
        job_id: the job.
        key: put before the keys of the widgets.
        forget: called where a person wants to try again after it has failed.
    """
    try:
        job = jobs.get_job(ws, job_id)
    except CSSimError as error:
        widgets.problem(error)
        return None
    if job.state is JobState.DONE:
        return job
    if job.state.finished:
        _failed(job, key, forget)
        return None
    st.fragment(_watch, run_every=EVERY_SECONDS)(ws, job_id, key)
    return None


def _failed(job: JobInfo, key: str, forget: Callable[[], None]) -> None:
    if job.state is JobState.CANCELLED:
        st.info("It was stopped before it was done.", icon=":material/cancel:")
    else:
        st.error(words.plain_markdown(job.error or "no reason was given"), icon=":material/error:")
    st.button("Try again", key=f"{key}_again_{job.id}", icon=":material/replay:", on_click=forget)


def _watch(ws: Workspace, job_id: int, key: str) -> None:
    job = jobs.get_job(ws, job_id)
    if job.state.finished:
        st.rerun(scope="app")
    waiting = "waiting for a worker" if job.state is JobState.QUEUED else "starting"
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(min(1.0, job.progress), words.plain_markdown(job.message or waiting))
        if st.button("Stop", key=f"{key}_stop_{job_id}", type="tertiary"):
            jobs.cancel(ws, job_id)
            st.rerun(scope="fragment")
