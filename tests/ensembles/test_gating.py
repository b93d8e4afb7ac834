"""Gated stacking finds gates where there are any, and its null says where there are none."""

import numpy as np
import pytest

from cssim.ensembles.distances import spreads
from cssim.ensembles.gating import GatedWeights
from cssim.ensembles.logistic import fit_logistic
from cssim.ensembles.nulls import BLIND, shuffled_null
from cssim.ensembles.projection import fit_projection
from cssim.ensembles.strategies import STRATEGIES, cross_fit, strategy
from cssim.ensembles.weighting import collect
from cssim.errors import BadInput


def world(gate: float, references: int = 80, each: int = 30, seed: int = 0):
    """Two members; which one is right depends on the sign of the reference's first feature."""
    rng = np.random.default_rng(seed)
    looks = rng.normal(size=(references, 6)) * np.array([3, 1, 1, 1, 1, 1])
    reference = np.repeat(np.arange(references), each)
    margin = rng.normal(size=(2, len(reference)))
    side = np.sign(looks[reference, 0])
    mix = (0.5 + 0.5 * gate * side) * margin[0] + (0.5 - 0.5 * gate * side) * margin[1]
    share = (rng.random(len(reference)) < 1 / (1 + np.exp(-3 * mix))).astype(float)
    distances = np.stack([np.zeros_like(margin), margin], axis=2) + 1
    return distances, share, reference, looks[reference]


def test_gates_follow_the_feature_that_decides():
    distances, share, reference, features = world(gate=0.8)
    fitted = strategy("gated").fit(distances, share, reference=reference, features=features)
    ends = np.zeros((2, 6))
    ends[:, 0] = 3, -3
    (right, left) = fitted.weights_at(ends)
    assert right[0] > 2 * right[1]
    assert left[1] > 2 * left[0]


def test_without_a_gate_it_is_plain_stacking():
    distances, share, reference, features = world(gate=0.0)
    gated = strategy("gated").fit(distances, share, reference=reference, features=features)
    plain = strategy("stacking").fit(distances, share)
    assert isinstance(gated.weighting, GatedWeights)
    assert gated.weighting.ridge == 0
    assert gated.weights_at(features[:3]) == pytest.approx(np.tile(plain.weights, (3, 1)))


def test_the_fit_is_a_logistic_regression_on_margins_times_coordinates():
    distances, share, reference, features = world(gate=0.8, references=30, each=10)
    fitted = strategy("gated").fit(distances, share, reference=reference, features=features)
    gates = fitted.weighting
    assert isinstance(gates, GatedWeights)
    assert gates.ridge > 0
    z = fit_projection(features[::10].astype(np.float32), 8).scaled(features.astype(np.float32))
    x = (distances[:, :, 1] - distances[:, :, 0]).T / spreads(distances)
    columns = [x] + [x * z[:, [k]] / np.sqrt(gates.ridge) for k in range(8)]
    found = fit_logistic(np.hstack(columns), share).reshape(9, 2)
    assert gates.base == pytest.approx(found[0], abs=1e-6)
    gate = gates.gates.T
    assert gate == pytest.approx(found[1:] / np.sqrt(gates.ridge), abs=1e-6)


def test_the_null_is_beaten_by_a_gate_and_by_nothing_else():
    real = shuffled_null("gated", *world(gate=0.9), draws=19, seed=1)
    assert real.gain > 0.03
    assert real.p == 0.05
    assert max(real.null) < real.gain
    none = shuffled_null("gated", *world(gate=0.0, references=40), draws=9, seed=1)
    assert none.gain < real.gain / 3
    assert none.p == (1 + sum(value >= none.gain for value in none.null)) / 10


@pytest.mark.parametrize("name", ["knn", "map-max"])
def test_other_strategies_that_look_are_held_against_their_like_without_eyes(name):
    distances, share, reference, features = world(gate=0.9, references=300, each=6)
    found = shuffled_null(name, distances, share, reference, features, draws=19, folds=3)

    def credit(name, looks):
        answers = cross_fit(name, distances, share, reference, features=looks, folds=3)
        return np.where(answers[:, 0] < answers[:, 1], share, 1 - share).mean()

    assert found.gain == pytest.approx(credit(name, features) - credit(found.blind, None))
    shuffled = features[::6][np.random.default_rng(0).permutation(300)][reference]
    assert found.null[0] == pytest.approx(credit(name, shuffled) - credit(found.blind, None))
    assert found.p == 0.05


def test_every_strategy_that_looks_at_the_reference_has_its_like_without_eyes():
    assert set(BLIND) == {name for name, row in STRATEGIES.items() if row.needs_features}
    assert not {STRATEGIES[name].needs_features for name in BLIND.values()} - {False}
    with pytest.raises(BadInput, match="'stacking'"):
        shuffled_null("stacking", *world(gate=0.0, references=10, each=2))


def test_a_null_may_be_stopped():
    def stop(done, total):
        assert total == 19
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shuffled_null("map-avg", *world(gate=0.0, references=20, each=2), progress=stop)


def test_gates_of_another_shape_are_refused():
    distances, share, reference, features = world(gate=0, references=5, each=4)
    known = collect(distances, share, reference, features)
    with pytest.raises(BadInput, match="gates of that shape"):
        GatedWeights(known, fit_projection(features, 3), np.ones(2), np.ones((2, 8)), 1.0)
