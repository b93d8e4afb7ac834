"""Jobs on a local Ray cluster with two workers: the same code, the same results, the same rules."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace

import pytest

from cssim.config import child_environment
from cssim.errors import Unavailable
from cssim.services import experiments, jobs
from cssim.services.library import cluster_summaries
from cssim.services.ray_executor import dispatch
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, JobState
from tests.conftest import ROOT

pytest.importorskip("ray", reason="needs Ray: install requirements-ray.txt")
PATIENCE = 300.0
"""Seconds; a busy machine may take minutes to start Ray, and none of this is a measurement."""


def start(ws: Workspace, *options: str) -> subprocess.Popen[bytes]:
    """The worker command with Ray as its executor, on a cluster of its own with two processors."""
    asked = replace(ws.settings, executor="ray", heartbeat_seconds=1)
    environment = child_environment(asked) | {
        "PYTHONPATH": str(ROOT),
        "RAY_OVERRIDE_RESOURCES": '{"CPU": 2}',
    }
    command = [sys.executable, "-m", "cssim", "worker", *options]
    return subprocess.Popen(command, env=environment, cwd=ROOT)


def until(condition, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.1)


@pytest.fixture
def here(filled: Workspace) -> Workspace:
    if filled.database.engine.dialect.name != "sqlite":
        pytest.skip("starting Ray takes long; the queue on PostgreSQL is tested with local workers")
    return filled


def contexts(ws: Workspace) -> list[str]:
    kinds = ((s.cluster.name, s.cluster.kind) for s in cluster_summaries(ws))
    return [name for name, kind in kinds if kind is ClusterKind.CONTEXT]


def test_two_ray_workers_share_the_jobs_and_train_what_a_local_worker_trains(here, world) -> None:
    ws, names = here, contexts(here)[:2]
    config = {"adapter": "head", "epochs": 3}

    def ask(*titles: str) -> None:
        network = str(world.network)
        experiments.request_training(ws, names, network, config=config, names=titles)

    ask("local-1", "local-2")
    jobs.run_worker(ws, drain=True)
    ask("ray-1", "ray-2")
    failing = jobs.enqueue(ws, "embed", {"names": ["no-such-backbone"], "clusters": None})
    process = start(ws, "--drain")
    assert process.wait(timeout=PATIENCE) == 0
    found = {job.params.get("name"): job for job in jobs.list_jobs(ws)}
    assert found["ray-1"].state is found["ray-2"].state is JobState.DONE
    assert found["ray-1"].worker != found["ray-2"].worker
    assert "no-such-backbone" in jobs.get_job(ws, failing).error
    models = {model.name: model for model in experiments.list_models(ws)}
    for i in (1, 2):
        local, ray = models[f"local-{i}"], models[f"ray-{i}"]
        assert local.metrics["accuracy"] == ray.metrics["accuracy"]
        assert local.fingerprint == ray.fingerprint


def test_a_dispatcher_that_is_told_to_end_puts_its_jobs_back(here, world) -> None:
    ws = here
    (job_id,) = experiments.request_training(
        ws,
        contexts(ws)[:1],
        str(world.network),
        config={"adapter": "head", "epochs": 100_000, "patience": 100_000},
    )
    process = start(ws)
    until(lambda: jobs.get_job(ws, job_id).progress > 0, "the training to begin")
    process.terminate()
    assert process.wait(timeout=PATIENCE) == 0
    left = jobs.get_job(ws, job_id)
    assert (left.state, left.worker, left.attempt) == (JobState.QUEUED, None, 0)


def test_without_ray_or_its_cluster_the_error_says_what_to_do(here, monkeypatch) -> None:
    asked = replace(here, settings=replace(here.settings, executor="ray"))
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(Unavailable, match=r"requirements-ray\.txt"):
        dispatch(asked)
