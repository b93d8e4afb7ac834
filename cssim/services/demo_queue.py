"""Jobs of the demo side by side: a few worker processes with one thread each, until all are done.

A small model on a small batch gives a second thread nothing to do, while a second process does the
next job. Workers are those that everybody has; what they did is kept when the build is stopped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import cssim
from cssim.config import worker_environment
from cssim.errors import Cancelled, Conflict, CSSimError
from cssim.services import jobs
from cssim.services.jobs import JobRequest
from cssim.services.plain import plain
from cssim.services.workspace import Workspace
from cssim.types import JobInfo, JobState

LOOK_SECONDS = 0.5
"""Pause between two looks at the jobs."""
END_SECONDS = 20
"""How long a worker that was told to end may take to reach the end of its step."""
STOPPED = "the build was stopped; the next one goes on from here"
_OPEN = (JobState.QUEUED, JobState.RUNNING)


class Crew:
    """Worker processes of one build, started when they are first needed; close it at the end.

    They take whatever waits in the queue, and end with this process when that is killed.
    """

    def __init__(self, ws: Workspace, processes: int) -> None:
        self.ws, self.processes = ws, processes
        self._children: list[subprocess.Popen[bytes]] = []

    def run(
        self,
        requests: Sequence[JobRequest],
        tell: Callable[[float, str], None],
        stop: threading.Event,
    ) -> list[JobInfo]:
        """The finished jobs, in the order of the requests; one that waits already is adopted.

        Args:
            requests: each runs when a process is free, the first ones first.
            tell: called with the share that is done, 0..1, and what is going on.
            stop: cancels what is left.

        Raises:
            Cancelled: `stop` was set.
            CSSimError: a job failed, or the workers ended before they were done.
        """
        ids = _enqueued(self.ws, requests)
        try:
            if not self._children:
                self._children = _started(self.ws, self.processes)
            while True:
                found = [jobs.get_job(self.ws, id_) for id_ in ids]
                _say(found, tell)
                if stop.is_set():
                    raise Cancelled(STOPPED)
                _check(found)
                if all(job.state is JobState.DONE for job in found):
                    return found
                if all(child.poll() is not None for child in self._children):
                    raise CSSimError(
                        f"the workers of the demo ended; see worker.log in {self.ws.settings.logs}"
                    )
                stop.wait(LOOK_SECONDS)
        except BaseException:
            self.close()  # first, so that no job is in hands when it is cancelled
            _cancel(self.ws, ids)
            raise

    def close(self) -> None:
        """End the workers, each after the step that it is at."""
        for child in self._children:
            child.terminate()
        for child in self._children:
            try:
                child.wait(END_SECONDS)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
        self._children = []


def _enqueued(ws: Workspace, requests: Sequence[JobRequest]) -> list[int]:
    kinds = sorted({request.kind for request in requests})
    waiting = jobs.list_jobs(ws, states=_OPEN, kinds=kinds)
    known = {
        (job.kind, _key(job.params)): job.id
        for job in waiting
        if not job.paused and not job.cancel_requested
    }
    return [
        known.get((request.kind, _key(request.params)))
        or jobs.enqueue(ws, request.kind, request.params)
        for request in requests
    ]


def _key(params: object) -> str:
    return json.dumps(plain(params), sort_keys=True)


def _say(found: Sequence[JobInfo], tell: Callable[[float, str], None]) -> None:
    done = sum(job.state is JobState.DONE for job in found)
    running = [job for job in found if job.state is JobState.RUNNING]
    share = (done + sum(job.progress for job in running)) / len(found)
    names = ", ".join(_title(job) for job in running)
    tell(share, f"{done} of {len(found)} done" + (f", now {names}" if names else ""))


def _title(job: JobInfo) -> str:
    names = job.params.get("names") or [job.params.get("name", job.kind)]
    return " and ".join(str(name) for name in names)


def _check(found: Sequence[JobInfo]) -> None:
    for job in found:
        if job.state is JobState.CANCELLED:
            raise Cancelled(STOPPED)
        if job.state is JobState.FAILED:
            raise CSSimError(f"job {job.id} ({job.kind}) of the demo failed: {job.error}")


def _cancel(ws: Workspace, ids: Sequence[int]) -> None:
    for id_ in ids:
        with suppress(Conflict):  # it has ended in the meantime
            jobs.cancel(ws, id_)


def _started(ws: Workspace, count: int) -> list[subprocess.Popen[bytes]]:
    settings = replace(ws.settings, threads=1)
    settings.logs.mkdir(parents=True, exist_ok=True)
    source = str(Path(cssim.__file__).resolve().parent.parent)
    environment = worker_environment(settings)
    paths = [source, environment.get("PYTHONPATH", "")]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    # Not only torch: two processes whose matrix products use all cores are in each other's way.
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "cssim", "worker", "--with-parent", str(os.getpid())]
    with (settings.logs / "worker.log").open("ab") as output:
        return [
            subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is meant for the build, which tells them
            )
            for _ in range(count)
        ]
