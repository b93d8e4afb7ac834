"""Jobs from asking to ending; workers that are stopped, killed and replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from cssim.config import Settings, child_environment, load_settings
from cssim.errors import BadInput, Conflict, NotFound
from cssim.services import executors, jobs, running
from cssim.services.executors import run_worker
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import JobInfo, JobState
from tests.conftest import ROOT
from tests.services.steps import KINDS


@pytest.fixture
def ws(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    for kind, runner in KINDS.items():
        monkeypatch.setitem(running.RUNNERS, kind, runner)
    monkeypatch.setattr(running, "REPORT_SECONDS", 0.0)
    opened = open_workspace(settings)
    yield opened
    opened.close()


def _count(ws: Workspace, to: int = 3, **more: Any) -> int:
    params = {"file": ws.settings.home / "count", "to": to} | more
    return jobs.enqueue(ws, "count", params)


def _until(condition: Callable[[], bool], seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def _process(settings: Settings, *options: str) -> subprocess.Popen[bytes]:
    environment = child_environment(settings) | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-m", "tests.services.steps", *options], env=environment, cwd=ROOT
    )


def _counted(ws: Workspace) -> int:
    path = ws.settings.home / "count"
    return int(path.read_text() or 0) if path.exists() else 0


def test_a_job_runs_to_its_end_and_keeps_its_result(ws: Workspace) -> None:
    job_id = _count(ws)
    assert [job.id for job in run_worker(ws, limit=1)] == [job_id]
    job = jobs.get_job(ws, job_id)
    assert (job.state, job.progress, job.message) == (JobState.DONE, 1.0, "step 3")
    assert job.result == {"counted": 3, "started_at": 0, "project": "default"}


def test_events_reach_the_database_in_order_with_none_for_nan(ws: Workspace) -> None:
    job_id = _count(ws)
    run_worker(ws, limit=1)
    assert jobs.job_events(ws, job_id) == [
        {"seq": i, "step": i + 1, "share": None} for i in range(3)
    ]
    assert [e["step"] for e in jobs.job_events(ws, job_id, after=1)] == [3]


def test_a_job_runs_in_its_own_project_whatever_project_the_worker_has(ws: Workspace) -> None:
    other = ws.with_project("other")
    job_id = _count(other)
    run_worker(ws, limit=1)
    assert jobs.get_job(other, job_id).result["project"] == "other"
    with pytest.raises(NotFound):
        jobs.get_job(ws, job_id)


def test_an_unknown_kind_is_refused(ws: Workspace) -> None:
    with pytest.raises(BadInput, match="kind of job must be one of"):
        jobs.enqueue(ws, "dance", {})


def test_a_refused_job_keeps_the_message_for_people(ws: Workspace) -> None:
    job_id = jobs.enqueue(ws, "refuse", {})
    run_worker(ws, limit=1)
    job = jobs.get_job(ws, job_id)
    assert (job.state, job.error) == (
        JobState.FAILED,
        "expected a cluster, got none; name one",
    )


def test_a_crashed_job_keeps_its_reason_and_its_traceback_in_the_log(ws: Workspace) -> None:
    job_id = jobs.enqueue(ws, "crash", {})
    run_worker(ws, limit=1)
    job = jobs.get_job(ws, job_id)
    assert job.state is JobState.FAILED
    assert job.error.startswith("ZeroDivisionError: division by zero")
    assert "Traceback" in jobs.job_log(ws, job_id)
    assert 'return {"ratio": 1 / 0}' in jobs.job_log(ws, job_id)


def test_a_job_that_never_ran_has_an_empty_log(ws: Workspace) -> None:
    assert jobs.job_log(ws, _count(ws)) == ""


def test_a_failed_job_can_be_tried_again_and_a_done_one_cannot(ws: Workspace) -> None:
    failed = jobs.enqueue(ws, "refuse", {})
    run_worker(ws, limit=1)
    assert jobs.retry(ws, failed).state is JobState.QUEUED
    run_worker(ws, limit=1)
    assert jobs.get_job(ws, failed).state is JobState.FAILED
    done = _count(ws)
    run_worker(ws, limit=1)
    with pytest.raises(Conflict, match="is done"):
        jobs.retry(ws, done)


def test_a_waiting_job_can_be_cancelled_once(ws: Workspace) -> None:
    job_id = _count(ws)
    assert jobs.cancel(ws, job_id).state is JobState.CANCELLED
    assert run_worker(ws, limit=1) == []
    with pytest.raises(Conflict, match="nothing to cancel"):
        jobs.cancel(ws, job_id)


def test_a_running_job_stops_at_its_next_step_and_goes_on_when_retried(ws: Workspace) -> None:
    job_id = _count(ws, to=50, seconds=0.02)
    thread = threading.Thread(target=run_worker, args=(ws,), kwargs={"limit": 1})
    thread.start()
    _until(lambda: _counted(ws) >= 2)
    jobs.cancel(ws, job_id)
    thread.join()
    stopped = jobs.get_job(ws, job_id)
    assert stopped.state is JobState.CANCELLED
    reached = _counted(ws)
    assert 2 <= reached < 50
    jobs.retry(ws, job_id)
    run_worker(ws, limit=1)
    assert jobs.get_job(ws, job_id).result["started_at"] == reached


def test_a_job_cancelled_while_its_worker_is_told_to_end_is_not_left_in_the_queue(
    ws: Workspace,
) -> None:
    job_id = jobs.enqueue(ws, "told to end", {})
    run_worker(ws, limit=1)
    assert jobs.get_job(ws, job_id).state is JobState.CANCELLED


def test_a_job_in_the_foreground_is_a_job_like_any_other(ws: Workspace) -> None:
    seen: list[tuple[float, str]] = []
    request = jobs.JobRequest("count", {"file": ws.settings.home / "count", "to": 2})
    job = jobs.run_here(ws, request, listener=lambda share, text: seen.append((share, text)))
    assert seen == [(0.5, "step 1"), (1.0, "step 2")]
    assert [j.id for j in jobs.list_jobs(ws)] == [job.id]
    assert job.state is JobState.DONE


def test_stopping_a_job_in_the_foreground_cancels_it(ws: Workspace) -> None:
    stop = threading.Event()
    stop.set()
    request = jobs.JobRequest("count", {"file": ws.settings.home / "count", "to": 2})
    assert jobs.run_here(ws, request, stop=stop).state is JobState.CANCELLED


def test_an_interrupt_in_the_foreground_cancels_the_job_and_goes_on(ws: Workspace) -> None:
    def interrupt(_share: float, _text: str) -> None:
        raise KeyboardInterrupt

    request = jobs.JobRequest("count", {"file": ws.settings.home / "count", "to": 2})
    with pytest.raises(KeyboardInterrupt):
        jobs.run_here(ws, request, listener=interrupt)
    assert [job.state for job in jobs.list_jobs(ws)] == [JobState.CANCELLED]


def test_a_worker_told_to_end_puts_its_job_back_and_the_next_one_goes_on(ws: Workspace) -> None:
    job_id = _count(ws, to=8, seconds=0.05)
    process = _process(ws.settings)
    _until(lambda: _counted(ws) >= 2)
    process.send_signal(signal.SIGTERM)
    assert process.wait(15) == 0
    waiting = jobs.get_job(ws, job_id)
    assert (waiting.state, waiting.attempt) == (JobState.QUEUED, 0)
    assert executors.live_workers(ws.database, ws.settings) == []
    reached = _counted(ws)
    assert 2 <= reached < 8
    run_worker(ws, limit=1)
    done = jobs.get_job(ws, job_id)
    assert (done.state, done.attempt) == (JobState.DONE, 1)
    assert (done.result["started_at"], done.result["counted"]) == (reached, 8)


def test_a_killed_workers_job_is_taken_over_and_goes_on(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = _count(ws, to=200, seconds=0.03)
    process = _process(ws.settings)
    _until(lambda: _counted(ws) >= 2)
    process.kill()
    assert process.wait(15) == -signal.SIGKILL
    reached = _counted(ws)
    assert jobs.get_job(ws, job_id).state is JobState.RUNNING
    assert run_worker(ws, limit=1) == []  # not silent for long enough
    monkeypatch.setattr(running, "SILENT_PERIODS", 0)
    (ws.settings.home / "count").write_text("198")
    run_worker(ws, limit=1)
    job = jobs.get_job(ws, job_id)
    assert (job.state, job.attempt, job.result["counted"]) == (JobState.DONE, 2, 200)
    steps = [e["step"] for e in jobs.job_events(ws, job_id)]
    assert steps[-2:] == [199, 200]
    assert 2 <= reached < 198


def test_who_lost_its_job_stops_and_does_not_touch_its_end(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = _count(ws, to=100, seconds=0.05)
    ended: list[list[JobInfo]] = []
    thread = threading.Thread(target=lambda: ended.append(run_worker(ws, limit=1)))
    thread.start()
    _until(lambda: _counted(ws) >= 1)
    monkeypatch.setattr(running, "SILENT_PERIODS", 0)
    _until(lambda: (found := jobs.claim_next(ws, "thief")) is not None and found.id == job_id)
    thread.join(15)
    assert not thread.is_alive()
    job = jobs.get_job(ws, job_id)
    assert (job.state, job.worker) == (JobState.RUNNING, "thief")
    assert "another worker took the job over" in jobs.job_log(ws, job_id)


def test_a_heartbeat_keeps_a_job_alive_through_a_long_step(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "SILENT_PERIODS", 2)
    monkeypatch.setitem(running.RUNNERS, "count", KINDS["count"])
    ws = open_workspace(load_settings(database_url=settings.url, heartbeat_seconds=1))
    job_id = _count(ws, to=1, seconds=3.0)
    thread = threading.Thread(target=run_worker, args=(ws,), kwargs={"limit": 1})
    thread.start()
    _until(lambda: jobs.get_job(ws, job_id).state is JobState.RUNNING)
    while jobs.get_job(ws, job_id).state is JobState.RUNNING:
        assert jobs.claim_next(ws, "thief") is None
        time.sleep(0.1)
    thread.join()
    assert jobs.get_job(ws, job_id).state is JobState.DONE
    ws.close()


def test_a_worker_with_nothing_to_do_writes_nothing(ws: Workspace) -> None:
    job_id = _count(ws)
    jobs.pause(ws, job_id)
    written: list[str] = []

    def note(_c: object, _u: object, statement: str, *_: object) -> None:
        written.append(statement.split(maxsplit=1)[0].lower())

    event.listen(ws.database.engine, "before_cursor_execute", note)
    try:
        assert jobs.claim_next(ws, "idle:1:x") is None
        assert set(written) <= {"select", "begin"}
        jobs.resume(ws, job_id)
        claimed = jobs.claim_next(ws, "busy:1:x")
    finally:
        event.remove(ws.database.engine, "before_cursor_execute", note)
    assert claimed is not None
    assert claimed.id == job_id
    assert "update" in written


def test_worker_processes_share_the_queue_and_run_each_job_once(ws: Workspace) -> None:
    wanted = [
        jobs.enqueue(ws, "count", {"file": ws.settings.home / f"count{i}", "to": 1})
        for i in range(12)
    ]
    workers = [_process(ws.settings, "--drain") for _ in range(2)]
    assert [worker.wait(30) for worker in workers] == [0, 0]
    done = jobs.list_jobs(ws)
    assert sorted(job.id for job in done) == wanted
    assert {job.state for job in done} == {JobState.DONE}
    assert {job.attempt for job in done} == {1}
    assert [len(jobs.job_events(ws, job_id)) for job_id in wanted] == [1] * 12


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads Linux's /proc")
def test_a_worker_never_sees_the_secret_that_signs_people_in(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CSSIM_OIDC_CLIENT_SECRET", "very-secret")
    pid = executors.ensure_worker(replace(ws.settings, oidc_client_secret="very-secret"))
    assert pid is not None
    try:
        environment = Path(f"/proc/{pid}/environ")
        _until(lambda: b"CSSIM_HOME=" in environment.read_bytes())  # empty while it starts
        seen = environment.read_bytes()
    finally:
        for child in executors._children:
            child.kill()
            child.wait(15)
    assert b"very-secret" not in seen


def test_a_worker_is_started_only_where_none_is_alive(ws: Workspace, tmp_path: Path) -> None:
    pid = executors.ensure_worker(ws.settings)
    assert pid is not None
    try:
        _until(lambda: bool(executors.live_workers(ws.database, ws.settings)))
        assert executors.ensure_worker(ws.settings) is None
    finally:
        os.kill(pid, signal.SIGTERM)
        for child in executors._children:
            child.wait(15)
    assert executors.live_workers(ws.database, ws.settings) == []


def test_a_killed_worker_is_brought_back_while_there_is_work(ws: Workspace) -> None:
    assert executors.tend_worker(ws) is None  # nothing to do
    _count(ws)  # of a kind that this file alone knows: it stays in the queue
    first = executors.tend_worker(ws)
    assert first is not None
    assert executors.tend_worker(ws) is None  # it starts
    os.kill(first, signal.SIGKILL)
    for child in executors._children:
        child.wait(15)
    second = executors.tend_worker(ws)
    assert second not in (None, first)
    for child in executors._children:
        child.kill()
        child.wait(15)


def test_a_killed_worker_of_this_machine_does_not_count_as_alive(ws: Workspace) -> None:
    process = _process(ws.settings)
    _until(lambda: bool(executors.live_workers(ws.database, ws.settings)))
    process.kill()
    process.wait(15)
    assert executors.live_workers(ws.database, ws.settings) == []


def test_a_worker_outlives_a_database_that_is_away_for_a_moment(
    ws: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = _count(ws, to=1)
    calls = []

    def away_once(ws: Workspace, worker: str) -> JobInfo | None:
        calls.append(worker)
        if len(calls) == 1:
            raise ConnectionError("the server closed the connection")
        return running.claim_next(ws, worker)

    monkeypatch.setattr(executors, "claim_next", away_once)
    run_worker(ws, drain=True, poll_seconds=0.01)
    assert jobs.get_job(ws, job_id).state is JobState.DONE


def test_a_worker_whose_parent_was_gone_before_it_began_ends_by_itself(ws: Workspace) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    environment = child_environment(ws.settings) | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "cssim", "worker", "--with-parent", str(gone.pid)]
    assert subprocess.run(command, env=environment, cwd=ROOT, timeout=60).returncode == 0
