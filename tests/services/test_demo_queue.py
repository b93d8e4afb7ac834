"""Jobs of the demo in processes of their own: done, adopted, stopped."""

import threading

import pytest

from cssim.config import load_settings
from cssim.errors import Cancelled, CSSimError
from cssim.services import demo_queue, jobs, surveys
from cssim.services.demo_queue import Crew
from cssim.services.jobs import JobRequest
from cssim.services.workspace import open_workspace
from cssim.types import JobState
from db.models import JobRow


@pytest.fixture
def ws(demo_copy):
    ws = open_workspace(load_settings({}, home=demo_copy, project="demo", threads=1))
    yield ws
    ws.close()


def test_a_crew_runs_jobs_in_another_process_and_ends(ws):
    crew, told = Crew(ws, 1), []
    try:
        (job,) = crew.run(
            [surveys.survey_request()], lambda *said: told.append(said), threading.Event()
        )
        children = list(crew._children)
    finally:
        crew.close()
    assert job.state is JobState.DONE
    assert str(children[0].pid) in str(job.worker)
    assert children[0].poll() is not None
    assert told[-1] == (1.0, "1 of 1 done")


def test_a_request_that_waits_already_is_not_queued_again(ws):
    first = jobs.enqueue(ws, "survey", {})
    other = JobRequest("embed", {"names": ["hog"], "clusters": None})
    ids = demo_queue._enqueued(ws, [surveys.survey_request(), other])
    assert ids[0] == first
    assert ids[1] != first
    assert demo_queue._enqueued(ws, [other]) == [ids[1]]


def test_a_job_that_is_to_be_cancelled_is_not_adopted(ws):
    first = jobs.enqueue(ws, "survey", {})
    with ws.database.writing() as session:
        row = session.get(JobRow, first)
        row.state, row.cancel_requested = JobState.QUEUED.value, True
    assert demo_queue._enqueued(ws, [surveys.survey_request()]) != [first]


def test_a_stopped_crew_cancels_what_it_asked_for(ws, monkeypatch):
    monkeypatch.setattr(demo_queue, "_started", lambda ws, count: [])
    stop = threading.Event()
    stop.set()
    with pytest.raises(Cancelled, match="goes on from here"):
        Crew(ws, 2).run([surveys.survey_request()], lambda *_: None, stop)
    assert jobs.list_jobs(ws, states=(JobState.QUEUED, JobState.RUNNING)) == []


def test_a_crew_whose_workers_died_says_so(ws, monkeypatch):
    monkeypatch.setattr(demo_queue, "_started", lambda ws, count: [])
    with pytest.raises(CSSimError, match=r"worker\.log"):
        Crew(ws, 2).run([surveys.survey_request()], lambda *_: None, threading.Event())
    assert jobs.list_jobs(ws, states=(JobState.QUEUED,)) == []
