import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from cssim.embeddings.backbones import load_backbone
from cssim.errors import BadInput, Cancelled, Conflict
from cssim.training.checkpoint import CARD, STATE, load_model, read_card, read_tensors
from cssim.training.config import TrainConfig
from cssim.training.features import Features, crop
from cssim.training.loop import Epoch, fit
from cssim.training.model import CSModel
from tests.embeddings.small_models import save_small
from tests.training.worlds import IMAGES, backbone, load, triples

ROOT = Path(__file__).resolve().parents[2]


def config(adapter: str = "lora", **settings) -> TrainConfig:
    base = {"adapter": adapter, "rank": 2, "last_blocks": 2, "epochs": 3, "lr": 0.01}
    return TrainConfig.from_dict({**base, "batch_pages": 4, "patience": 50, **settings})


def trained(folder: Path, source, settings: TrainConfig, given=None) -> list[Epoch]:
    return list(fit(source, triples() if given is None else given, load, settings, folder=folder))


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return read_tensors(folder / "model.safetensors")[0]


def equal(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return set(left) == set(right) and all(bool(left[k].equal(right[k])) for k in left)


@pytest.mark.parametrize("adapter", ["lora", "head", "full"])
def test_training_lowers_the_loss_and_learns_the_rule(adapter, tmp_path):
    lr = {"lora": 0.02, "head": 0.05, "full": 0.002}[adapter]
    settings = config(adapter, epochs=12, rank=4, lr=lr, order_weight=1.0)
    epochs = trained(tmp_path / "run", backbone(tmp_path / "b"), settings, triples(30))
    assert [epoch.number for epoch in epochs] == list(range(13))
    assert epochs[-1].train_loss < 0.9 * epochs[1].train_loss
    best = max(epochs, key=lambda epoch: (epoch.accuracy, -epoch.loss))
    assert best.accuracy > epochs[0].accuracy
    assert read_card(tmp_path / "run").best_epoch == best.number


def test_the_best_epoch_is_kept_and_an_encoder_of_its_own(tmp_path):
    source = backbone(tmp_path / "b")
    trained(tmp_path / "run", source, config(epochs=6, lr=0.02))
    model = load_model(tmp_path / "run", precision="float32")
    assert model.fingerprint != source.fingerprint
    assert model.dim == source.dim
    card = read_card(tmp_path / "run")
    chosen = card.curve[card.best_epoch]
    given = triples()
    from cssim.training.data import split

    held = split(given, 0.2, by="page", seed=0)[1]
    vectors = model.embed(IMAGES)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    right = 0.0
    decided = held.votes_a != held.votes_b
    for triple in held[decided].rows():
        a, b = (unit[triple.reference - 1] @ unit[x - 1] for x in (triple.a, triple.b))
        right += float((a > b) == (triple.votes_a > triple.votes_b))
    assert chosen["accuracy"] == pytest.approx(right / decided.sum())
    logits = model.choose(*(vectors[held.reference - 1], vectors[held.a - 1], vectors[held.b - 1]))
    agrees = (logits > 0) == (held.votes_a > held.votes_b)
    assert chosen["ranking_accuracy"] == pytest.approx(agrees[decided].mean())


@pytest.mark.parametrize("adapter", ["lora", "head"])
def test_equal_seeds_give_equal_weights_and_other_seeds_others(adapter, tmp_path):
    source = backbone(tmp_path / "b")
    for name, seed in (("one", 4), ("two", 4), ("three", 5)):
        trained(tmp_path / name, source, config(adapter, seed=seed, dropout=0.1))
    assert equal(tensors(tmp_path / "one"), tensors(tmp_path / "two"))
    assert not equal(tensors(tmp_path / "one"), tensors(tmp_path / "three"))


@pytest.mark.parametrize("stop", [0, 1, 2])
@pytest.mark.parametrize("adapter", ["lora", "head"])
def test_a_run_stopped_in_mid_epoch_ends_with_the_weights_of_an_uninterrupted_one(
    adapter, stop, tmp_path
):
    source = backbone(tmp_path / "b")
    settings = config(adapter, validation_share=0, dropout=0.2, augment=adapter == "lora")
    whole = trained(tmp_path / "whole", source, settings)
    asked = 0

    def enough() -> bool:
        nonlocal asked
        asked += 1
        return bool(asked > 2 + 3 * stop + 1)  # two batches of images, then three steps an epoch

    with pytest.raises(Cancelled):
        for _ in fit(source, triples(), load, settings, folder=tmp_path / "run", cancelled=enough):
            pass
    assert not (tmp_path / "run" / CARD).exists()
    rest = trained(tmp_path / "run", source, settings)
    assert [epoch.number for epoch in rest] == list(range(stop + 1, 4))
    assert [e.train_loss for e in rest] == [e.train_loss for e in whole[stop + 1 :]]
    assert equal(tensors(tmp_path / "run"), tensors(tmp_path / "whole"))


def test_a_closed_generator_is_taken_up_where_it_was_left(tmp_path):
    source, settings = backbone(tmp_path / "b"), config()
    trained(tmp_path / "whole", source, settings)
    run = fit(source, triples(), load, settings, folder=tmp_path / "run")
    assert isinstance(run, Generator)
    assert [next(run).number for _ in range(2)] == [0, 1]
    run.close()
    assert [epoch.number for epoch in trained(tmp_path / "run", source, settings)] == [2, 3]
    assert equal(tensors(tmp_path / "run"), tensors(tmp_path / "whole"))
    assert trained(tmp_path / "run", source, settings) == []


def test_a_process_killed_in_mid_epoch_loses_nothing_that_was_saved(tmp_path):
    settings = config(epochs=4)
    source = backbone(tmp_path / "b")
    trained(tmp_path / "whole", source, settings)
    script = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        import torch
        torch.set_num_threads(1)
        from tests.training.test_loop import *
        from cssim.embeddings.backbones import load_backbone
        folder = Path(sys.argv[1])
        epochs, steps = [], 0
        def kill() -> bool:
            global steps
            if len(epochs) == 3:
                steps += 1
            if steps == 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return False
        source = load_backbone(str(folder / "b"), device="cpu", precision="float32")
        for epoch in fit(source, triples(), load, config(epochs=4), folder=folder / "run",
                         cancelled=kill):
            epochs.append(epoch)
    """)
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        timeout=120,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()[-2000:]
    rest = trained(tmp_path / "run", source, settings)
    assert [epoch.number for epoch in rest] == [3, 4]
    assert equal(tensors(tmp_path / "run"), tensors(tmp_path / "whole"))
    assert not list((tmp_path / "run").glob(".features*"))


def test_training_stops_early_when_nothing_gets_better(tmp_path):
    settings = config("head", epochs=50, lr=0.0, ranking_lr=0.0, patience=3)
    epochs = trained(tmp_path / "run", backbone(tmp_path / "b"), settings)
    assert epochs[-1].number == 3
    assert read_card(tmp_path / "run").best_epoch == 0


def test_a_model_that_only_got_worse_is_the_untrained_one(tmp_path):
    source = backbone(tmp_path / "b")
    settings = config("head", epochs=2, lr=0.0, ranking_lr=0.0)
    trained(tmp_path / "run", source, settings)
    np.testing.assert_allclose(
        load_model(tmp_path / "run", precision="float32").embed(IMAGES),
        source.embed(IMAGES),
        atol=1e-5,
    )


def test_without_a_validation_part_the_last_epoch_is_kept(tmp_path):
    epochs = trained(tmp_path / "run", backbone(tmp_path / "b"), config("head", validation_share=0))
    assert all(np.isnan(epoch.accuracy) for epoch in epochs)
    card = read_card(tmp_path / "run")
    assert card.best_epoch == 3
    assert card.curve[3]["accuracy"] is None
    assert card.metrics["train_triples"] == 36


def test_the_learning_rate_falls_along_half_a_cosine(tmp_path):
    settings = config("head", validation_share=0, epochs=4, lr=0.1, batch_pages=100)
    epochs = trained(tmp_path / "run", backbone(tmp_path / "b"), settings)
    expected = [0.1 * 0.5 * (1 + np.cos(np.pi * step / 4)) for step in range(4)]
    assert [epoch.lr for epoch in epochs[1:]] == pytest.approx(expected)


@pytest.mark.parametrize("adapter", ["lora", "head", "full"])
def test_a_backbone_in_bfloat16_learns_and_loads_as_well(adapter, tmp_path):
    folder = save_small("vit", tmp_path / "b")
    source = load_backbone(str(folder), device="cpu", precision="bfloat16")
    epochs = trained(tmp_path / "run", source, config(adapter, validation_share=0))
    assert epochs[-1].train_loss < epochs[1].train_loss
    assert all(tensor.dtype == torch.float32 for tensor in tensors(tmp_path / "run").values())
    rough = load_model(tmp_path / "run", precision="bfloat16").embed(IMAGES)
    exact = load_model(tmp_path / "run", precision="float32").embed(IMAGES)
    lengths = np.linalg.norm(rough, axis=1) * np.linalg.norm(exact, axis=1)
    assert (np.sum(rough * exact, axis=1) / lengths).min() > 0.99


def test_another_run_in_the_same_folder_is_refused_unless_it_starts_anew(tmp_path):
    source = backbone(tmp_path / "b")
    trained(tmp_path / "run", source, config("head"))
    with pytest.raises(Conflict, match="another config"):
        trained(tmp_path / "run", source, config("head", seed=1))
    with pytest.raises(Conflict, match="other data"):
        trained(tmp_path / "run", source, config("head"), triples(seed=1))
    anew = fit(
        source, triples(), load, config("head", seed=1), folder=tmp_path / "run", resume=False
    )
    assert [epoch.number for epoch in anew] == [0, 1, 2, 3]


def test_no_triples_are_refused(tmp_path):
    with pytest.raises(BadInput, match="no triples"):
        trained(tmp_path / "run", backbone(tmp_path / "b"), config(), triples()[:0])


def test_ties_alone_teach_no_order_but_train_all_the_same(tmp_path):
    given = triples()
    even = type(given)(
        **{
            **vars(given),
            "votes_a": np.ones(len(given)),
            "votes_b": np.ones(len(given)),
            "class_a": np.full(len(given), np.nan),
            "class_b": np.full(len(given), np.nan),
        }
    )
    epochs = trained(tmp_path / "run", backbone(tmp_path / "b"), config("head"), even)
    assert all(np.isnan(epoch.accuracy) for epoch in epochs)
    assert np.isfinite(epochs[-1].train_loss)


def test_an_epoch_survives_json():
    epoch = Epoch(0, float("nan"), 0.5, 1.0, 0.5, 0.1, 7, 1.5, True)
    again = Epoch.from_dict(json.loads(json.dumps(epoch.to_dict())))
    assert again.to_dict() == epoch.to_dict()
    assert np.isnan(again.train_loss)


def test_features_in_a_mapped_file_equal_those_in_memory(tmp_path, monkeypatch):
    source = backbone(tmp_path / "b")
    model = CSModel(source, config())
    ids = np.arange(1, 15)
    kept = Features(model, source, load, ids, folder=tmp_path)
    monkeypatch.setattr("cssim.training.features.IN_MEMORY", 0)
    mapped = Features(model, source, load, ids, folder=tmp_path)
    assert (tmp_path / ".features").is_file()
    rows = torch.tensor([3, 0, 13])
    assert torch.equal(kept.rows(rows), mapped.rows(rows))
    assert torch.equal(
        kept.rows(rows), model.enter(source.preprocess([load(4), load(1), load(14)]))
    )
    mapped.close()
    assert not (tmp_path / ".features").exists()


def test_crops_lie_within_the_drawn_area_and_ratio():
    from PIL import Image

    rng = np.random.default_rng(0)
    x, y = np.meshgrid(np.arange(60), np.arange(50))
    image = Image.fromarray(np.stack([x, y, 0 * x], axis=2).astype(np.uint8))
    mirrored = 0
    for _ in range(300):
        part = np.asarray(crop(image, rng)).astype(int)
        height, width = part.shape[:2]
        assert 0.07 < height * width / 3000 <= 1
        assert 0.7 < width / height < 1.4
        step = part[0, 1, 0] - part[0, 0, 0]
        mirrored += step == -1
        assert (np.diff(part[..., 0], axis=1) == step).all()
        assert (np.diff(part[..., 1], axis=0) == 1).all()
    assert 100 < mirrored < 200


def test_the_state_holds_no_pickle(tmp_path):
    trained(tmp_path / "run", backbone(tmp_path / "b"), config("head"))
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"model.safetensors", CARD, STATE}


def test_gradients_of_parts_add_up_to_that_of_the_whole_step(tmp_path):
    source, given = backbone(tmp_path / "b"), triples(12, references=3)
    settings: dict[str, Any] = {"epochs": 2, "batch_pages": 6, "last_blocks": 2, "rank": 2}
    whole = trained(tmp_path / "1", source, config(**settings, held_images=1000), given)
    parts = trained(tmp_path / "2", source, config(**settings, held_images=4), given)
    for one, other in zip(whole[1:], parts[1:], strict=True):
        assert other.train_loss == pytest.approx(one.train_loss, rel=1e-5)
    left, right = tensors(tmp_path / "1"), tensors(tmp_path / "2")
    assert all(torch.allclose(left[name], right[name], atol=1e-4) for name in left)
