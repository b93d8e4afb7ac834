"""Alpha and kappa against the literature's worked examples, scikit-learn, and naive loops."""

from itertools import permutations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

from cssim.errors import BadInput
from cssim.evaluation.agreement import cohen_kappa, counts_of, krippendorff_alpha

# Krippendorff 2011, "Computing Krippendorff's alpha-reliability": 4 observers, 12 units.
EXAMPLE = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


def example():
    said = [
        (unit, int(value))
        for observer in EXAMPLE
        for unit, value in enumerate(observer.split())
        if value != "."
    ]
    return counts_of(*zip(*said, strict=True))[0]


@pytest.mark.parametrize(
    ("level", "alpha"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_krippendorffs_own_example(level, alpha):
    assert krippendorff_alpha(example(), level=level) == pytest.approx(alpha, abs=5e-4)


def test_alpha_by_a_naive_loop_over_pairs_of_people():
    rng = np.random.default_rng(0)
    said = [list(rng.integers(0, 3, rng.integers(1, 6))) for _ in range(40)]
    observed, every = [], []
    for answers in said:
        if len(answers) < 2:
            continue
        every += answers
        observed += [(x != y) / (len(answers) - 1) for x, y in permutations(answers, 2)]
    expected = np.mean([x != y for x, y in permutations(every, 2)])
    units = [u for u, answers in enumerate(said) for _ in answers]
    counts, values = counts_of(units, [a for answers in said for a in answers])
    assert values.tolist() == [0, 1, 2]
    alpha = 1 - (sum(observed) / len(every)) / expected
    assert krippendorff_alpha(counts) == pytest.approx(alpha)


def test_alpha_at_its_ends():
    assert krippendorff_alpha(np.array([[3.0, 0], [0, 2]])) == 1
    assert krippendorff_alpha(np.array([[1.0, 0], [0, 1]])) is None  # nobody overlaps
    assert krippendorff_alpha(np.array([[3.0, 0], [2, 0]])) is None  # all say the same
    against = krippendorff_alpha(np.array([[1.0, 1], [1, 1]]))
    assert against is not None
    assert against < 0


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_kappa_is_that_of_scikit_learn(weights):
    rng = np.random.default_rng(1)
    one = rng.integers(1, 6, 200)
    other = np.clip(one + rng.integers(-1, 2, 200), 1, 5)
    theirs = cohen_kappa_score(one, other, weights=None if weights == "none" else weights)
    assert cohen_kappa(one, other, weights=weights) == pytest.approx(theirs)


def test_kappa_by_hand():
    # Both yes 20, yes/no 5, no/yes 10, both no 15: observed .7, by chance .5, so .4.
    one = ["y"] * 25 + ["n"] * 25
    other = ["y"] * 20 + ["n"] * 5 + ["y"] * 10 + ["n"] * 15
    assert cohen_kappa(one, other) == pytest.approx(0.4)
    assert cohen_kappa(["y", "y"], ["y", "y"]) is None


def test_nonsense_is_refused():
    with pytest.raises(BadInput, match="nominal"):
        krippendorff_alpha(np.ones((2, 2)), level="ratio")
    with pytest.raises(BadInput, match=">= 0"):
        krippendorff_alpha(-np.ones((2, 2)))
    with pytest.raises(BadInput, match="2 values"):
        krippendorff_alpha(np.ones((2, 2)), level="interval", values=[1, 2, 3])
    with pytest.raises(BadInput, match="none, linear"):
        cohen_kappa([1], [1], weights="cubic")
    with pytest.raises(BadInput, match="one length"):
        cohen_kappa([1], [1, 2])
    with pytest.raises(BadInput, match="one length"):
        counts_of([1], [1, 2])
