"""Cards, names, archives; and models that leave a project and come back the same."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from statsmodels.stats.proportion import proportion_confint

from cssim.config import Settings
from cssim.errors import BadInput, Conflict, NotFound
from cssim.services import cards, evaluation, experiments, library, transfers
from cssim.services.encoding import embeddings_of, encoder_of, register_frozen
from cssim.services.executors import run_worker
from cssim.services.workspace import Workspace, open_workspace
from db import library as rows
from tests.embeddings.small_models import pictures, save_small
from tests.world import World

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def _quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)


@pytest.fixture
def network(world: World, tmp_path: Path) -> Path:
    return Path(shutil.copytree(world.network, tmp_path / "tiny"))


@pytest.fixture
def ws(filled: Workspace, network: Path) -> Workspace:
    """With a frozen network and a LoRA model of the first cluster."""
    register_frozen(filled, str(network))
    _train(filled, network, "one", adapter="lora")
    return filled


def _train(ws: Workspace, network: Path, name: str, **config: Any) -> None:
    settings = {"epochs": 2, "rank": 2, "last_blocks": 2} | config
    context = next(c for c in _clusters(ws) if c.kind == "context")
    experiments.request_training(ws, [context.name], str(network), config=settings, names=[name])
    run_worker(ws, limit=1)
    assert name in {model.name for model in experiments.list_models(ws)}


def _clusters(ws: Workspace) -> list[Any]:
    with ws.database.reading() as session:
        return rows.list_clusters(session, ws.project.id)


def _vectors(ws: Workspace, name: str) -> np.ndarray:
    model = cards.model_card(ws, name).model
    with ws.database.reading() as session:
        images = sorted(rows.list_images(session, ws.project.id), key=lambda image: image.name)
    return embeddings_of(ws, encoder_of(ws, model), [image.id for image in images])


def test_a_card_says_what_on_what_and_how_well(ws: Workspace) -> None:
    evaluation.request_comparison(ws, ["w-test"], draws=200)
    run_worker(ws, limit=1)
    card = cards.model_card(ws, "one")
    context = next(c for c in _clusters(ws) if c.kind == "context")
    assert (card.trained_on, card.problems, card.archived) == ((context.name,), (), False)
    assert card.local is not None
    n = card.model.metrics["held_triples"]
    low, high = proportion_confint(card.local.value * n, n, method="wilson")
    assert (card.local.low, card.local.high) == pytest.approx((low, high))
    stored = evaluation.latest_comparison(ws)
    assert stored is not None
    row = stored.comparison.row("one")
    (elsewhere,) = card.elsewhere
    assert (elsewhere.where, elsewhere.value) == ("w-test, soft credit", row.accuracy)
    assert (elsewhere.low, elsewhere.evaluation) == (row.low, stored.info.id)
    assert card.facts["seconds"] > 0
    assert card.facts["machine"]
    assert card.facts["parameters"] == card.model.metrics["parameters"]
    assert len(card.curve) == 3
    folder = ws.settings.home / str(card.model.path)
    assert card.bytes == sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    frozen = cards.model_card(ws, "tiny")
    assert (frozen.local, frozen.trained_on, frozen.problems) == (None, (), ())


def test_two_models_are_compared_by_what_differs(ws: Workspace, network: Path) -> None:
    _train(ws, network, "other", adapter="lora", rank=1)
    found = cards.differences(cards.model_card(ws, "one"), cards.model_card(ws, "other"))
    by_name = {what: (one, other) for what, one, other in found}
    assert by_name["setting rank"] == (2, 1)
    assert by_name["parameters"][0] > by_name["parameters"][1]
    assert not {"backbone", "trained on", "data", "setting epochs", "kind"} & set(by_name)
    card = cards.model_card(ws, "one")
    assert cards.differences(card, card) == []


def test_a_model_is_renamed_and_keeps_its_comparisons_and_ensembles(ws: Workspace) -> None:
    experiments.request_ensemble(ws, "both", ["one", "tiny"])
    evaluation.request_comparison(ws, ["w-test"], models=["one"], draws=200)
    run_worker(ws, limit=2)
    before = cards.model_card(ws, "one")
    cards.rename_model(ws, "one", "another name")
    after = cards.model_card(ws, "another name")
    assert after.model.id == before.model.id
    assert after.elsewhere == before.elsewhere != ()
    (group,) = experiments.list_ensembles(ws)
    assert before.model.id in group.member_ids
    with pytest.raises(NotFound):
        cards.model_card(ws, "one")
    with pytest.raises(Conflict, match="'tiny' already"):
        cards.rename_model(ws, "another name", "tiny")
    with pytest.raises(BadInput, match="known by its name"):
        cards.rename_model(ws, "tiny", "big")
    with pytest.raises(BadInput, match="1 to 200"):
        cards.rename_model(ws, "another name", " ")


def test_a_model_is_put_away_and_brought_back(ws: Workspace) -> None:
    cards.archive_models(ws, ["one"])
    assert cards.model_card(ws, "one").archived
    assert "one" not in {m.name for m in experiments.list_models(ws)}
    request = evaluation.comparison_request(ws, ["w-test"])
    assert cards.model_card(ws, "one").model.id not in request.params["models"]
    cards.archive_models(ws, ["one"], back=True)
    assert "one" in {m.name for m in experiments.list_models(ws)}
    with pytest.raises(NotFound, match="nobody"):
        cards.archive_models(ws, ["one", "nobody"])
    assert not cards.model_card(ws, "one").archived  # all or none


def test_a_card_says_what_is_gone(ws: Workspace, network: Path, world: World) -> None:
    library.import_labels(ws, world.answers, cluster="again", per_reference=1)
    shutil.rmtree(network)
    (problem,) = cards.model_card(ws, "one").problems
    assert "its backbone is gone" in problem or "not on this machine" in problem
    shutil.rmtree(ws.settings.home / str(cards.model_card(ws, "one").model.path))
    found = cards.model_card(ws, "one")
    assert found.bytes is None
    assert "its weights are gone" in found.problems[0]


@pytest.mark.parametrize("adapter", ["lora", "head", "full"])
def test_a_model_goes_to_another_project_and_embeds_as_before(
    ws: Workspace, network: Path, world: World, tmp_path: Path, adapter: str
) -> None:
    if adapter != "lora":
        _train(ws, network, adapter, adapter=adapter)
    name = "one" if adapter == "lora" else adapter
    folder = transfers.export_model(ws, name, tmp_path / "out" / name)
    with pytest.raises(Conflict, match="exists already"):
        transfers.export_model(ws, name, folder)
    there = open_workspace(Settings(home=tmp_path / "elsewhere"))
    try:
        library.add_images(there, [world.images])
        shutil.rmtree(network)  # so that the backbone must come with the model
        taken = transfers.import_model(there, folder, name="mine")
        expected = cards.model_card(ws, name).model
        assert (taken.kind, taken.config) == (expected.kind, expected.config)
        assert (taken.cluster_ids, len(taken.trained_references)) == ((), 1)
        shutil.copytree(folder / "backbone", network)
        assert np.array_equal(_vectors(there, "mine"), _vectors(ws, name))
        with pytest.raises(Conflict, match="'mine' already"):
            transfers.import_model(there, folder, name="mine")
    finally:
        there.close()
    again = transfers.import_model(ws, folder, name="back home")
    assert again.cluster_ids == expected.cluster_ids
    assert again.trained_references == expected.trained_references
    assert again.fingerprint == expected.fingerprint


def test_the_readme_of_an_export_reads_it_without_cssim(filled: Workspace, tmp_path: Path) -> None:
    """Each family and adapter is in tests/training/test_export.py."""
    network = save_small("vit", tmp_path / "vit")
    _train(filled, network, "m", adapter="lora", last_blocks=1)
    folder = transfers.export_model(filled, "m", tmp_path / "out")
    block = re.search(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.DOTALL)
    assert block is not None
    assert "PeftModel.from_pretrained" in block[1]
    images = [picture.resize((48, 40)) for picture in pictures(3, seed=5)]
    for i, image in enumerate(images):
        image.save(tmp_path / f"{i}.png")
    code = (
        "import PIL.Image\nimages = [PIL.Image.open(f'../{i}.png') for i in range(3)]\n"
        f"{block[1]}\nimport sys, json\nassert 'cssim' not in sys.modules\n"
        "print(json.dumps(embedding.detach().tolist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False,
        env={"HF_HUB_OFFLINE": "1", "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = np.array(json.loads(done.stdout.splitlines()[-1]))
    expected = encoder_of(filled, cards.model_card(filled, "m").model).embed(images)
    assert found == pytest.approx(expected, abs=2e-2, rel=2e-2)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda folder: (folder / "card.json").unlink(), NotFound, "no exported model"),
        (lambda folder: (folder / "card.json").write_text("{"), BadInput, "cannot be read"),
        (lambda folder: (folder / "card.json").write_text('{"format": 9}'), BadInput, "format 9"),
        (lambda folder: (folder / "card.json").write_text('{"format": 1}'), BadInput, "incomplete"),
        (
            lambda folder: (folder / "model" / "model.safetensors").write_bytes(b"x"),
            BadInput,
            "copy the folder again",
        ),
    ],
)
def test_what_is_no_export_is_refused_and_leaves_nothing(
    ws: Workspace, tmp_path: Path, change: Any, error: type[Exception], message: str
) -> None:
    folder = transfers.export_model(ws, "one", tmp_path / "out")
    change(folder)
    before = sorted(ws.settings.checkpoints.iterdir())
    with pytest.raises(error, match=message):
        transfers.import_model(ws, folder, name="broken")
    assert sorted(ws.settings.checkpoints.iterdir()) == before
    with pytest.raises(BadInput, match="nothing of ours to export"):
        transfers.export_model(ws, "tiny", tmp_path / "none")
