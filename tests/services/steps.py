"""Small kinds of work for the tests of jobs, and a worker process that knows them."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cssim.config import load_settings
from cssim.errors import BadInput, Cancelled
from cssim.services import running
from cssim.services.executors import run_worker, stopping_on_signals
from cssim.services.running import JobContext
from cssim.services.workspace import open_workspace
from db import jobs as rows
from db.models import now

KINDS = {
    "count": "tests.services.steps:count",
    "refuse": "tests.services.steps:refuse",
    "crash": "tests.services.steps:crash",
    "told to end": "tests.services.steps:told_to_end",
}


def count(context: JobContext) -> Mapping[str, Any]:
    """Count to `to`, storing each number in a file, and going on from it."""
    path = Path(context.job.params["file"])
    done = int(path.read_text()) if path.exists() else 0
    started = done
    while done < context.job.params["to"]:
        time.sleep(context.job.params.get("seconds", 0.0))
        done += 1
        path.write_text(str(done))
        context.event(step=done, share=float("nan"))
        context.progress(done, context.job.params["to"], f"step {done}")
    return {"counted": done, "started_at": started, "project": context.ws.project.name}


def told_to_end(context: JobContext) -> Mapping[str, Any]:
    """A worker that is told to end at the moment at which a person cancels its job."""
    with context.ws.database.writing() as session:
        rows.request_cancel(session, context.ws.project.id, context.job.id, now())
    raise Cancelled("the worker was told to end")


def refuse(context: JobContext) -> Mapping[str, Any]:
    """Fail as a use case does."""
    raise BadInput("expected a cluster, got none; name one")


def crash(context: JobContext) -> Mapping[str, Any]:
    """Fail as a programming error does."""
    return {"ratio": 1 / 0}


def main() -> None:
    """A worker process that also knows the kinds above."""
    running.RUNNERS.update(KINDS)
    running.REPORT_SECONDS = 0.0
    ws = open_workspace(load_settings())
    stop = threading.Event()
    with stopping_on_signals(stop):
        run_worker(ws, drain="--drain" in sys.argv, poll_seconds=0.05, stop=stop)
    ws.close()


if __name__ == "__main__":
    main()
