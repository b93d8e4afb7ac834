"""Reliability and coverage: calibrated answers look calibrated, and numbers equal naive loops."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from cssim.errors import BadInput
from cssim.evaluation.calibration import accuracy_against_coverage, reliability


def world(n: int = 4000, seed: int = 0):
    rng = np.random.default_rng(seed)
    p = rng.random(n)
    return p, (rng.random(n) < p).astype(float), rng.integers(0, 80, n)


def test_calibrated_probabilities_look_calibrated_and_sharpened_ones_do_not():
    p, share, reference = world()
    found = reliability(p, share, reference, draws=500)
    assert len(found.steps) == 10
    assert found.error < 0.03
    for step in found.steps:
        assert step.low - 0.03 < step.confidence < step.high + 0.03
    sharp = np.clip(0.5 + 2 * (p - 0.5), 0, 1)
    assert reliability(sharp, share, reference, draws=50).error > 0.1


def test_the_summaries_are_those_of_scikit_learn():
    p, share, reference = world(n=500)
    found = reliability(p, share, reference, draws=10)
    assert found.brier == pytest.approx(brier_score_loss(share, p))
    assert found.log_loss == pytest.approx(log_loss(share, p))


def test_steps_by_hand():
    p = np.array([0.9, 0.1, 0.6, 0.4, 0.5])
    share = np.array([1.0, 0.25, 0.5, 1.0, 1.0])
    found = reliability(p, share, np.arange(5), steps=2, draws=20)
    assert [s.triples for s in found.steps] == [1, 4]
    assert found.steps[0].credit == 0.5  # one half answers nothing
    assert found.steps[1].confidence == pytest.approx((0.9 + 0.9 + 0.6 + 0.6) / 4)
    assert found.steps[1].credit == pytest.approx((1 + 0.75 + 0.5 + 0) / 4)
    assert found.error == pytest.approx(0.8 * abs(0.75 - 0.5625))


def test_steps_in_which_no_answer_lies_are_left_out():
    p = np.repeat([0.5, 0.7, 1.0], [8, 1, 1])
    found = reliability(p, np.ones(10), np.arange(10), draws=20)
    assert [s.confidence for s in found.steps] == pytest.approx([0.5, 0.7, 1.0])
    assert [s.triples for s in found.steps] == [8, 1, 1]


def test_coverage_by_a_naive_loop():
    p, share, reference = world(n=300)
    confidence, credit = 0.5 + np.abs(p - 0.5), np.where(p > 0.5, share, 1 - share)
    confidence = np.round(confidence, 2)
    found = accuracy_against_coverage(confidence, credit, reference, points=10, draws=100)
    for c, t, mean in zip(found.coverage, found.threshold, found.credit, strict=True):
        own = [k for x, k in zip(confidence, credit, strict=True) if x >= t]
        assert c == pytest.approx(len(own) / 300)
        assert mean == pytest.approx(sum(own) / len(own))
    assert found.coverage[-1] == 1
    assert np.all(np.diff(found.coverage) > 0)
    assert found.credit[0] > found.credit[-1] + 0.1
    assert np.all((found.low <= found.credit) & (found.credit <= found.high))


def test_equal_confidences_are_answered_together():
    found = accuracy_against_coverage(np.full(6, 0.7), np.ones(6), np.arange(6), draws=10)
    assert found.coverage.tolist() == [1]


def test_nonsense_is_refused():
    with pytest.raises(BadInput, match="one length"):
        reliability(np.ones(2), np.ones(3), np.arange(3))
    with pytest.raises(BadInput, match=r"0\.\.1"):
        reliability(np.array([2.0]), np.ones(1), np.arange(1))
    with pytest.raises(BadInput, match="one length"):
        accuracy_against_coverage(np.ones(0), np.ones(0), np.arange(0))
