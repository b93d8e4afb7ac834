"""Verdicts in words: each kind of evidence leads to its own sentence, and to no more."""

import numpy as np
import pytest

from cssim.evaluation.curves import Estimate
from cssim.evaluation.statistics import sign_flip
from cssim.evaluation.verdict import (
    AtClusters,
    Difference,
    crossing_text,
    differences,
    family,
    next_text,
    points,
)

UP, DOWN, FLAT = (
    Difference(0.03, 0.01, 0.05, 0.001),
    Difference(-0.03, -0.05, -0.01, 0.001),
    Difference(0.0, -0.01, 0.01, 0.9),
)
NAMES = ("frozen", "CS + frozen stacked", "global", "all stacked")


def test_differences_equal_a_loop_over_references() -> None:
    rng = np.random.default_rng(0)
    reference = rng.integers(0, 9, 200)
    one, other = rng.random((2, 200))
    (found,) = differences(one[None], other, reference, draws=2000)
    assert found.difference == pytest.approx(np.mean(one - other))
    sums = np.array([[np.sum((one - other)[reference == r]) for r in range(9)]])
    assert found.p == pytest.approx(sign_flip(sums, 1)[0])  # nine references: exact
    assert found.low < found.difference < found.high
    (same,) = differences(one[None], one, reference, draws=100)
    assert (same.difference, same.low, same.high, same.sign) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("cs", "both_cs", "both_global", "best", "expected"),
    [
        (UP, FLAT, UP, UP, "context-sensitive"),
        (DOWN, UP, FLAT, UP, "global"),
        (FLAT, FLAT, FLAT, UP, "undecided"),
        (FLAT, UP, UP, UP, "both"),
        (UP, UP, UP, UP, "both"),
        (FLAT, FLAT, FLAT, FLAT, "frozen"),
        (UP, FLAT, UP, DOWN, "frozen"),
    ],
)
def test_the_family_follows_from_the_intervals(
    cs: Difference, both_cs: Difference, both_global: Difference, best: Difference, expected: str
) -> None:
    assert family(cs, both_cs, both_global, best) == expected
    at = AtClusters(8, 1800.0, dict.fromkeys(NAMES, 0.8), cs, both_cs, both_global, best)
    text = at.text(40)
    assert text.startswith("With 8 labelled references (1,800 labels) ")
    assert "80.0 % on 40 references that nobody trained on" in text
    assert at.design in NAMES
    assert ("prefer" in text) == (expected != "undecided")
    assert ("over the stack without global models" in text) == (expected == "both")


def test_points_carry_signs() -> None:
    assert points(UP) == "+3.00 points [+1.00, +5.00]"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (Estimate(None, None, None, 0.0), "no crossing seen up to 4,000 labels, a is still ahead"),
        (Estimate(None, None, None, 0.4), "in 40% of the bootstrap samples there is one"),
        (Estimate(1000.0, 1000.0, 2000.0, 1.0), "b is at least as good from the fewest labels on"),
        (Estimate(2000.0, 1500.0, 3000.0, 0.99), "95 % interval 1,500 to 3,000"),
        (Estimate(2000.0, None, None, 0.7), "too uncertain for an interval: it is seen in 70%"),
    ],
)
def test_crossings_are_told_plainly(found: Estimate, says: str) -> None:
    assert says in crossing_text("a", "b", [1000, 4000], found)


def test_what_more_labels_buy_is_told_with_its_interval() -> None:
    text = next_text("global", 500, Estimate(0.004, 0.001, 0.008, 1.0))
    assert text.startswith("500 more labels would add about 0.40 points [0.10, 0.80] to global")
    alone = next_text("global", 500, Estimate(0.004, None, None, 0.5))
    assert alone.startswith("500 more labels would add about 0.40 points to global")
    assert "cannot be said" in next_text("global", 500, Estimate(None, None, None, 0.0))
