"""Several jobs as one request: counted, paused, resumed, cancelled and tried again together."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cssim.config import Settings
from cssim.errors import BadInput, Conflict, NotFound
from cssim.services import batches, experiments, jobs, library, running
from cssim.services.executors import run_worker
from cssim.services.jobs import JobRequest
from cssim.services.training_plans import request_training_plan, sets_to_train, training_plan
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import JobInfo, JobState
from tests.services.steps import KINDS

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def ws(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    for kind, runner in KINDS.items():
        monkeypatch.setitem(running.RUNNERS, kind, runner)
    monkeypatch.setattr(running, "REPORT_SECONDS", 0.0)
    opened = open_workspace(settings)
    yield opened
    opened.close()


def counting(ws: Workspace, names: str, **more: Any) -> list[JobRequest]:
    home = ws.settings.home
    return [JobRequest("count", {"file": home / name, "to": 3} | more) for name in names]


def job(state: JobState, progress: float = 0.0, began: int = 0, took: int = 0, **more: Any):
    started = NOON - timedelta(seconds=began) if began else None
    finished = started + timedelta(seconds=took) if started and took else None
    return JobInfo(
        1, "train", {}, state, progress, started_at=started, finished_at=finished, **more
    )


def test_a_batch_is_counted_as_its_jobs_are(ws: Workspace) -> None:
    number = batches.enqueue_batch(ws, "three counts", counting(ws, "abc"))
    run_worker(ws, limit=1)
    found = batches.batch_progress(ws, number)
    assert found.batch.name == "three counts"
    assert (found.count(JobState.DONE), found.count(JobState.QUEUED)) == (1, 2)
    assert found.share == pytest.approx(1 / 3)
    assert found.seconds_left is not None
    run_worker(ws, drain=True)
    found = batches.batch_progress(ws, number)
    assert (found.finished, found.share, found.seconds_left) == (True, 1.0, None)
    assert [j.params["file"][-1] for j in found.jobs] == ["a", "b", "c"]


def test_paused_jobs_wait_and_go_on_where_they_were(ws: Workspace) -> None:
    number = batches.enqueue_batch(ws, "counts", counting(ws, "ab"))
    assert batches.pause_batch(ws, number) == 2
    assert run_worker(ws, drain=True) == []
    assert batches.batch_progress(ws, number).paused == 2
    assert batches.batch_progress(ws, number).seconds_left is None
    first, second = batches.batch_progress(ws, number).jobs
    jobs.resume(ws, second.id)
    assert [done.id for done in run_worker(ws, drain=True)] == [second.id]
    assert batches.resume_batch(ws, number) == 1
    assert [done.id for done in run_worker(ws, drain=True)] == [first.id]


def test_a_running_job_stops_when_it_is_paused_and_keeps_what_it_did(ws: Workspace) -> None:
    number = batches.enqueue_batch(ws, "slow", counting(ws, "a", to=200, seconds=0.02))
    (waiting,) = batches.batch_progress(ws, number).jobs
    worker = threading.Thread(target=run_worker, args=(ws,), kwargs={"limit": 1})
    worker.start()
    end = time.monotonic() + 20
    while jobs.get_job(ws, waiting.id).progress == 0:
        assert time.monotonic() < end, "the job never began"
    assert jobs.pause(ws, waiting.id).paused
    worker.join(timeout=20)
    assert not worker.is_alive()
    stopped = jobs.get_job(ws, waiting.id)
    assert (stopped.state, stopped.paused, stopped.worker) == (JobState.QUEUED, True, None)
    counted = int((ws.settings.home / "a").read_text())
    assert 0 < counted < 200
    (ws.settings.home / "a").write_text("199")
    jobs.resume(ws, waiting.id)
    (done,) = run_worker(ws, limit=1)
    assert done.result["started_at"] == 199
    assert done.attempt == 1


def test_a_paused_job_can_be_cancelled_and_tried_again(ws: Workspace) -> None:
    number = batches.enqueue_batch(ws, "counts", counting(ws, "ab"))
    batches.pause_batch(ws, number)
    assert batches.cancel_batch(ws, number) == 2
    with pytest.raises(Conflict, match="neither paused nor resumed"):
        jobs.resume(ws, batches.batch_progress(ws, number).jobs[0].id)
    assert batches.retry_batch(ws, number) == 2
    assert batches.batch_progress(ws, number).paused == 0
    assert len(run_worker(ws, drain=True)) == 2


def test_failed_jobs_are_tried_again_alone(ws: Workspace) -> None:
    requests = [*counting(ws, "a"), JobRequest("refuse")]
    number = batches.enqueue_batch(ws, "mixed", requests)
    run_worker(ws, drain=True)
    found = batches.batch_progress(ws, number)
    assert (found.count(JobState.DONE), found.count(JobState.FAILED)) == (1, 1)
    assert found.finished
    assert batches.retry_batch(ws, number) == 1


def test_a_worker_that_died_over_a_paused_job_leaves_it_waiting(ws: Workspace) -> None:
    number = batches.enqueue_batch(ws, "counts", counting(ws, "a"))
    taken = jobs.claim_next(ws, "gone:1:x")
    assert taken is not None
    jobs.pause(ws, taken.id)
    from db import jobs as rows

    with ws.database.writing() as session:
        late = datetime.now(UTC) + timedelta(hours=1)
        rows.sweep(session, moment=late, silent_since=late, max_attempts=5)
    (left,) = batches.batch_progress(ws, number).jobs
    assert (left.state, left.paused, left.attempt) == (JobState.QUEUED, True, 0)


def test_nonsense_is_refused_and_nothing_is_queued(ws: Workspace) -> None:
    for name, requests in ((" ", counting(ws, "a")), ("none", [])):
        with pytest.raises(BadInput, match="a batch has a name"):
            batches.enqueue_batch(ws, name, requests)
    with pytest.raises(NotFound, match="jobs batches"):
        batches.batch_progress(ws, 99)
    assert jobs.list_jobs(ws) == []
    assert batches.list_batches(ws) == []


def test_the_time_left_is_that_of_jobs_like_those_that_are_done() -> None:
    done = [job(JobState.DONE, 1.0, 200, 100), job(JobState.DONE, 1.0, 300, 140)]  # 120 s each
    waiting = [job(JobState.QUEUED)] * 3
    half = job(JobState.RUNNING, 0.5, 50)
    left = {
        n: batches.seconds_left([*done, half, *waiting], workers=n, moment=NOON) for n in (1, 2, 9)
    }
    assert left == {1: 3.5 * 120, 2: 3.5 * 60, 9: 120}
    begun = [job(JobState.RUNNING, 0.25, 50), job(JobState.QUEUED)]  # 200 s each
    assert batches.seconds_left(begun, workers=1, moment=NOON) == 350
    assert batches.seconds_left(waiting, workers=1, moment=NOON) is None
    paused = [*done, job(JobState.QUEUED, paused=True)]
    assert batches.seconds_left(paused, workers=1, moment=NOON) is None


def test_a_plan_is_every_cluster_with_every_backbone_and_seed(filled, world) -> None:
    clusters = [c.cluster.name for c in _contexts(filled)]
    backbone = str(world.network)
    found = training_plan(filled, clusters, [backbone], seeds=2, config={"epochs": 2, "seed": 5})
    names = {request.params["name"] for request in found}
    assert names == {f"{c}-{world.network.name}-s{s}" for c in clusters for s in (5, 6)}
    assert {r.params["config"]["seed"] for r in found} == {5, 6}
    together = training_plan(filled, clusters, [backbone], together=True)
    assert [r.params["name"] for r in together] == [f"{'+'.join(clusters)}-{world.network.name}"]
    number = request_training_plan(filled, clusters, [backbone], seeds=2)
    assert len(batches.batch_progress(filled, number).jobs) == 2 * len(clusters)


def test_a_plan_reads_the_answers_of_each_cluster_once(filled, world, monkeypatch) -> None:
    clusters = [c.cluster.name for c in _contexts(filled)][:2]
    read, load = [], library.load_triples

    def loading(ws, ids):
        read.append(ids)
        return load(ws, ids)

    monkeypatch.setattr(experiments, "load_triples", loading)
    assert len(training_plan(filled, clusters, [str(world.network)], seeds=3)) == 6
    assert len(read) == 2


def test_all_sets_are_those_that_nobody_is_measured_on(filled) -> None:
    found = sets_to_train(filled)
    assert found[:2] == [one.cluster.name for one in _contexts(filled)]
    assert found[2:] == ["w-validation"]


def test_without_answers_there_are_no_sets_to_train_on(ws: Workspace) -> None:
    with pytest.raises(BadInput, match="has answers yet"):
        sets_to_train(ws)


def test_a_plan_without_a_backbone_or_with_one_twice_is_refused(filled, world) -> None:
    name = _contexts(filled)[0].cluster.name
    for backbones in ([], [str(world.network)] * 2):
        with pytest.raises(BadInput, match="each named once"):
            training_plan(filled, [name], backbones)
    with pytest.raises(BadInput, match="seeds"):
        training_plan(filled, [name], [str(world.network)], seeds=0)


def _contexts(ws: Workspace):
    from cssim.services import library
    from cssim.types import ClusterKind

    return [one for one in library.cluster_summaries(ws) if one.cluster.kind is ClusterKind.CONTEXT]
