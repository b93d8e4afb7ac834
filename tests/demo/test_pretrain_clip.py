"""Training against captions: its losses by hand, and a tiny run."""

import math

import numpy as np
import pytest
import torch

from cssim.demo.captions import VOCABULARY, phrases
from cssim.demo.pretrain_clip import (
    CaptionTower,
    caption_ids,
    caption_loss,
    train_clip,
)
from cssim.demo.pretrain_views import Epoch
from cssim.demo.scenes import random_scenes

SCENES = [scene for _, scene in random_scenes(6, seed=3)]


def test_the_caption_tower_takes_the_mean_of_what_is_said():
    torch.manual_seed(0)
    tower = CaptionTower(8)
    ids = torch.tensor([[0, 1, len(VOCABULARY) - 1]])
    whole = tower(ids, torch.tensor([[1.0, 1.0, 0.0]]))
    byhand = tower.project((tower.words.weight[0] + tower.words.weight[1]) / 2)
    assert torch.allclose(whole[0], byhand, atol=1e-6)


def test_the_ids_of_a_caption_spell_it():
    for scene, ids in zip(SCENES, caption_ids(SCENES).tolist(), strict=True):
        assert [VOCABULARY[i] for i in ids] == phrases(scene)


def test_the_caption_loss_is_that_of_a_naive_loop():
    logits = torch.randn(4, 4, generator=torch.Generator().manual_seed(1))
    x = logits.numpy().astype(float)
    rows = [math.log(np.exp(x[i]).sum()) - x[i, i] for i in range(4)]
    columns = [math.log(np.exp(x[:, i]).sum()) - x[i, i] for i in range(4)]
    assert caption_loss(logits).item() == pytest.approx(np.mean([*rows, *columns]), abs=1e-6)


def test_a_tiny_training_learns_and_gives_the_same_twice(tiny_pictures):
    stored, scenes = tiny_pictures
    runs = []
    for _ in range(2):
        torch.manual_seed(1)
        seen: list[Epoch] = []
        model = train_clip(stored, scenes, 2, batch=24, told=seen.append)
        runs.append((seen, torch.cat([p.flatten() for p in model.parameters()])))
    (first, weights), (second, again) = runs
    assert first[1].loss < first[0].loss
    assert [e.loss for e in first] == [e.loss for e in second]
    assert torch.equal(weights, again)
