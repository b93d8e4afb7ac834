"""Jobs in the database: claims, ownership, ends; on SQLite and PostgreSQL."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cssim.errors import NotFound
from cssim.types import JobInfo, JobState
from db import jobs, workers
from db.engine import Database, open_database
from db.models import ProjectRow

START = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def project(database: Database) -> int:
    with database.writing() as session:
        row = ProjectRow(name="p")
        session.add(row)
        session.flush()
        return row.id


def _add(database: Database, project: int, kind: str = "train", **params: Any) -> int:
    with database.writing() as session:
        return jobs.add_job(session, project, kind, params)


def _claim(
    database: Database, worker: str = "w1", moment: datetime = START, **more: Any
) -> JobInfo | None:
    options: dict[str, Any] = {"kinds": ["train"], "silent_since": moment - MINUTE} | more
    with database.writing() as session:
        return jobs.claim(session, worker=worker, moment=moment, **options)


def _take(database: Database, worker: str = "w1", moment: datetime = START) -> JobInfo:
    job = _claim(database, worker, moment)
    assert job is not None
    return job


def _sweep(database: Database, moment: datetime, max_attempts: int = 5) -> int:
    with database.writing() as session:
        return jobs.sweep(
            session, moment=moment, silent_since=moment - MINUTE, max_attempts=max_attempts
        )


def _get(database: Database, project: int, job_id: int) -> JobInfo:
    with database.reading() as session:
        return jobs.get_job(session, project, job_id)


def test_the_oldest_waiting_job_is_claimed_first(database: Database, project: int) -> None:
    first, second = _add(database, project, seed=1), _add(database, project, seed=2)
    job = _take(database)
    assert (job.id, job.params, job.state) == (first, {"seed": 1}, JobState.RUNNING)
    assert (job.worker, job.attempt, job.started_at, job.heartbeat_at) == ("w1", 1, START, START)
    assert _take(database).id == second
    assert _claim(database) is None


def test_a_worker_takes_only_the_kinds_that_it_knows(database: Database, project: int) -> None:
    _add(database, project, "dance")
    assert _claim(database) is None


def test_parameters_are_listed_by_project_kind_and_state(database: Database, project: int) -> None:
    with database.writing() as session:
        row = ProjectRow(name="other")
        session.add(row)
        session.flush()
        other = row.id
    first, second = (_add(database, project, seed=seed) for seed in (1, 2))
    _add(database, other)
    _add(database, project, "dance")
    with database.reading() as session:
        found = jobs.job_params(session, project, "train", [JobState.QUEUED])
        assert found == [(second, {"seed": 2}), (first, {"seed": 1})]
        assert jobs.job_params(session, project, "train", [JobState.DONE]) == []


def test_one_job_can_be_claimed_by_its_id(database: Database, project: int) -> None:
    _add(database, project)
    second = _add(database, project)
    job = _claim(database, job_id=second)
    assert job is not None
    assert job.id == second


def test_a_silent_job_is_claimed_again_and_a_lively_one_is_not(
    database: Database, project: int
) -> None:
    _add(database, project)
    first = _take(database)
    assert _claim(database, "w2", START + MINUTE) is None
    second = _take(database, "w2", START + 2 * MINUTE)
    assert (second.id, second.worker, second.attempt) == (first.id, "w2", 2)
    assert second.started_at == START


def test_who_lost_the_claim_can_change_nothing(database: Database, project: int) -> None:
    _add(database, project)
    old = _take(database)
    new = _take(database, "w2", START + 2 * MINUTE)
    moment = START + 3 * MINUTE
    with database.writing() as session:
        beat = jobs.heartbeat(session, old, moment=moment, progress=0.9, message="old")
        assert beat is None
        assert not jobs.add_event(session, old, {"epoch": 1}, moment)
        assert not jobs.finish(session, old, JobState.DONE, moment=moment)
        assert not jobs.release(session, old)
    held = _get(database, project, new.id)
    assert (held.state, held.worker, held.progress) == (JobState.RUNNING, "w2", 0.0)


def test_the_same_worker_with_an_older_attempt_has_lost_the_claim_too(
    database: Database, project: int
) -> None:
    _add(database, project)
    old = _take(database)
    _take(database, "w1", START + 2 * MINUTE)
    with database.writing() as session:
        beat = jobs.heartbeat(session, old, moment=START, progress=0.1, message="")
    assert beat is None


def test_a_heartbeat_keeps_the_claim_and_brings_the_wish_to_stop(
    database: Database, project: int
) -> None:
    job_id = _add(database, project)
    job = _take(database)
    with database.writing() as session:
        assert (
            jobs.heartbeat(session, job, moment=START + MINUTE, progress=0.5, message="half")
            is False
        )
    assert _claim(database, "w2", START + 2 * MINUTE) is None
    shown = _get(database, project, job_id)
    assert (shown.progress, shown.message) == (0.5, "half")
    with database.writing() as session:
        assert jobs.request_cancel(session, project, job_id, START)
        assert jobs.heartbeat(session, job, moment=START, progress=0.5, message="") is True


def test_a_waiting_job_is_cancelled_at_once(database: Database, project: int) -> None:
    job_id = _add(database, project)
    with database.writing() as session:
        assert jobs.request_cancel(session, project, job_id, START)
        assert not jobs.request_cancel(session, project, job_id, START)
    assert _get(database, project, job_id).state is JobState.CANCELLED
    assert _claim(database) is None


def test_a_cancelled_job_whose_worker_died_is_not_run_again(
    database: Database, project: int
) -> None:
    job_id = _add(database, project)
    _take(database)
    with database.writing() as session:
        jobs.request_cancel(session, project, job_id, START)
    later = START + 2 * MINUTE
    assert _claim(database, "w2", later) is None
    assert _sweep(database, later) == 1
    assert _get(database, project, job_id).state is JobState.CANCELLED


def test_a_job_that_killed_its_workers_fails_with_the_reason(
    database: Database, project: int
) -> None:
    job_id = _add(database, project)
    moment = START
    for attempt in (1, 2, 3):
        assert _sweep(database, moment, max_attempts=3) == 0
        assert _take(database, "w", moment).attempt == attempt
        moment += 2 * MINUTE
    assert _sweep(database, moment, max_attempts=3) == 1
    job = _get(database, project, job_id)
    assert job.state is JobState.FAILED
    assert "died 3 times" in job.error


def test_a_released_job_waits_again_and_loses_no_attempt(database: Database, project: int) -> None:
    job_id = _add(database, project)
    with database.writing() as session:
        assert jobs.release(session, _job_in(session))
    assert _get(database, project, job_id).state is JobState.QUEUED
    assert _take(database, "w2").attempt == 1


def test_a_job_that_is_to_be_cancelled_is_not_released(database: Database, project: int) -> None:
    job_id = _add(database, project)
    _take(database)
    with database.writing() as session:
        jobs.request_cancel(session, project, job_id, START)
        assert not jobs.release(session, jobs.get_job(session, project, job_id))
    assert _get(database, project, job_id).state is JobState.RUNNING


def _job_in(session: Any) -> JobInfo:
    job = jobs.claim(session, worker="w1", moment=START, silent_since=START, kinds=["train"])
    assert job is not None
    return job


def test_a_finished_job_keeps_its_result_and_is_never_claimed(
    database: Database, project: int
) -> None:
    job_id = _add(database, project)
    job = _take(database)
    with database.writing() as session:
        assert jobs.finish(session, job, JobState.DONE, moment=START, result={"model": 3})
    done = _get(database, project, job_id)
    assert (done.state, done.result, done.progress) == (JobState.DONE, {"model": 3}, 1.0)
    assert _claim(database, "w2", START + 9 * MINUTE) is None


def test_a_failed_job_can_be_queued_again_and_a_done_one_cannot(
    database: Database, project: int
) -> None:
    job_id = _add(database, project)
    job = _take(database)
    with database.writing() as session:
        jobs.finish(session, job, JobState.FAILED, moment=START, error="no weights")
    assert _get(database, project, job_id).error == "no weights"
    with database.writing() as session:
        assert jobs.requeue(session, project, job_id)
    again = _take(database)
    assert (again.id, again.error, again.attempt) == (job_id, "", 1)
    with database.writing() as session:
        jobs.finish(session, again, JobState.DONE, moment=START)
        assert not jobs.requeue(session, project, job_id)


def test_events_are_numbered_from_zero_and_read_from_any_number_on(
    database: Database, project: int
) -> None:
    job_id = _add(database, project)
    job = _take(database)
    for epoch in range(3):
        with database.writing() as session:
            assert jobs.add_event(session, job, {"epoch": epoch}, START)
    with database.reading() as session:
        assert jobs.events_of(session, job_id) == [(i, {"epoch": i}) for i in range(3)]
        assert jobs.events_of(session, job_id, after=1) == [(2, {"epoch": 2})]


def test_jobs_of_another_project_are_not_found(database: Database, project: int) -> None:
    job_id = _add(database, project)
    with database.writing() as session, pytest.raises(NotFound, match=f"no job {job_id}"):
        jobs.request_cancel(session, project + 1, job_id, START)


def test_jobs_are_listed_newest_first_by_state(database: Database, project: int) -> None:
    first, second = _add(database, project), _add(database, project)
    _take(database)
    with database.reading() as session:
        assert [j.id for j in jobs.list_jobs(session, project)] == [second, first]
        waiting = jobs.list_jobs(session, project, states=[JobState.QUEUED])
        assert [j.id for j in waiting] == [second]
        assert jobs.count_open(session, ["train"]) == 2
        assert jobs.count_open(session, ["embed"]) == 0


def test_workers_are_alive_while_they_beat(database: Database) -> None:
    with database.writing() as session:
        workers.beat_worker(session, "old", START)
        workers.beat_worker(session, "new", START + MINUTE)
    with database.reading() as session:
        assert workers.live_workers(session, START) == ["old", "new"]
        assert workers.live_workers(session, START + MINUTE) == ["new"]
    with database.writing() as session:
        workers.beat_worker(session, "old", START + 2 * MINUTE)
        workers.remove_workers(session, worker="new", before=START + MINUTE)
    with database.reading() as session:
        assert workers.live_workers(session, START) == ["old"]


def test_threads_never_take_the_same_job(database: Database, project: int) -> None:
    wanted = [_add(database, project) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        taken = [
            i for part in pool.map(lambda n: _drain(database, f"t{n}"), range(8)) for i in part
        ]
    assert sorted(taken) == wanted


def test_processes_never_take_the_same_job(
    database: Database, migrated_url: str, project: int
) -> None:
    wanted = [_add(database, project) for _ in range(30)]
    context = multiprocessing.get_context("spawn")
    with context.Pool(3) as pool:
        parts = pool.starmap(drain_in_process, [(migrated_url, f"p{n}") for n in range(3)])
        pool.close()
        pool.join()
    assert sorted(i for part in parts for i in part) == wanted


def drain_in_process(url: str, worker: str) -> list[int]:
    database = open_database(url, migrate=False)
    try:
        return _drain(database, worker)
    finally:
        database.close()


def _drain(database: Database, worker: str) -> list[int]:
    taken = []
    while (job := _claim(database, worker)) is not None:
        assert replace(job, worker=worker) == job
        taken.append(job.id)
    return taken
