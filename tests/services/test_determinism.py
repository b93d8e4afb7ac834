"""The same data, models, code and seed give the same bytes; anything else gives other prints."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from cssim.config import load_settings
from cssim.services import evaluation, experiments, jobs
from cssim.services.comparison_files import comparison_files
from cssim.services.encoding import register_frozen
from cssim.services.evaluation import StoredComparison
from cssim.services.jobs import JobRequest
from cssim.services.library import add_images, cluster_summaries, import_labels
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import JobInfo, JobState
from tests.world import World


@pytest.fixture(autouse=True)
def _one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


def whole_loop(home: Path, world: World) -> Workspace:
    """From pictures and answers to a trained model and a fitted ensemble."""
    ws = open_workspace(load_settings(home=home))
    add_images(ws, [world.images])
    import_labels(ws, world.answers, cluster="w", per_reference=list(world.references[:1]))
    register_frozen(ws, str(world.network))
    config = {"adapter": "lora", "epochs": 2, "rank": 2, "dropout": 0.1, "seed": 5}
    (training,) = experiments.training_requests(
        ws, [training_cluster(ws)], str(world.network), config=config, names=["cs"]
    )
    finish(ws, training)
    finish(
        ws,
        experiments.ensemble_request(
            ws, "near", ["tiny", "cs"], strategy="mlp-8", fit_on=["w-validation"]
        ),
    )
    return ws


def finish(ws: Workspace, request: JobRequest) -> JobInfo:
    done = jobs.run_here(ws, request)
    assert done.state is JobState.DONE, done.error
    return done


def training_cluster(ws: Workspace) -> str:
    return cluster_summaries(ws)[0].cluster.name


def compared(ws: Workspace, seed: int = 0) -> StoredComparison:
    done = finish(ws, evaluation.comparison_request(ws, ["w-test"], draws=200, seed=seed))
    return evaluation.get_comparison(ws, done.result["evaluation"])


@pytest.fixture(scope="module")
def twins(tmp_path_factory: pytest.TempPathFactory, world: World) -> Iterator[list[Workspace]]:
    """The same work done twice, in two folders."""
    torch.set_num_threads(1)
    made = [whole_loop(tmp_path_factory.mktemp("home"), world) for _ in range(2)]
    yield made
    for ws in made:
        ws.close()


def test_two_runs_of_the_whole_loop_give_the_same_bytes(twins: list[Workspace]) -> None:
    files = [comparison_files(compared(ws).comparison) for ws in twins]
    for one, other in zip(*files, strict=True):
        assert one.text.encode() == other.text.encode(), one.title
    values = json.loads(next(file.text for file in files[0] if file.suffix == ".json"))
    assert {row["name"] for row in values["rows"]} >= {"tiny", "cs", "near"}


def test_the_fingerprints_name_data_code_settings_and_each_row(twins: list[Workspace]) -> None:
    comparison = compared(twins[0]).comparison
    assert set(comparison.fingerprints or {}) == {
        "data", "code", "settings", "model tiny", "model cs", "ensemble near",
    }  # fmt: skip
    assert all((comparison.fingerprints or {}).values())


def test_another_seed_shows_in_the_fingerprints_and_in_no_accuracy(
    twins: list[Workspace],
) -> None:
    one, other = (compared(twins[0], seed=seed).comparison for seed in (0, 1))
    assert [row.accuracy for row in one.rows] == [row.accuracy for row in other.rows]
    changed = {
        name
        for name, value in (one.fingerprints or {}).items()
        if value != (other.fingerprints or {})[name]
    }
    assert changed == {"settings"}
