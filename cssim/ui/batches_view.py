"""Requests of several jobs on a board: one bar, how long it will take, and buttons for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st

from cssim.services import batches, jobs
from cssim.services.batches import BatchProgress
from cssim.services.workspace import Workspace
from cssim.types import JobInfo, JobState
from cssim.ui import words


def draw(ws: Workspace, running: Sequence[JobInfo], *, key: str) -> None:
    """The batches of the open jobs, oldest first; `key` is put before the keys of all widgets."""
    for batch_id in sorted({job.batch_id for job in running if job.batch_id is not None}):
        _draw(ws, batches.batch_progress(ws, batch_id), f"{key}_batch_{batch_id}")


def _draw(ws: Workspace, found: BatchProgress, key: str) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{words.plain_markdown(found.batch.name)}**", width="stretch")
            all_paused = found.paused == sum(not job.state.finished for job in found.jobs)
            act = batches.resume_batch if all_paused else batches.pause_batch
            _button(ws, "Resume all" if all_paused else "Pause all", act, found, key)
            _button(ws, "Cancel all", batches.cancel_batch, found, key)
            if found.count(JobState.FAILED):
                _button(ws, "Try failed again", batches.retry_batch, found, key)
        st.progress(min(1.0, found.share), line(found))


def line(found: BatchProgress) -> str:
    """Where a batch stands in a line, e.g. `3 of 8 done, 1 failed; about 4 min left`."""
    parts = [f"{found.count(JobState.DONE)} of {len(found.jobs)} done"]
    for state in (JobState.RUNNING, JobState.FAILED, JobState.CANCELLED):
        if found.count(state):
            parts.append(f"{found.count(state)} {state}")
    if found.paused:
        parts.append(f"{found.paused} paused")
    goes_on = any(job.state is JobState.QUEUED and not job.paused for job in found.jobs)
    if goes_on and not found.count(JobState.RUNNING):
        parts.append("waiting for a worker")
    text = ", ".join(parts)
    if found.seconds_left is not None:
        text += f"; about {words.duration(found.seconds_left)} left"
    return text


def _button(
    ws: Workspace,
    label: str,
    act: Callable[[Workspace, int], int],
    found: BatchProgress,
    key: str,
) -> None:
    def clicked() -> None:
        act(ws, found.batch.id)
        jobs.ensure_worker(ws.settings)

    st.button(label, key=f"{key}_{act.__name__}", on_click=clicked)
