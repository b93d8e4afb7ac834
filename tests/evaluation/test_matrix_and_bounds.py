"""The cross-validation matrix and the oracle bounds, by naive loops."""

import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.evaluation.bounds import oracle_by_reference, oracle_credit
from cssim.evaluation.matrix import cross_matrix


def test_the_matrix_by_a_naive_loop():
    rng = np.random.default_rng(0)
    credits, cluster = rng.integers(0, 2, (3, 90)).astype(float), rng.integers(0, 2, 90)
    credits[0, cluster == 0] = np.nan  # trained on, so it does not count
    found = cross_matrix(["a", "b", "g"], ["x", "y"], credits, cluster, [[0], [1], [0, 1]])
    for m in range(3):
        for c in range(2):
            own = [v for v, k in zip(credits[m], cluster, strict=True) if k == c and v == v]
            assert found.triples[m, c] == len(own)
            mean = np.mean(own) if own else np.nan
            assert found.accuracy[m, c] == pytest.approx(mean, nan_ok=True)
    assert found.own.tolist() == [[True, False], [False, True], [True, True]]
    ours = [found.accuracy[1, 1], found.accuracy[2, 0], found.accuracy[2, 1]]
    assert found.home == pytest.approx(np.mean(ours))
    assert found.away == pytest.approx((found.accuracy[0, 1] + found.accuracy[1, 0]) / 2)
    assert found.best[0] == max("bg", key=lambda m: found.accuracy["abg".index(m), 0])


def test_a_cluster_nobody_answers_has_no_best_model():
    found = cross_matrix(["a"], ["x"], np.full((1, 3), np.nan), np.zeros(3, int), [[]])
    assert found.best == (None,)
    assert np.isnan(found.home)


@pytest.mark.parametrize(
    ("shape", "cluster", "trained"),
    [((1, 3), [0, 0, 0], [[0]]), ((2, 3), [0, 0, 2], [[], []]), ((2, 3), [0, 0, 1], [[5], []])],
)
def test_a_matrix_that_does_not_fit_is_refused(shape, cluster, trained):
    with pytest.raises(BadInput):
        cross_matrix(["a", "b"], ["x", "y"], np.ones(shape), np.array(cluster), trained)


def test_oracles_by_a_naive_loop():
    rng = np.random.default_rng(1)
    credits, reference = rng.random((4, 200)), rng.integers(0, 15, 200)
    assert oracle_credit(credits).tolist() == [max(column) for column in credits.T.tolist()]
    found = oracle_by_reference(credits, reference)
    for r in range(15):
        rows = np.flatnonzero(reference == r)
        best = max(range(4), key=lambda m: credits[m, rows].sum())
        assert np.array_equal(found[rows], credits[best, rows])
    assert credits.mean(axis=1).max() <= found.mean() <= oracle_credit(credits).mean()


def test_bounds_ask_for_members_that_answer_the_same():
    credits = np.ones((2, 3))
    credits[0, 0] = np.nan
    with pytest.raises(BadInput, match="same triples"):
        oracle_credit(credits)
    with pytest.raises(BadInput, match="at least one"):
        oracle_by_reference(np.ones((0, 3)), np.arange(3))
