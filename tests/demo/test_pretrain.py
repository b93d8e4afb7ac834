"""The shipped backbones, and what both ways to make them share."""

import re

import numpy as np
import pytest
import torch

from cssim.demo import pretrain
from cssim.demo.pretrain_clip import new_vision_tower
from cssim.demo.pretrain_dino_network import new_vit
from cssim.demo.pretrain_views import WORLD as PRETRAINED
from cssim.demo.pretrain_views import Epoch, batches, cosine, crops, pictures, schedule
from cssim.demo.probe import nearest_agree
from cssim.demo.scenes import draw, random_scenes
from cssim.demo.world import WORLD
from cssim.embeddings.backbones import SHIPPED, load_backbone, resolve, shipped


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def drawn():
    """Scenes that neither the demo nor the training draws, with their pictures."""
    return [(scene, draw(scene)) for _, scene in random_scenes(10, seed=99)]


@pytest.mark.parametrize(("method", "family", "pooling"), [
    ("clip", "clip", "projection"),
    ("dino", "vit", "class token"),
])  # fmt: skip
def test_the_command_writes_a_folder_that_can_be_loaded(method, family, pooling, tmp_path):
    folder, cache = tmp_path / "tiny", tmp_path / "scenes.npy"
    np.save(cache, np.random.default_rng(0).integers(0, 255, (128, 3, 112, 112), np.uint8))
    pretrain.main(
        [method, str(folder), "--per-context", "16", "--epochs", "1", "--cache", str(cache)]
    )
    backbone = load_backbone(str(folder), precision="float32")
    assert (backbone.dim, backbone.preprocessing.height) == (128, 96)
    assert (backbone.spec.family, backbone.spec.pooling) == (family, pooling)
    assert (folder / "model.safetensors").stat().st_mode & 0o777 == 0o644


def test_pictures_are_drawn_once_and_then_read(tmp_path):
    scenes = [scene for _, scene in random_scenes(1, seed=5)]
    first = pictures(scenes, tmp_path / "scenes.npy")
    assert first.shape == (8, 3, 112, 112)
    byhand = np.asarray(draw(scenes[3]), dtype=float).reshape(112, 2, 112, 2, 3).mean(axis=(1, 3))
    assert np.abs(first[3].permute(1, 2, 0).numpy() - byhand).max() <= 0.5
    assert torch.equal(pictures([], tmp_path / "scenes.npy"), first)


def test_crops_stay_inside_and_have_the_size_asked_for():
    stored = torch.full((3, 3, 112, 112), 255, dtype=torch.uint8)
    views = crops(stored, 0.5, 1.0, 48, torch.Generator().manual_seed(1))
    assert views.shape == (3, 3, 48, 48)
    assert torch.allclose(views, torch.ones(1))


def test_an_epoch_takes_each_row_once_in_whole_batches():
    taken = torch.cat(list(batches(10, 3, torch.Generator().manual_seed(1)))).tolist()
    assert len(set(taken)) == len(taken) == 9


def test_the_rate_rises_and_then_falls_to_nothing():
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=2.0)
    rates = schedule(optimiser, 40)
    seen = []
    for _ in range(40):
        seen.append(rates.get_last_lr()[0])
        optimiser.step()
        rates.step()
    assert seen[:3] == [1.0, 2.0, 2.0]
    assert seen[21] == pytest.approx(1.0)  # half of the way down
    assert rates.get_last_lr()[0] == pytest.approx(0.0)
    assert cosine(0.99, 1.0, 0.0) == pytest.approx(0.99)
    assert cosine(0.99, 1.0, 1.0) == pytest.approx(1.0)


def test_an_epoch_reads_as_a_line():
    epoch = Epoch(2, 5, 1.25, 3.4, {"phrases": 0.5})
    assert str(epoch) == "epoch 2 of 5: loss 1.2500, phrases 0.500, 3 s"


def test_the_backbones_were_trained_on_another_world():
    assert PRETRAINED != WORLD


def test_two_backbones_are_shipped():
    assert shipped() == ("tiny-clip", "tiny-dino")
    clip, dino = map(resolve, shipped())
    assert (clip.family, clip.pooling) == ("clip", "projection")
    assert (dino.family, dino.pooling) == ("vit", "class token")
    assert clip.targets == dino.targets == ("q_proj", "v_proj")


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_backbone_is_small_and_has_a_card(name):
    assert (SHIPPED / name / "model.safetensors").stat().st_size < 3_000_000
    card = (SHIPPED / name / "README.md").read_text(encoding="utf-8")
    assert "Apache License 2.0" in card
    command = re.search(r"python -m cssim\.demo\.pretrain (\w+) (\S+)", card)
    assert command is not None
    assert command[1] in pretrain.EPOCHS
    assert command[2] == f"cssim/demo/weights/{name}"
    assert f"{pretrain.EPOCHS[command[1]]} epochs" in card


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_backbone_gives_vectors_of_unit_scale(name, drawn):
    vectors = load_backbone(name, precision="float32").embed([image for _, image in drawn])
    assert np.isfinite(vectors).all()
    assert 0.2 < np.sqrt((vectors**2).mean()) < 5.0
    assert (vectors.std(axis=0) > 0.02).all()


@pytest.mark.parametrize(
    ("name", "untrained"), [("tiny-clip", new_vision_tower), ("tiny-dino", new_vit)]
)
def test_a_shipped_backbone_puts_pictures_of_one_context_together(name, untrained, drawn, tmp_path):
    torch.manual_seed(0)
    pretrain.save(untrained(), tmp_path, "ViTImageProcessor")
    contexts = np.array([scene.context for scene, _ in drawn])

    def share(backbone):
        vectors = load_backbone(backbone, precision="float32").embed([i for _, i in drawn])
        return nearest_agree(vectors.astype(float), contexts)

    assert share(name) > 0.5  # chance is 9 of 79
    assert share(name) > share(str(tmp_path)) + 0.1
