"""Training without captions: its parts by hand, and a tiny run."""

import numpy as np
import pytest
import torch

from cssim.demo.pretrain_dino import (
    DinoConfig,
    Distillation,
    balanced,
    distillation_loss,
    entropies,
    follow,
    jittered,
    train_dino,
)
from cssim.demo.pretrain_dino_network import DinoHead, DinoNetwork, new_vit
from cssim.demo.pretrain_views import Epoch

TINY = DinoConfig(epochs=3, batch=24, prototypes=16, local_crops=1)


def _normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def test_the_loss_compares_each_crop_with_the_teachers_other_crops():
    said, wanted = _normal(3, 2, 4), _normal(2, 2, 4, seed=1).softmax(-1)
    losses = []
    for t in range(2):
        for s in range(3):
            if s == t:
                continue
            for i in range(2):
                x = np.exp(said[s, i].numpy().astype(float) / 0.5)
                losses.append(-(wanted[t, i].numpy() * np.log(x / x.sum())).sum())
    assert len(losses) == 8
    assert distillation_loss(said, wanted, 0.5).item() == pytest.approx(np.mean(losses), abs=1e-5)


def test_balanced_answers_use_each_prototype_as_much():
    teacher = _normal(2, 8, 4) + torch.tensor([5.0, 0.0, 0.0, -5.0])
    wanted = balanced(teacher, 0.5, rounds=60)
    assert wanted.shape == teacher.shape
    assert torch.allclose(wanted.sum(-1), torch.ones(1), atol=1e-5)
    assert torch.allclose(wanted.mean((0, 1)), torch.full((4,), 0.25), atol=1e-4)


def test_balancing_is_sinkhorns_iteration():
    teacher = _normal(2, 3, 5)
    table = np.exp(teacher.double().numpy().reshape(6, 5) / 0.3)
    for _ in range(3):
        table /= table.sum(axis=0, keepdims=True)
        table /= table.sum(axis=1, keepdims=True)
    assert np.allclose(balanced(teacher, 0.3).numpy().reshape(6, 5), table, atol=1e-5)


def test_answers_are_cosines_whatever_the_length_of_the_prototypes():
    head = DinoHead(128, 16)
    tokens = _normal(4, 128)
    before = head(tokens)
    with torch.no_grad():
        head.prototypes.mul_(7.0)
    assert torch.allclose(head(tokens), before, atol=1e-6)
    assert before.abs().max() <= 1.0 + 1e-6


def test_small_and_large_crops_go_through_the_same_network():
    network = DinoNetwork(new_vit(), 16).eval()
    small = [_normal(2, 3, 48, 48), _normal(2, 3, 48, 48, seed=1)]
    together = network(small)
    assert together.shape == (2, 2, 16)
    assert torch.allclose(together[1], network(small[1:])[0], atol=1e-5)
    assert network([_normal(2, 3, 96, 96)]).shape == (1, 2, 16)


def test_the_teacher_moves_a_share_of_the_way():
    teacher, student = torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)
    expected = 0.9 * teacher.weight.detach() + 0.1 * student.weight.detach()
    follow(teacher, student, 0.9)
    assert torch.allclose(teacher.weight, expected, atol=1e-6)


def test_a_step_moves_the_prototypes_only_when_they_are_free():
    torch.manual_seed(0)
    both = Distillation(TINY, steps=10)
    start = both.student.head.prototypes.detach().clone()
    large, small = [_normal(2, 3, 96, 96), _normal(2, 3, 96, 96, seed=1)], [_normal(2, 3, 48, 48)]
    backbone = both.student.vit.embeddings.cls_token.detach().clone()
    both.step(large, small, fixed=True)
    assert torch.equal(both.student.head.prototypes, start)
    assert not torch.equal(both.student.vit.embeddings.cls_token, backbone)
    both.step(large, small)
    assert not torch.equal(both.student.head.prototypes, start)
    assert all(p.grad is None for p in both.teacher.parameters())


def test_jitter_of_nothing_changes_nothing_and_any_other_stays_inside():
    pixels = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    generator = torch.Generator().manual_seed(1)
    assert torch.allclose(jittered(pixels, 0.0, generator), pixels, atol=1e-6)
    changed = jittered(pixels, 0.4, generator)
    assert 0.0 <= changed.min() <= changed.max() <= 1.0
    assert (changed - pixels).abs().mean() > 0.01


def test_entropies_tell_both_ways_to_collapse():
    uniform = torch.full((2, 3, 4), 0.25)
    same = torch.eye(4)[torch.zeros(2, 3, dtype=torch.long)]
    different = torch.eye(4).view(2, 2, 4)
    assert entropies(uniform) == pytest.approx((1.0, 1.0))
    assert entropies(same) == pytest.approx((0.0, 0.0))
    assert entropies(different) == pytest.approx((0.0, 1.0))


def test_a_tiny_training_learns_and_gives_the_same_twice(tiny_pictures):
    stored, _ = tiny_pictures
    runs = []
    for _ in range(2):
        torch.manual_seed(1)
        seen: list[Epoch] = []
        model = train_dino(stored, TINY, seen.append)
        runs.append((seen, torch.cat([p.flatten() for p in model.parameters()])))
    (first, weights), (second, again) = runs
    assert first[-1].loss < first[0].loss
    assert [e.loss for e in first] == [e.loss for e in second]
    assert torch.equal(weights, again)
