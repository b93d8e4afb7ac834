"""Learning curves, where they cross, and what more labels buy, on curves whose truth is known."""

import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.evaluation.curves import Curve, crossing, learning_curves, next_labels


def exact(name: str, sizes, accuracy) -> Curve:
    rows = np.array(accuracy, dtype=float)
    return Curve(name, np.array(sizes, dtype=float), rows, rows, rows, np.tile(rows, (50, 1)))


def drawn(accuracies, n: int = 6000, seed: int = 0):
    rng = np.random.default_rng(seed)
    reference = rng.integers(0, 100, n)
    return (rng.random((len(accuracies), n)) < np.array(accuracies)[:, None]).astype(
        float
    ), reference


def test_accuracies_and_intervals_are_those_of_the_references():
    credits, reference = drawn([0.7, 0.8])
    (curve,) = learning_curves([("cs", [100, 200], credits)], reference, draws=800)
    assert curve.accuracy == pytest.approx(credits.mean(axis=1))
    means = np.stack([credits[:, reference == r].sum(axis=1) for r in range(100)])
    sizes = np.bincount(reference)
    error = np.sqrt(((means - sizes[:, None] * curve.accuracy) ** 2).sum(axis=0)) / 6000
    assert curve.high - curve.low == pytest.approx(2 * 1.96 * error, rel=0.12)


def test_curves_of_a_call_share_their_draws():
    credits, reference = drawn([0.7, 0.8])
    one, other = learning_curves(
        [("a", [1, 2], credits), ("b", [1, 2], credits)], reference, draws=100
    )
    assert np.array_equal(one.samples, other.samples)


def test_two_designs_cross_where_straight_lines_of_log_size_do():
    cs = exact("cs", [8, 16, 32], [0.80, 0.81, 0.82])
    whole = exact("global", [8, 16, 32], [0.76, 0.80, 0.84])
    found = crossing(cs, whole)
    # From -1 to +2 points between 16 and 32: a third of the way on the log scale.
    assert found.value == pytest.approx(16 * 2 ** (1 / 3))
    assert found.low == found.high == pytest.approx(found.value)
    assert found.known == 1
    assert crossing(whole, cs).value is None
    assert crossing(whole, cs).known == 0
    ahead = crossing(exact("cs", [4, 8], [0.7, 0.7]), exact("g", [4, 8, 9], [0.8, 0.8, 0.1]))
    assert ahead.value == 4


def test_a_crossing_that_the_references_do_not_decide_has_no_interval():
    credits, reference = drawn([0.7, 0.75, 0.75, 0.751], seed=3)
    one, other = learning_curves(
        [("a", [1, 2], credits[[1, 2]]), ("b", [1, 2], credits[[0, 3]])], reference, draws=500
    )
    found = crossing(one, other)
    assert 0 < found.known < 0.95
    assert found.low is None


def test_more_labels_follow_the_power_law():
    sizes = np.array([250.0, 500, 1000, 2000])
    curve = exact("cs", sizes, 1 - 2.0 * sizes**-0.3)
    found = next_labels(curve, 500)
    assert found.value == pytest.approx(2.0 * 2000**-0.3 - 2.0 * 2500**-0.3)
    assert found.low == found.high == pytest.approx(found.value)


def test_a_falling_curve_promises_nothing():
    assert next_labels(exact("cs", [100, 200], [0.8, 0.7]), 500).value == pytest.approx(0)


def test_noise_gives_the_estimate_an_interval():
    credits, reference = drawn([0.7, 0.75, 0.79])
    (curve,) = learning_curves([("cs", [100, 300, 900], credits)], reference, draws=400)
    found = next_labels(curve, 500)
    assert found.value is not None
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < found.value < found.high < 0.1


def test_the_interval_of_an_estimate_holds_its_share_of_the_samples():
    samples = np.linspace(0, 0.1, 101)
    rows = np.array([0.7, 0.7])
    curve = Curve("a", np.array([1.0, 2.0]), rows, rows, rows, np.stack([0 * samples, samples], 1))
    found = next_labels(curve, 2, level=0.9)
    ends = [next_labels(exact("b", [1, 2], [0, end]), 2).value for end in (0.005, 0.095)]
    assert [found.low, found.high] == pytest.approx(ends)


def test_nonsense_is_refused():
    credits, reference = drawn([0.7, 0.75], n=50)
    with pytest.raises(BadInput, match="rising"):
        learning_curves([("a", [2, 1], credits)], reference)
    with pytest.raises(BadInput, match="at least two sizes"):
        crossing(exact("a", [1, 2], [0.1, 0.2]), exact("b", [2, 3], [0.1, 0.2]))
    with pytest.raises(BadInput, match="two sizes"):
        next_labels(exact("a", [1], [0.5]), 5)
    with pytest.raises(BadInput, match="labels to add"):
        next_labels(exact("a", [1, 2], [0.5, 0.6]), 0)
