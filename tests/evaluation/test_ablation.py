"""Members left out: differences by a naive loop, intervals and p by resampling one by one."""

import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.evaluation.ablation import left_out
from cssim.evaluation.statistics import draw_weights


def credits(references=8, each=6, seed=0):
    rng = np.random.default_rng(seed)
    reference = np.repeat(np.arange(references), each)
    whole = rng.integers(0, 2, len(reference)).astype(float)
    return rng.integers(0, 2, (2, len(reference))).astype(float), whole, reference


def test_differences_and_intervals_are_those_of_a_naive_loop():
    without, whole, reference = credits()
    found = left_out(["a", "b"], without, whole, reference, draws=200, seed=3)
    for one, row in zip(found, without, strict=True):
        assert one.accuracy == pytest.approx(np.mean(row))
        assert one.difference == pytest.approx(np.mean(row) - np.mean(whole))
        samples = [
            np.mean(np.concatenate([np.repeat(row - whole, w[reference].astype(int))]))
            for w in draw_weights(8, 200, 3)
        ]
        assert (one.low, one.high) == pytest.approx(tuple(np.quantile(samples, [0.025, 0.975])))


def test_p_is_that_of_all_sign_flips_times_the_number_of_members_at_least():
    without, whole, reference = credits()
    found = left_out(["a", "b"], without, whole, reference, draws=100)
    for one, row in zip(found, without, strict=True):
        sums = np.array([np.sum((row - whole)[reference == r]) for r in range(8)])
        flips = [abs(sum(s if k >> i & 1 else -s for i, s in enumerate(sums))) for k in range(256)]
        p = np.mean([value >= abs(sums.sum()) - 1e-9 for value in flips])
        assert p <= one.p_holm + 1e-12 <= min(1.0, 2 * p) + 1e-9


def test_a_member_that_changes_nothing_differs_by_nothing():
    _, whole, reference = credits()
    (one,) = left_out(["same"], whole[None], whole, reference, draws=100)
    assert (one.difference, one.low, one.high, one.p_holm) == (0, 0, 0, 1)


def test_what_does_not_fit_is_refused():
    without, whole, reference = credits()
    with pytest.raises(BadInput, match="needs credits of shape"):
        left_out(["a"], without, whole, reference)
    whole[0] = np.nan
    with pytest.raises(BadInput, match="same triples"):
        left_out(["a", "b"], without, whole, reference)
