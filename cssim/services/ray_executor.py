"""Jobs on the machines of a Ray cluster: `CSSIM_EXECUTOR=ray`.

The worker process of this machine then runs nothing itself. It hands each job that waits to Ray,
which finds a machine with free processors (and GPUs, where asked for); there a task claims the job
and runs it by the same code as a local worker. The queue, progress, cancelling, pausing and what
happens when a machine dies are those of the database, not of Ray.

All machines need CS-Sim installed, the same PostgreSQL and the same home folder.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import cssim
from cssim.config import Settings, load_settings, worker_environment
from cssim.errors import Unavailable
from cssim.services.executors import alive, open_jobs, parent_is_gone, stopping_on_signals
from cssim.services.running import RUNNERS, claim_next, run_claimed, silence, worker_identity
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import JobInfo
from db import jobs as rows
from db.models import now

log = logging.getLogger(__name__)


def dispatch(
    ws: Workspace,
    *,
    limit: int | None = None,
    drain: bool = False,
    parent: int | None = None,
    poll_seconds: float = 1.0,
    stop: threading.Event | None = None,
) -> list[JobInfo]:
    """Hand jobs to Ray; arguments and result are those of `executors.run_worker`.

    With `CSSIM_RAY_ADDRESS` it joins that cluster, without it starts one on this machine, which
    ends with it.

    Raises:
        Unavailable: Ray is not installed, or the cluster cannot be reached.
    """
    ray = _connected(ws.settings)
    stop = stop or threading.Event()
    run = ray.remote(_run).options(
        num_cpus=ws.settings.ray_cpus, num_gpus=ws.settings.ray_gpus, max_retries=0
    )
    environment = _environment(ws.settings)
    under_way: dict[Any, int] = {}
    ended: list[int] = []
    try:
        # Ray has put signal handlers of its own in place, which end the process at once.
        with stopping_on_signals(stop), alive(ws, worker_identity()):
            while not stop.is_set():
                room = None if limit is None else limit - len(ended) - len(under_way)
                for job_id in _waiting(ws, set(under_way.values()), room):
                    under_way[run.remote(environment, job_id)] = job_id
                ready, _ = ray.wait(list(under_way), timeout=0) if under_way else ([], [])
                for task in ready:
                    ended += _result(ray, task, under_way.pop(task))
                if not under_way and (
                    (limit is not None and (len(ended) >= limit or not _waiting(ws, set(), 1)))
                    or parent_is_gone(parent)
                    or (drain and open_jobs(ws) == 0)
                ):
                    break
                if not ready:
                    stop.wait(poll_seconds)
            for task in under_way:  # each puts its job back into the queue
                ray.cancel(task, force=False)
            if under_way:
                ray.wait(list(under_way), num_returns=len(under_way), timeout=30)
    finally:
        ray.shutdown()
    with ws.database.reading() as session:
        return [rows.get_any_job(session, job_id) for job_id in ended]


def _connected(settings: Settings) -> Any:
    try:
        import ray
    except ImportError as error:
        raise Unavailable(
            "CSSIM_EXECUTOR=ray needs Ray: install what requirements-ray.txt names, or set "
            "CSSIM_EXECUTOR=local"
        ) from error
    source = str(Path(cssim.__file__).resolve().parent.parent)
    before = worker_environment(settings).get("PYTHONPATH", "")
    paths = os.pathsep.join(path for path in (source, before) if path)
    try:
        ray.init(
            address=settings.ray_address or "local",
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.WARNING,
            runtime_env={"env_vars": {"PYTHONPATH": paths}},
        )
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise Unavailable(
            f"the Ray cluster at {settings.ray_address or 'this machine'} cannot be reached "
            f"({error}): check CSSIM_RAY_ADDRESS, or set CSSIM_EXECUTOR=local"
        ) from error
    return ray


def _environment(settings: Settings) -> dict[str, str]:
    """The settings as variables, for a task that may run on another machine."""
    whole = worker_environment(settings)
    return {name: value for name, value in whole.items() if name.startswith("CSSIM_")}


def _waiting(ws: Workspace, submitted: set[int], room: int | None) -> list[int]:
    """Ids of at most `room` jobs that can be claimed and were not handed out, oldest first."""
    if room is not None and room <= 0:
        return []
    with ws.database.reading() as session:
        found = rows.claimable(
            session, silent_since=now() - silence(ws.settings), kinds=sorted(RUNNERS)
        )
    fresh = [job_id for job_id in found if job_id not in submitted]
    return fresh if room is None else fresh[:room]


def _result(ray: Any, task: Any, job_id: int) -> list[int]:
    """The job's id where the task ran it; a task that broke leaves its job to the next one."""
    try:
        return [job_id] if ray.get(task) else []
    except Exception:  # a machine that died, or a database that was away: the job is free again
        log.exception("the task of job %d broke", job_id)
        return []


def _run(environment: dict[str, str], job_id: int) -> bool:
    """On a machine of the cluster: claim the job and run it. False where another one has it."""
    from cssim.config import share_processors

    share_processors()
    ws = open_workspace(load_settings(environment))
    stop = threading.Event()
    try:
        job = claim_next(ws, worker_identity(), job_id=job_id)
        if job is None:
            return False
        with stopping_on_signals(stop):
            run_claimed(ws, job, stop=stop)
        return True
    finally:
        ws.close()
