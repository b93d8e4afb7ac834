import math

import numpy as np
import pytest
import torch

from cssim.training.losses import choice_loss, margins, order_loss, squared_distances, unit

RNG = np.random.default_rng(0)
N = 50
SHARE = RNG.choice([0.0, 0.25, 0.5, 0.75, 1.0], N)
WEIGHT = RNG.uniform(0, 3, N)


def t(values) -> torch.Tensor:
    return torch.tensor(np.asarray(values), dtype=torch.float64)


def test_margins_grow_by_a_fifth_for_each_class_and_fall_back_without_classes():
    a, b = np.array([1, 1, 5, 2.5, np.nan]), np.array([1, 2, 1, 3.0, 3.0])
    np.testing.assert_allclose(margins(a, b), [0.2, 0.4, 1.0, 0.3, 0.2])


def test_distances_are_twice_the_cosine_distance():
    u, v = RNG.normal(size=(2, N, 7))
    cosine = np.sum(u * v, 1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
    np.testing.assert_allclose(squared_distances(t(u), t(v)).numpy(), 2 * (1 - cosine), atol=1e-12)
    assert unit(torch.zeros(2, 3)).eq(0).all()


def test_the_choice_loss_equals_a_loop():
    logits = RNG.normal(0, 3, N)
    total = 0.0
    for logit, share, weight in zip(logits, SHARE, WEIGHT, strict=True):
        p = 1 / (1 + math.exp(-logit))
        total -= weight * (share * math.log(p) + (1 - share) * math.log(1 - p))
    assert float(choice_loss(t(logits), t(SHARE), t(WEIGHT))) == pytest.approx(total / N, abs=1e-6)


def test_the_choice_loss_by_hand():
    logits, ones = t([0.0, 100.0]), t([1.0, 1.0])
    assert float(choice_loss(logits, t([0.3, 1.0]), ones)) == pytest.approx(math.log(2) / 2)


def test_the_order_loss_equals_a_loop():
    d_a, d_b = RNG.uniform(0, 4, (2, N))
    margin = RNG.uniform(0.2, 1, N)
    total = 0.0
    for i in range(N):
        if SHARE[i] > 0.5:  # a is closer: d_b must be larger by the margin
            total += WEIGHT[i] * (2 * SHARE[i] - 1) * max(0.0, margin[i] - (d_b[i] - d_a[i]))
        elif SHARE[i] < 0.5:
            total += WEIGHT[i] * (1 - 2 * SHARE[i]) * max(0.0, margin[i] - (d_a[i] - d_b[i]))
    found = order_loss(t(d_a), t(d_b), t(SHARE), t(margin), t(WEIGHT))
    assert float(found) == pytest.approx(total / N, abs=1e-6)


def test_the_order_loss_by_hand():
    """R-A = 0.1, R-B = 0.15, A closer by 0.05 of the wanted 0.2: 0.15 is missing."""
    one = t([1.0])
    assert float(order_loss(t([0.1]), t([0.15]), one, t([0.2]), one)) == pytest.approx(0.15)
    assert float(order_loss(t([0.1]), t([0.35]), one, t([0.2]), one)) == 0.0
    assert float(order_loss(t([0.1]), t([0.15]), t([0.5]), t([0.2]), one)) == 0.0


def test_swapping_a_and_b_with_their_votes_changes_no_loss():
    d_a, d_b = RNG.uniform(0, 4, (2, N))
    logits, margin = RNG.normal(size=N), np.full(N, 0.4)
    assert torch.equal(
        order_loss(t(d_a), t(d_b), t(SHARE), t(margin), t(WEIGHT)),
        order_loss(t(d_b), t(d_a), t(1 - SHARE), t(margin), t(WEIGHT)),
    )
    torch.testing.assert_close(
        choice_loss(t(logits), t(SHARE), t(WEIGHT)),
        choice_loss(t(-logits), t(1 - SHARE), t(WEIGHT)),
    )
