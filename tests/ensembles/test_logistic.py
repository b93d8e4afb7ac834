"""Our Newton against scikit-learn, and the symmetry that it is there for."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from cssim.ensembles.logistic import fit_logistic, sigmoid
from cssim.errors import BadInput


def test_coefficients_equal_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    share = rng.integers(0, 5, 400) / 4
    both = np.concatenate([x, x])
    yes = np.repeat([1, 0], 400)
    weight = np.concatenate([share, 1 - share])
    other = LogisticRegression(C=0.5, fit_intercept=False, tol=1e-10, max_iter=1000)
    other.fit(both, yes, sample_weight=weight)
    assert fit_logistic(x, share, ridge=2.0) == pytest.approx(other.coef_[0], abs=1e-6)


def test_turning_rows_and_answers_round_changes_nothing():
    rng = np.random.default_rng(1)
    x, share = rng.normal(size=(50, 2)), rng.random(50)
    sign = rng.choice([-1, 1], 50)
    turned = np.where(sign > 0, share, 1 - share)
    assert fit_logistic(x * sign[:, None], turned) == pytest.approx(fit_logistic(x, share))


def test_separable_answers_have_a_finite_solution():
    x = np.array([[1000.0], [2000.0], [-500.0]])
    found = fit_logistic(x, np.array([1.0, 1.0, 0.0]))
    assert 0 < found[0] < 1
    gradient = x[:, 0] @ (sigmoid(x @ found) - np.array([1.0, 1.0, 0.0])) + found[0]
    assert gradient == pytest.approx(0, abs=1e-6)


def test_sigmoid_by_hand_and_far_out():
    z = np.array([0.0, np.log(3.0), -1000.0, 1000.0])
    assert sigmoid(z) == pytest.approx([0.5, 0.75, 0.0, 1.0])


def test_a_ridge_must_be_positive():
    with pytest.raises(BadInput, match="positive"):
        fit_logistic(np.ones((2, 1)), np.ones(2), ridge=0)
