"""Jobs as people watch them: progress while they run, curves, and what ended how.

The part that is redrawn by itself is a fragment; it is redrawn only while a job is open, and when
the last one ends the whole page is drawn once more, for new models and tables to appear.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from cssim import plots
from cssim.errors import Conflict
from cssim.services import jobs
from cssim.services.workspace import Workspace
from cssim.types import JobInfo, JobState
from cssim.ui import batches_view, figures, widgets, words

EVERY_SECONDS = 1.0
RECENT = 8
"""Ended jobs that are listed."""
KINDS = {
    "train": "Training",
    "embed": "Embedding",
    "export": "Export of",
    "import": "Import of",
    "ensemble": "Ensemble",
    "compare": "Comparison",
    "analyse": "Analysis",
    "plan": "Plan",
    "survey": "Survey",
    "sweep": "Withdrawn pictures deleted",
    "curves": "Learning curves",
    "inspect": "Inspection",
    "estimate": "Estimate",
    "ask": "Question to",
    "search": "Search with",
}
_OPEN = (JobState.QUEUED, JobState.RUNNING)
_ENDED = tuple(state for state in JobState if state.finished)
_ICONS = {
    JobState.QUEUED: ":material/hourglass_empty:",
    JobState.RUNNING: ":material/progress_activity:",
    JobState.DONE: ":material/check_circle:",
    JobState.FAILED: ":material/error:",
    JobState.CANCELLED: ":material/cancel:",
}


def start(ws: Workspace, ask: Callable[[], int | Sequence[int]], message: str) -> None:
    """Queue jobs by `ask`, see that a worker is alive, and draw the page anew to watch them."""
    with widgets.errors():
        ask()
        jobs.ensure_worker(ws.settings)
        st.toast(message, icon=":material/play_circle:")
        st.rerun()


def board(ws: Workspace, kinds: Sequence[str], *, key: str, empty: str) -> None:
    """The open jobs of some kinds with live progress, and the latest ended ones.

    Args:
        ws: the workspace.
        kinds: of jobs, see `KINDS`.
        key: put before the keys of all widgets.
        empty: what to say where there is none.
    """
    live = _goes_on(jobs.list_jobs(ws, states=_OPEN, kinds=kinds))
    drawn = st.fragment(_board, run_every=EVERY_SECONDS if live else None)
    drawn(ws, tuple(kinds), key, empty, live)


def _board(ws: Workspace, kinds: tuple[str, ...], key: str, empty: str, live: bool) -> None:
    # Results may be large, and this is asked for each second: no more rows than are shown.
    ended = jobs.list_jobs(ws, states=_ENDED, kinds=kinds, limit=RECENT)
    found = [*jobs.list_jobs(ws, states=_OPEN, kinds=kinds), *ended]
    running = sorted(
        (job for job in found if not job.state.finished),
        key=lambda job: (job.state is JobState.QUEUED, job.id),  # next in the queue comes next
    )
    if live != _goes_on(running):
        st.rerun(scope="app")
    if not found:
        st.caption(empty)
    batches_view.draw(ws, running, key=key)
    alone = [job for job in running if job.batch_id is None or job.state is JobState.RUNNING]
    for job in alone:
        _running(ws, job, key)
    for job in ended:
        _ended(ws, job, key)


def _goes_on(found: Sequence[JobInfo]) -> bool:
    """Whether anything here will change without a person."""
    return any(job.state is JobState.RUNNING or not job.paused for job in found)


def title_of(job: JobInfo) -> str:
    """What a job is about, e.g. `Training ocean-tiny-vit`."""
    about = job.params.get("name") or ", ".join(job.params.get("names", ()))
    return f"{KINDS.get(job.kind, job.kind)} {about}".strip()


def _running(ws: Workspace, job: JobInfo, key: str) -> None:
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(f"**{words.plain_markdown(title_of(job))}**", width="stretch")
            if job.cancel_requested:
                st.badge("stopping", color="orange")
            else:
                waits = job.paused and job.state is JobState.QUEUED
                state = "paused" if waits else "pausing" if job.paused else job.state.value
                st.badge(state, color="blue" if job.worker else "gray")
                st.button(
                    "Resume" if job.paused else "Pause",
                    key=f"{key}_pause_{job.id}",
                    on_click=_resume if job.paused else _pause,
                    args=(ws, job.id),
                    help="A paused training keeps its last epoch and goes on from there.",
                )
                st.button(
                    "Cancel",
                    key=f"{key}_cancel_{job.id}",
                    on_click=_act,
                    args=(ws, jobs.cancel, job.id),
                    help="Stops at the next step. A training that is tried again goes on from "
                    "its last epoch.",
                )
        waiting = job.state is JobState.QUEUED
        if job.paused and waiting:
            message = f"paused{f' at: {job.message}' if job.message else ''}"
        else:
            message = job.message or ("waiting for a worker" if waiting else "starting")
        st.progress(min(1.0, max(0.0, job.progress)), words.plain_markdown(message))
        if job.attempt > 1:
            st.caption(f"Attempt {job.attempt}: an earlier worker ended before the job did.")
        if job.kind == "train":
            _curves(ws, job, key)


def _ended(ws: Workspace, job: JobInfo, key: str) -> None:
    took = ""
    if job.started_at and job.finished_at:
        how = "in" if job.state is JobState.DONE else "after"
        took = f" {how} {words.duration((job.finished_at - job.started_at).total_seconds())}"
    label = (
        f"{words.plain_markdown(title_of(job))}: {job.state}{took}, {words.ago(job.finished_at)}"
    )
    details = st.expander(
        label, icon=_ICONS[job.state], key=f"{key}_job_{job.id}", on_change="rerun"
    )
    if job.state is JobState.FAILED:
        st.error(words.plain_markdown(job.error or "no reason was given"))
        _try_again(ws, job, key)
    if not details.open:
        return
    with details:
        if job.state is JobState.CANCELLED:
            _try_again(ws, job, key)
        if job.kind == "train":
            _curves(ws, job, key)
        log = jobs.job_log(ws, job.id, max_bytes=6_000)
        st.caption("The end of its log")
        st.code(
            log or "nothing was logged on this machine",
            language=None,
            wrap_lines=True,
            height=260 if len(log) > 1500 else "content",
        )


def _try_again(ws: Workspace, job: JobInfo, key: str) -> None:
    st.button(
        "Try again",
        key=f"{key}_retry_{job.id}",
        on_click=_retry,
        args=(ws, job.id),
        icon=":material/replay:",
        help="A training goes on from its last epoch." if job.kind == "train" else None,
    )


def _curves(ws: Workspace, job: JobInfo, key: str) -> None:
    epochs = [event for event in jobs.job_events(ws, job.id) if "number" in event]
    if len(epochs) > 1:
        name = str(job.params.get("name", f"job {job.id}"))
        draw_curves(epochs, key=f"{key}_curves_{job.id}", name=name)


def draw_curves(
    epochs: Sequence[Mapping[str, Any]],
    *,
    key: str,
    name: str,
    beside: Sequence[Mapping[str, Any]] = (),
) -> None:
    """The curves of the training of the model `name`, in the colours of the page's theme.

    Those of another run that is drawn beside it get the same axes.
    """
    figure = plots.training_curves(epochs, dark=is_dark(), beside=beside)
    figure.update_layout(font_size=12, height=600)
    figure.update_yaxes(title_font_size=11)  # the lowest panels are hardly higher than their titles
    figures.figure(
        figure, key=key, name=f"{name} curves", data=list(epochs), alt=curves_said(epochs, name)
    )


def curves_said(epochs: Sequence[Mapping[str, Any]], name: str) -> str:
    """The main finding of the curves, for those who cannot see them."""
    text = f"Curves of {name} over {words.count(epochs[-1]['number'], 'epoch')}"
    kept = max((e for e in epochs if e["best"]), key=lambda e: e["number"])
    if kept["accuracy"] is None:
        return f"{text}: nothing held out."
    before = words.percent(epochs[0]["accuracy"])
    return (
        f"{text}: local accuracy by distance from {before} untrained to "
        f"{words.percent(kept['accuracy'])} at epoch {kept['number']}, the best so far; by the "
        f"ranking block {words.percent(kept['ranking_accuracy'])}."
    )


def is_dark() -> bool:
    """Whether the browser shows the dark theme."""
    return bool(st.context.theme.type == "dark")


def _retry(ws: Workspace, job_id: int) -> None:
    _act(ws, jobs.retry, job_id)
    jobs.ensure_worker(ws.settings)


def _pause(ws: Workspace, job_id: int) -> None:
    _act(ws, jobs.pause, job_id)


def _resume(ws: Workspace, job_id: int) -> None:
    _act(ws, jobs.resume, job_id)
    jobs.ensure_worker(ws.settings)


def _act(ws: Workspace, action: Callable[[Workspace, int], JobInfo], job_id: int) -> None:
    """Do it; a job that has ended meanwhile needs nothing more, the board shows how it ended."""
    try:
        action(ws, job_id)
    except Conflict as error:
        st.toast(words.plain_markdown(str(error)), icon=":material/info:")
