"""Near duplicates between clusters are found in stored pictures; shown and marked, not refused."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import pytest
import torch
from click.testing import CliRunner

from cssim.cli import main
from cssim.errors import BadInput, NotFound
from cssim.services import evaluation, experiments, jobs, leaks
from cssim.services.encoding import register_frozen
from cssim.services.library import add_images, cluster_summaries, import_labels, load_triples
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, JobState
from db import library
from tests.world import World


@pytest.fixture
def ws(
    filled: Workspace, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Workspace:
    """With a test set whose first reference is a mirrored copy of a training reference."""
    torch.set_num_threads(1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    folder = tmp_path / "more"
    folder.mkdir()
    rng = np.random.default_rng(5)
    for i in range(4):
        coarse = PIL.Image.fromarray(rng.integers(0, 255, (5, 6, 3), dtype=np.uint8))
        coarse.resize((96, 80), PIL.Image.Resampling.BICUBIC).save(folder / f"new {i}.png")
    original = PIL.Image.open(world.images / world.references[0]).convert("RGB")
    PIL.ImageOps.mirror(original).save(folder / "copy.png")
    labels = tmp_path / "more.csv"
    with labels.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("ref", "a", "b", "answer"))
        for reference in ("copy.png", "new 0.png"):
            writer.writerow((reference, "new 1.png", "new 2.png", "A"))
            writer.writerow((reference, "new 2.png", "new 3.png", "B"))
    add_images(filled, [folder])
    import_labels(filled, labels, cluster="more", kind="test")
    return filled


def training_cluster(ws: Workspace) -> str:
    """The one with the first reference."""
    kinds = [info.cluster for info in cluster_summaries(ws)]
    return next(cluster.name for cluster in kinds if cluster.kind is ClusterKind.CONTEXT)


def test_a_copy_in_the_test_set_is_found(ws: Workspace, world: World) -> None:
    first = training_cluster(ws)
    found = leaks.between(ws, first, "more")
    assert (found.shared_images, found.near_images, found.near_references) == (0, 1, 1)
    assert (world.references[0], "copy.png") in found.near_pairs
    assert leaks.between(ws, "w-test", "more").near_images == 0


def test_an_ensemble_has_seen_the_references_that_its_weights_were_fitted_on(
    ws: Workspace, tmp_path: Path
) -> None:
    """Other pages of them, that is; the plain sum of the same members was fitted on nothing."""
    infos = [info.cluster for info in cluster_summaries(ws)]
    known = next(one for one in infos if one.name == "w-validation")
    reference = int(load_triples(ws, [known.id]).reference[0])
    labels = tmp_path / "again.csv"
    with labels.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("ref", "a", "b", "answer"))
        for name in (image_names(ws)[reference], "new 0.png"):
            writer.writerow((name, "new 1.png", "new 2.png", "A"))
    import_labels(ws, labels, cluster="again", kind="test")
    assert (
        jobs.run_here(ws, experiments.embedding_request(ws, ["histogram", "hog"])).state
        is JobState.DONE
    )
    for strategy in ("stacking", "uniform"):
        request = experiments.ensemble_request(
            ws, strategy, ["histogram", "hog"], strategy=strategy, fit_on=["w-validation"]
        )
        assert jobs.run_here(ws, request).state is JobState.DONE
    request = evaluation.comparison_request(ws, ["again"], draws=200)
    done = jobs.run_here(ws, request)
    assert done.state is JobState.DONE, done.error
    comparison = evaluation.get_comparison(ws, done.result["evaluation"]).comparison
    assert comparison.row("stacking").leakage == "1 of 2 references seen"
    assert comparison.row("uniform").leakage == "none"


def image_names(ws: Workspace) -> dict[int, str]:
    with ws.database.reading() as session:
        return {image.id: image.name for image in library.list_images(session, ws.project.id)}


def test_the_row_of_a_model_that_has_nearly_seen_a_reference_is_marked(
    ws: Workspace, world: World
) -> None:
    register_frozen(ws, str(world.network))
    first = training_cluster(ws)
    (training,) = experiments.training_requests(
        ws, [first], str(world.network), config={"adapter": "head", "epochs": 1}, names=["cs"]
    )
    assert jobs.run_here(ws, training).state is JobState.DONE
    done = jobs.run_here(ws, evaluation.comparison_request(ws, ["more"], draws=200))
    assert done.state is JobState.DONE, done.error
    comparison = evaluation.get_comparison(ws, done.result["evaluation"]).comparison
    assert comparison.row("cs").leakage == "1 of 2 references nearly seen"
    assert comparison.row("tiny").leakage == "none"
    (overlap,) = comparison.overlaps
    assert overlap.near_references == 1
    assert (world.references[0], "copy.png") in overlap.near_pairs
    assert "1 of them references, are near duplicates" in evaluation.as_text(comparison, "text")


def test_embeddings_of_a_frozen_model_may_be_asked_as_well(ws: Workspace, world: World) -> None:
    register_frozen(ws, str(world.network))
    register_frozen(ws, "histogram")
    first = training_cluster(ws)
    calls: list[tuple[int, int, str]] = []
    found = leaks.between(
        ws, first, "more", model="tiny", progress=lambda *call: calls.append(call)
    )
    assert (world.references[0], "copy.png") in found.near_pairs
    assert calls
    with pytest.raises(BadInput, match="expected a frozen one"):
        leaks.between(ws, first, "more", model="histogram")
    with pytest.raises(NotFound, match="nothing"):
        leaks.between(ws, first, "nothing")


def test_images_without_pixels_are_passed_over(ws: Workspace, tmp_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("ref,a,b,answer\nx.png,y.png,z.png,A\n")
    import_labels(ws, names, cluster="names", kind="validation")
    found = leaks.between(ws, "names", "more")
    assert (found.shared_images, found.near_images) == (0, 0)


def test_the_command_names_the_pairs(tmp_path: Path, world: World) -> None:
    def run(*words: object) -> str:
        result = CliRunner().invoke(main, [str(word) for word in words])
        assert result.exit_code == 0, result.output
        return result.stdout

    folder = tmp_path / "photos"
    folder.mkdir()
    for i, name in enumerate(world.references[:3]):
        picture = PIL.Image.open(world.images / name).convert("RGB")
        picture.save(folder / f"original {i}.png")
        picture.resize((picture.width * 2, picture.height * 2)).save(folder / f"copy {i}.png")
    rows = [("original", "train"), ("copy", "exam")]
    run("images", "add", folder)
    for kind, cluster in rows:
        path = tmp_path / f"{cluster}.csv"
        path.write_text(f"ref,a,b,answer\n{kind} 0.png,{kind} 1.png,{kind} 2.png,A\n")
        run("labels", "import", path, "--cluster", cluster, "--kind", "validation")
    values = json.loads(run("leakage", "train", "exam", "--json"))
    assert (values["near_images"], values["near_references"]) == (3, 1)
    shown = run("leakage", "train", "exam")
    assert "3 further images of it, 1 of them references, are near duplicates." in shown
    assert "original 0.png  copy 0.png" in shown
