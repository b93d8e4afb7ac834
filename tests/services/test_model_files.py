"""A model packed by a job, its card as Markdown, and old packages forgotten."""

from __future__ import annotations

import os
import shutil
import time
import zipfile
from pathlib import Path

import pytest

from cssim.errors import BadInput
from cssim.services import card_text, cards, experiments, jobs, model_files, transfers
from cssim.services.encoding import register_frozen
from cssim.services.library import cluster_summaries
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, JobState
from tests.world import World


@pytest.fixture
def ws(filled: Workspace, world: World) -> Workspace:
    """With a frozen network and a head on it."""
    register_frozen(filled, str(world.network))
    context = next(
        one.cluster.name
        for one in cluster_summaries(filled)
        if one.cluster.kind is ClusterKind.CONTEXT
    )
    experiments.request_training(
        filled,
        [context],
        str(world.network),
        config={"adapter": "head", "epochs": 2},
        names=["near | far: 1/2"],
    )
    jobs.run_worker(filled, limit=1)
    return filled


def test_a_packed_model_is_a_zip_that_comes_back_the_same(ws: Workspace, tmp_path: Path) -> None:
    name = "near | far: 1/2"
    model = cards.model_card(ws, name).model
    assert model_files.exported(ws, model) is None
    job_id = model_files.request_export(ws, name)
    assert model_files.is_exporting(ws, model)
    jobs.run_worker(ws, limit=1)
    job = jobs.get_job(ws, job_id)
    assert job.state is JobState.DONE, job.error
    path = model_files.exported(ws, model)
    assert path is not None
    assert (path.name, path.stat().st_size) == ("near---far--1-2.zip", job.result["bytes"])
    assert not model_files.is_exporting(ws, model)
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    taken = transfers.import_model(ws, tmp_path / path.stem, name="back")
    assert taken.fingerprint == model.fingerprint
    text = (tmp_path / path.stem / "README.md").read_text()
    assert text.startswith(f"# {name}\n")
    assert text.endswith(card_text.markdown(cards.model_card(ws, name)))
    shutil.rmtree(path.parent)
    assert model_files.exported(ws, model) is None


def test_what_was_not_trained_is_not_packed(ws: Workspace) -> None:
    with pytest.raises(BadInput, match="nothing of ours to export"):
        model_files.request_export(ws, "tiny")


def test_old_packages_are_forgotten(tmp_path: Path) -> None:
    for job, days in ((1, 8), (2, 6)):
        folder = tmp_path / f"job-{job}"
        folder.mkdir()
        moment = time.time() - days * 86_400
        os.utime(folder, (moment, moment))
    assert model_files.forget_old(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["job-2"]
    assert model_files.forget_old(tmp_path / "nowhere") == 0


@pytest.mark.parametrize(
    ("name", "file"), [("a b/c", "a-b-c"), ("..", "model"), ("näher+1.5", "näher+1.5")]
)
def test_names_become_names_of_files(name: str, file: str) -> None:
    assert model_files.file_name(name) == file


def test_a_card_in_markdown_says_what_the_card_says(ws: Workspace) -> None:
    card = cards.model_card(ws, "near | far: 1/2")
    text = card_text.markdown(card)
    assert text.startswith("## Card of near \\| far: 1/2\n")
    assert card.local is not None
    interval = f"{100 * card.local.low:.1f} to {100 * card.local.high:.1f}"  # type: ignore[operator]
    assert f"| {100 * card.local.value:.1f} | {interval} | {card.local.triples} |" in text
    assert f"| fingerprint | {card.model.data_fingerprint} |" in text
    assert f"| triples | {card.data['triples']} |" in text
    assert "| adapter | head |" in text
    heading = next(line for line in text.splitlines() if line.startswith("| Epoch |"))
    assert heading.endswith("| Images | Seconds |")
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in lines)
    assert sum(line.startswith(("| 0 |", "| 1 |", "| 2 |")) for line in lines) == 3
    assert "Problem" not in text
    frozen = card_text.markdown(cards.model_card(ws, "tiny"))
    assert "A frozen backbone on" in frozen
    assert "Epochs" not in frozen
