"""A built ensemble is asked, explains itself and searches, by its name and by its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

import cssim
from cssim.errors import BadImage, BadInput, NotFound
from cssim.services import asking, experiments
from cssim.services.encoding import register_frozen
from cssim.services.executors import run_worker
from cssim.services.library import load_triples
from cssim.services.workspace import Workspace
from db import library
from tests.world import IMAGES, World

MEMBERS = ("histogram", "tiny")


@pytest.fixture
def ws(filled: Workspace, world: World, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """With an ensemble of a metric and a tiny saved ViT, fitted on validation answers."""
    torch.set_num_threads(1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    register_frozen(filled, "histogram")
    register_frozen(filled, str(world.network))
    experiments.request_ensemble(filled, "both", MEMBERS, fit_on=["w-validation"])
    run_worker(filled, limit=1)
    return filled


def folder_of(ws: Workspace) -> Path:
    return ws.settings.home / str(experiments.list_ensembles(ws)[0].path)


def test_it_is_asked_by_name_and_by_folder(ws: Workspace, world: World) -> None:
    pictures = sorted(world.images.iterdir())[:3]
    answer = asking.ask(ws, "both", *pictures)
    assert answer == asking.ask(ws, str(folder_of(ws)), *pictures)
    loaded = cssim.load_ensemble(folder_of(ws)).closer(*pictures)
    assert (answer["choice"], answer["distances"]) == (loaded.choice, loaded.distances)
    assert answer["confidence"] is not None
    with pytest.raises(NotFound, match="somebody"):
        asking.ask(ws, "somebody", *pictures)


def test_it_explains_itself_with_the_answers_it_was_fitted_on(ws: Workspace, world: World) -> None:
    pictures = sorted(world.images.iterdir())[:3]
    why = asking.ask(ws, "both", *pictures, explain=True)["explanation"]
    with ws.database.reading() as session:
        cluster = library.get_cluster(session, ws.project.id, "w-validation")
        triples = load_triples(ws, [cluster.id])
        images = library.images_by_id(session, np.unique(triples.reference).tolist())
    assert {one["name"] for one in why["nearest"]} == {image.name for image in images.values()}
    assert sum(one["triples"] for one in why["nearest"]) == len(triples)
    assert why["encoder"] == "tiny"  # frozen, as a metric is not
    for member in MEMBERS:
        mean = sum(one["triples"] * one["accuracy"][member] for one in why["nearest"])
        assert why["overall"][member] == pytest.approx(mean / len(triples))


def test_a_validation_reference_is_nearest_to_itself(ws: Workspace, world: World) -> None:
    loaded = cssim.load_ensemble(folder_of(ws))
    assert loaded.record is not None
    name = loaded.record.names[0]
    nearest = loaded.explain(world.images / name).nearest[0]
    assert nearest.name == name
    assert nearest.distance == pytest.approx(0, abs=1e-5)  # embedded alone, and in a batch


def test_a_folder_is_searched_and_its_index_kept(
    ws: Workspace, world: World, tmp_path: Path
) -> None:
    photos = Path(shutil.copytree(world.images, tmp_path / "photos"))
    (photos / "broken.jpg").write_bytes(b"no picture")
    reference, index = photos / "picture 03.png", tmp_path / "photos.npz"
    calls: list[tuple[int, int, str]] = []
    result = asking.search(
        ws, "both", reference, photos, top=3, index=index,
        progress=lambda *call: calls.append(call),
    )  # fmt: skip
    assert result["pictures"] == IMAGES
    assert "broken.jpg" in result["refused"][0]
    assert result["found"][0]["path"] == str(reference)
    loaded = cssim.load_ensemble(folder_of(ws))
    for one in result["found"][1:]:
        expected = loaded.distance(reference, one["path"])
        assert one["distance"] == pytest.approx(expected, abs=1e-5)
    assert calls[-1][:2] == (IMAGES + 1, IMAGES + 1)
    again = asking.search(ws, "both", reference, photos, top=3, index=index)
    assert again == result
    (photos / "picture 05.png").unlink()
    assert asking.search(ws, "both", reference, photos, index=index)["pictures"] == IMAGES - 1


def test_what_cannot_be_used_says_so(ws: Workspace, world: World, tmp_path: Path) -> None:
    reference = world.images / "picture 03.png"
    text = tmp_path / "text.jpg"
    text.write_text("no picture")
    with pytest.raises(BadImage, match=r"text\.jpg"):
        asking.ask(ws, "both", text, reference, reference)
    with pytest.raises(NotFound, match="no folder"):
        asking.search(ws, "both", reference, tmp_path / "gone")
    with pytest.raises(BadInput, match="build it again"):
        asking.search(ws, "both", reference, world.images, index=text)


def test_a_backbone_that_was_moved_away_is_named(
    ws: Workspace, world: World, tmp_path: Path
) -> None:
    pictures = sorted(world.images.iterdir())[:3]
    moved = world.network.rename(tmp_path / "elsewhere")
    try:
        with pytest.raises(cssim.errors.CSSimError, match=r"tiny"):
            asking.ask(ws, "both", *pictures)
    finally:
        moved.rename(world.network)
    assert asking.ask(ws, "both", *pictures)["votes"]
