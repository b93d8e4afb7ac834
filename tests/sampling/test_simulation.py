"""The trials of active sampling: they find what is there, and nothing where nothing is."""

import numpy as np
import pandas as pd
import pytest

from cssim.sampling.ordinal import _loss, fit_embedding, margins_of
from cssim.sampling.simulation import _repeated, adaptive_trial, pool_trial, recorded_trial


def questions(items, count, rng):
    return np.array([rng.choice(items, 3, replace=False) for _ in range(count)])


def answered(points, asked):
    wrong = margins_of(points, asked) < 0
    return np.where(wrong[:, None], asked[:, [0, 2, 1]], asked)


def test_the_gradient_is_the_one_of_finite_differences():
    rng = np.random.default_rng(0)
    points, asked = rng.normal(size=(5, 2)), questions(5, 12, rng)
    gradient = _loss(points.ravel(), asked, 5)[1]
    for k in range(10):
        step = np.zeros(10)
        step[k] = 1e-6
        slope = (
            _loss(points.ravel() + step, asked, 5)[0] - _loss(points.ravel() - step, asked, 5)[0]
        )
        assert gradient[k] == pytest.approx(slope / 2e-6, abs=1e-6)


def test_an_embedding_of_clean_answers_predicts_new_ones():
    rng = np.random.default_rng(1)
    truth = rng.normal(size=(15, 2))
    points = fit_embedding(answered(truth, questions(15, 700, rng)), 15, rng=rng)
    fresh = answered(truth, questions(15, 500, rng))
    assert (margins_of(points, fresh) > 0).mean() > 0.95


def test_margins_are_those_of_a_loop():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 3.0]])
    assert margins_of(points, np.array([[0, 1, 2], [0, 2, 1]])).tolist() == [8.0, -8.0]


def test_recorded_answers_of_equal_worth_show_no_gain_and_spoilt_ones_a_loss():
    rng = np.random.default_rng(2)
    truth = rng.normal(size=(12, 2))
    asked = answered(truth, questions(12, 900, rng))
    rule = np.repeat(["random", "alike", "spoilt"], 300)
    asked[rule == "spoilt"] = questions(12, 300, rng)  # answers without meaning
    test = answered(truth, questions(12, 400, rng))
    found = recorded_trial(
        asked, rule.tolist(), test, np.arange(400) % 20, items=12, sizes=[300], repeats=1, draws=300
    )
    by_rule = {point.rule: point for point in found}
    assert by_rule["random"].gain == 0
    assert by_rule["alike"].gain_low <= 0.02
    assert abs(by_rule["alike"].gain) < 0.05
    assert by_rule["spoilt"].gain_high < -0.1
    assert by_rule["random"].low < by_rule["random"].accuracy < by_rule["random"].high


def test_the_adaptive_trial_learns_and_pairs_its_rules():
    truth = np.random.default_rng(7).normal(size=(8, 2))
    found = adaptive_trial(truth, noise=0.3, sizes=(30, 120), seeds=2, pool=60)
    random = [point for point in found if point.rule == "random"]
    assert random[1].accuracy > random[0].accuracy + 0.05
    firsts = {point.rule: point.accuracy for point in found if point.answers == 30}
    assert len(firsts) == 3
    assert len(set(firsts.values())) == 1  # the first batch is random for all, of one seed


def test_choosing_pays_in_a_pool_where_most_answers_say_nothing():
    """Two models: on 19 of 20 triples they agree; only the others tell which one is right."""
    rng = np.random.default_rng(0)
    n = 2000
    truth = rng.choice([-1.0, 1.0], n)
    right = truth * (0.5 + rng.random(n))
    wrong = np.where(rng.random(n) < 0.95, truth, -truth) * (0.5 + rng.random(n))

    def fit(x, y):
        return np.linalg.solve(x.T @ x + np.eye(2), x.T @ (2 * y - 1))

    found = pool_trial(
        np.stack([right, wrong]),
        (truth > 0).astype(float),
        rng.integers(0, 50, n),
        fit,
        sizes=[12],
        seeds=20,
    )
    by_rule = {point.rule: point for point in found}
    assert by_rule["disagreement"].gain_low > 0
    assert by_rule["disagreement"].accuracy > 0.99
    assert by_rule["random"].gain == 0


def test_real_recorded_answers_do_not_say_that_active_sampling_wins(shared):
    """30 pictures, 416 people; four ways of choosing questions, tested on random ones."""
    data = pd.read_csv(shared / "human_alien_eggs" / "triplets.csv").sort_values(
        "time", kind="stable"
    )
    names = {n: i for i, n in enumerate(sorted({*data.ref, *data.a, *data.b}))}
    ref, a, b = (data[column].map(names).to_numpy() for column in ("ref", "a", "b"))
    said_a = (data.answer == "A").to_numpy()
    asked = np.stack([ref, np.where(said_a, a, b), np.where(said_a, b, a)], axis=1)
    test = (data.split == "Test").to_numpy()
    person = pd.factorize(data.annotator)[0]
    found = recorded_trial(
        asked[~test],
        data.split[~test].tolist(),
        asked[test],
        person[test],
        items=30,
        sizes=[1000],
        random_rule="RandomSampling",
        repeats=1,
        draws=300,
    )
    by_rule = {point.rule: point for point in found}
    assert len(by_rule) == 4
    assert 0.79 < by_rule["RandomSampling"].accuracy < 0.84
    assert max(point.gain for point in found) < 0.01
    assert by_rule["CrowdKernel"].gain_high < 0


def test_the_interval_of_an_accuracy_stays_within_what_an_accuracy_can_be():
    """Two repetitions have a t quantile of 12.7, by which 0.5 and 0.7 reach from -0.7 to 1.9."""
    (point,) = _repeated(["random"], [10], np.array([[[0.5, 0.7]]]))
    assert (point.low, point.high) == (0, 1)
    assert point.accuracy == pytest.approx(0.6)
    (point,) = _repeated(["random"], [10], np.array([[[0.50, 0.52]]]))
    assert point.high - 0.51 == pytest.approx(12.706 * 0.01, abs=1e-4)
    (point,) = _repeated(["random"], [10], np.array([[[0.5]]]))
    assert np.isnan(point.low)
