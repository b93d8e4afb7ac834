"""Credits and ceilings against hand-made cases and naive loops."""

from itertools import combinations

import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.evaluation.accuracy import (
    by_reference,
    human_ceiling,
    human_credit,
    macro,
    soft_credit,
    strict_credit,
)

A_CLOSER, B_CLOSER, TIE = [0.1, 0.2], [0.2, 0.1], [0.3, 0.3]


def test_soft_credit_is_the_share_who_agree_and_ties_earn_half():
    distances = np.array([A_CLOSER, B_CLOSER, TIE, A_CLOSER])
    credit = soft_credit(distances, np.array([0.8, 0.8, 0.8, 0.5]))
    assert credit == pytest.approx([0.8, 0.2, 0.5, 0.5])


def test_strict_credit_is_agreement_with_the_majority_and_leaves_even_votes_out():
    distances = np.array([A_CLOSER, B_CLOSER, TIE, A_CLOSER])
    credit = strict_credit(distances, np.array([0.6, 0.8, 0.2, 0.5]))
    assert credit[:3].tolist() == [1.0, 0.0, 0.5]
    assert np.isnan(credit[3])


def test_one_voter_makes_both_credits_the_plain_accuracy():
    rng = np.random.default_rng(0)
    distances, share = rng.random((3, 200, 2)), rng.integers(0, 2, 200).astype(float)
    soft = soft_credit(distances, share)
    assert np.array_equal(soft, strict_credit(distances, share))
    loop = [[float((d[0] < d[1]) == (s == 1)) for d, s in zip(m, share)] for m in distances]  # noqa: B905
    assert soft.tolist() == loop


def test_swapping_the_candidates_keeps_every_credit():
    rng = np.random.default_rng(1)
    distances, share = rng.integers(0, 3, (200, 2)) / 2, rng.integers(0, 5, 200) / 4
    for credit in (soft_credit, strict_credit):
        swapped = credit(distances[:, ::-1], 1 - share)
        assert np.array_equal(swapped, credit(distances, share), equal_nan=True)


def test_distances_that_cannot_answer_are_refused():
    with pytest.raises(BadInput, match="finite"):
        soft_credit(np.array([[np.nan, 0.1]]), np.ones(1))
    with pytest.raises(BadInput, match="2 triples"):
        strict_credit(np.ones((3, 2)), np.ones(2))


def left_out(votes_a: int, votes_b: int) -> float:
    """The others' majority against each voter in turn, by brute force."""
    voters = [1] * votes_a + [-1] * votes_b
    earned = []
    for i, vote in enumerate(voters):
        others = sum(voters[:i] + voters[i + 1 :])
        earned.append(0.5 if others == 0 else float(np.sign(others) == vote))
    return float(np.mean(earned))


def test_the_human_credit_leaves_out_each_voter_in_turn():
    counts = [(a, b) for a in range(6) for b in range(6) if a + b >= 2]
    a, b = np.array(counts).T
    assert human_credit(a, b) == pytest.approx([left_out(*c) for c in counts])


def test_lone_voters_and_halves_say_nothing_about_the_ceiling():
    assert np.isnan(human_credit([1, 0, 0, 1.5], [0, 1, 0, 0.5])).all()
    nothing = human_ceiling([1, 1.5], [0, 0.5])
    assert (nothing.triples, nothing.others, nothing.person, nothing.bound) == (0, None, None, None)


def test_the_ceiling_by_hand_and_by_all_pairs_of_voters():
    ceiling = human_ceiling([3, 2, 1], [1, 2, 0])
    assert ceiling.triples == 2
    pairs = []
    for a, b in ((3, 1), (2, 2)):
        voters = [1] * a + [0] * b
        pairs.append(np.mean([x == y for x, y in combinations(voters, 2)]))
    assert ceiling.person == pytest.approx(np.mean(pairs))
    assert ceiling.others == pytest.approx(np.mean([left_out(3, 1), left_out(2, 2)]))
    assert ceiling.bound == pytest.approx((0.75 + 0.5) / 2)


def test_the_ceiling_lies_between_one_person_and_the_bound():
    rng = np.random.default_rng(4)
    p = rng.beta(2, 2, 3000)
    a = rng.binomial(5, p)
    ceiling = human_ceiling(a, 5 - a)
    assert ceiling.person is not None
    assert ceiling.others is not None
    assert ceiling.bound is not None
    assert ceiling.person < ceiling.others < ceiling.bound
    assert ceiling.person == pytest.approx(np.mean(p**2 + (1 - p) ** 2), abs=0.02)


def test_votes_must_be_counts():
    with pytest.raises(BadInput, match="negative"):
        human_credit([-1], [2])
    with pytest.raises(BadInput, match="one length"):
        human_credit([1, 2], [2])


def test_credits_add_up_by_reference_as_in_a_loop():
    rng = np.random.default_rng(2)
    reference = rng.integers(0, 9, 120) * 7
    credits = rng.random((4, 120))
    credits[:, rng.random(120) < 0.3] = np.nan
    credits[1, reference == reference[0]] = np.nan
    table = by_reference(credits, reference)
    assert table.reference.tolist() == sorted(set(reference.tolist()))
    for row in range(4):
        for g, r in enumerate(table.reference):
            own = [c for c, of in zip(credits[row], reference, strict=True) if of == r]
            own = [c for c in own if not np.isnan(c)]
            assert table.counts[row, g] == len(own)
            assert table.sums[row, g] == pytest.approx(sum(own))
    assert np.isnan(table.accuracy[1][table.reference == reference[0]]).all()
    assert table.overall == pytest.approx(np.nanmean(credits, axis=1))


def test_macro_counts_each_group_once():
    credits = np.array([[1.0, 1.0, 1.0, 0.0, np.nan], [0.0, 1.0, 1.0, np.nan, np.nan]])
    context = np.array(["sea", "sea", "sea", "city", "city"])
    assert macro(credits, context) == pytest.approx([(1 + 0) / 2, 2 / 3])


def test_no_rows_and_wrong_shapes():
    assert by_reference(np.zeros((0, 3)), np.array([1, 1, 2])).sums.shape == (0, 2)
    with pytest.raises(BadInput, match="n references"):
        by_reference(np.zeros((2, 3)), np.array([1, 2]))
