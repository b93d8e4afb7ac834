"""The shipped backbone, and the command that made it."""

import numpy as np
import torch

from cssim.demo import pretrain
from cssim.demo.captions import VOCABULARY
from cssim.demo.scenes import draw, random_scenes
from cssim.demo.world import WORLD
from cssim.embeddings.backbones import SHIPPED, load_backbone, shipped


def test_the_command_writes_a_folder_that_can_be_loaded(tmp_path):
    torch.set_num_threads(1)
    folder = tmp_path / "tiny"
    arguments = [str(folder), "--per-context", "16", "--epochs", "1"]
    pretrain.main(arguments)
    backbone = load_backbone(str(folder), precision="float32")
    assert backbone.dim == 128
    assert backbone.preprocessing.height == pretrain.SIDE
    assert (folder / "model.safetensors").stat().st_mode & 0o777 == 0o644


def test_the_caption_tower_takes_the_mean_of_what_is_said():
    torch.manual_seed(0)
    tower = pretrain.CaptionTower(8)
    ids = torch.tensor([[0, 1, len(VOCABULARY) - 1]])
    whole = tower(ids, torch.tensor([[1.0, 1.0, 0.0]]))
    byhand = tower.project((tower.words.weight[0] + tower.words.weight[1]) / 2)
    assert torch.allclose(whole[0], byhand, atol=1e-6)


def test_crops_stay_inside_and_have_the_size_asked_for():
    pictures = torch.full((3, 3, 112, 112), 255, dtype=torch.uint8)
    views = pretrain._views(pictures, 0.5, 1.0, 48, torch.Generator().manual_seed(1))
    assert views.shape == (3, 3, 48, 48)
    assert torch.allclose(views, torch.ones(1))  # (1 - mean .5) / std .5


def test_the_backbone_was_trained_on_another_world():
    assert pretrain.WORLD != WORLD


def test_shipped_backbones_are_small_and_have_a_card():
    assert "tiny-clip" in shipped()
    for name in shipped():
        assert (SHIPPED / name / "model.safetensors").stat().st_size < 3_000_000
        card = (SHIPPED / name / "README.md").read_text(encoding="utf-8")
        assert "Apache License 2.0" in card
        assert "python -m cssim.demo.pretrain" in card


def test_the_shipped_backbone_puts_pictures_of_one_context_together():
    torch.set_num_threads(1)
    backbone = load_backbone("tiny-clip", precision="float32")
    named = list(random_scenes(10, seed=99))
    vectors = backbone.embed([draw(scene) for _, scene in named])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    closeness = vectors @ vectors.T - 2 * np.eye(len(vectors))
    contexts = np.array([scene.context for _, scene in named])
    right = contexts[closeness.argmax(axis=1)] == contexts
    assert right.mean() > 0.6  # chance is 9 of 79
