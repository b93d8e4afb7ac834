"""The contract of all strategies, and each one's own promise."""

import json

import numpy as np
import pytest

from cssim.ensembles.distances import margins, spreads
from cssim.ensembles.strategies import (
    STRATEGIES,
    Fitted,
    cross_fit,
    folds_by_reference,
    strategy,
)
from cssim.errors import BadInput, NotFound

ALL = pytest.mark.parametrize("name", list(STRATEGIES))


def world(members: int = 4, n: int = 300, seed: int = 0):
    """Members who see the same truth through noise of their own, on scales of their own."""
    rng = np.random.default_rng(seed)
    truth = rng.random((n, 2))
    noise = rng.normal(size=(members, n, 2)) * np.linspace(0.2, 1.5, members)[:, None, None]
    distances = (truth + noise + 10) * np.linspace(0.1, 3, members)[::-1, None, None]
    distances[:, 5, 1] = distances[:, 5, 0]
    share = 1 / (1 + np.exp(-8 * (truth[:, 1] - truth[:, 0])))
    return distances, np.round(share * 5) / 5, rng.integers(0, 30, n)


@ALL
def test_swapping_the_candidates_swaps_the_answer(name):
    distances, share, _ = world()
    fitted = strategy(name).fit(distances, share)
    other = strategy(name).fit(distances[:, :, ::-1], 1 - share)
    assert other.weights == pytest.approx(fitted.weights)
    combined = fitted.combine(distances)
    assert np.array_equal(fitted.combine(distances[:, :, ::-1]), combined[:, ::-1])
    confidence = fitted.confidence(combined)
    assert confidence is not None
    assert fitted.confidence(combined[:, ::-1]) == pytest.approx(1 - confidence)


@ALL
def test_permuting_the_members_permutes_the_weights(name):
    distances, share, _ = world()
    order = [2, 0, 3, 1]
    fitted = strategy(name).fit(distances, share)
    permuted = strategy(name).fit(distances[order], share)
    assert permuted.weights == pytest.approx([fitted.weights[i] for i in order])
    assert permuted.combine(distances[order]) == pytest.approx(fitted.combine(distances))


@ALL
def test_weights_are_shares(name):
    distances, share, _ = world()
    weights = np.array(strategy(name).fit(distances, share).weights)
    assert np.abs(weights).sum() == pytest.approx(1)
    if strategy(name).nonnegative:
        assert (weights >= 0).all()


@ALL
def test_one_member_gives_that_member_even_a_poor_one(name):
    distances, share, _ = world(members=1)
    for answers in (share, 1 - share):
        fitted = strategy(name).fit(distances, answers)
        assert fitted.weights == (1.0,)
        own = np.sign(margins(distances[0]))
        assert np.array_equal(np.sign(margins(fitted.combine(distances))), own)


@ALL
def test_exact_ties_stay_ties(name):
    distances, share, _ = world()
    combined = strategy(name).fit(distances, share).combine(distances)
    assert combined[5, 0] == combined[5, 1]
    assert (margins(combined) != 0).sum() >= 200


@ALL
def test_a_cross_fit_never_sees_the_answers_of_its_own_references(name):
    distances, share, reference = world()
    before = cross_fit(name, distances, share, reference, folds=3, seed=4)
    fold = folds_by_reference(reference, 3, 4)
    lied = np.where(fold == 0, 1 - share, share)
    after = cross_fit(name, distances, lied, reference, folds=3, seed=4)
    assert np.array_equal(after[fold == 0], before[fold == 0])


def test_a_cross_fit_does_see_the_answers_of_other_references():
    distances, share, reference = world()
    fold = folds_by_reference(reference, 3, 4)
    before = cross_fit("stacking", distances, share, reference, folds=3, seed=4)
    lied = np.where(fold == 1, 1 - share, share)
    after = cross_fit("stacking", distances, lied, reference, folds=3, seed=4)
    assert not np.allclose(after[fold == 0], before[fold == 0])


@ALL
def test_json_keeps_every_number(name):
    distances, share, _ = world()
    fitted = strategy(name).fit(distances, share)
    assert Fitted.from_dict(json.loads(json.dumps(fitted.to_dict()))) == fitted


@ALL
def test_without_answers_only_the_strategies_that_need_none_are_fitted(name):
    distances, share, _ = world()
    if strategy(name).needs_labels:
        with pytest.raises(BadInput, match="validation"):
            strategy(name).fit(distances[:, :0], share[:0])
        return
    fitted = strategy(name).fit(distances[:, :0], share[:0])
    combined = fitted.combine(distances)
    assert fitted.confidence(combined) is None
    assert np.array_equal(combined, strategy(name).fit(distances, share).combine(distances))


def test_best_single_takes_the_member_with_the_most_credit():
    distances, share, _ = world()
    credit = [
        sum(
            s if d[0] < d[1] else 1 - s if d[0] > d[1] else 0.5
            for d, s in zip(m, share, strict=True)
        )
        for m in distances
    ]
    assert int(np.argmax(strategy("best-single").fit(distances, share).weights)) == np.argmax(
        credit
    )


def test_vote_counts_heads_and_halves_ties():
    heads = np.array([[[0.1, 0.2]], [[0.5, 0.3]], [[0.4, 0.4]], [[0.0, 1.0]]])
    combined = strategy("vote").fit(heads, np.array([1.0])).combine(heads)
    assert combined.tolist() == [[(0 + 1 + 0.5 + 0) / 4, (1 + 0 + 0.5 + 1) / 4]]


def test_uniform_is_the_mean_distance_and_standardised_divides_by_the_spread():
    distances, share, _ = world()
    assert strategy("uniform").fit(distances, share).combine(distances) == pytest.approx(
        distances.mean(axis=0)
    )
    scaled = distances / spreads(distances)[:, None, None]
    found = strategy("uniform-standardised").fit(distances, share).combine(distances)
    assert found == pytest.approx(scaled.mean(axis=0))


def test_stacking_trusts_good_members_more_and_may_weigh_against_one():
    distances, share, _ = world(n=2000)
    weights = strategy("stacking").fit(distances, share).weights
    assert weights[0] == max(weights)
    distances[3] = distances[0][:, ::-1] + 0.01 * distances[3]
    assert strategy("stacking").fit(distances[1:], share).weights[2] < 0


def test_members_that_know_nothing_share_the_weight():
    distances = np.ones((3, 10, 2))
    fitted = strategy("stacking").fit(distances, np.ones(10))
    assert fitted.weights == pytest.approx([1 / 3] * 3)
    assert fitted.confidence(fitted.combine(distances)) == pytest.approx(np.full(10, 0.5))


def test_confidence_is_the_share_of_people_where_margins_tell_it():
    rng = np.random.default_rng(9)
    distances = rng.random((1, 20_000, 2))
    probability = 1 / (1 + np.exp(-3 * margins(distances[0])))
    answers = (rng.random(20_000) < probability).astype(float)
    slope = strategy("uniform").fit(distances, answers).slope
    assert slope == pytest.approx(3, rel=0.05)


def test_folds_keep_references_together_and_differ_by_one_at_most():
    reference = np.random.default_rng(2).integers(0, 23, 500)
    fold = folds_by_reference(reference, 5, 0)
    owner = {int(r): set(fold[reference == r]) for r in np.unique(reference)}
    assert all(len(found) == 1 for found in owner.values())
    sizes = [sum(found == {k} for found in owner.values()) for k in range(5)]
    assert max(sizes) - min(sizes) <= 1
    assert not np.array_equal(fold, folds_by_reference(reference, 5, 1))
    with pytest.raises(BadInput, match="24 folds"):
        folds_by_reference(reference, 24, 0)


def test_nonsense_is_refused():
    with pytest.raises(NotFound, match="stacking"):
        strategy("nonsense")
    with pytest.raises(BadInput, match="members"):
        strategy("uniform").fit(np.ones((2, 3, 2)), np.ones(4))
    with pytest.raises(BadInput, match="share_a"):
        strategy("uniform").fit(np.ones((2, 3, 2)), np.full(3, 2.0))
    with pytest.raises(BadInput, match="finite"):
        strategy("uniform").fit(np.full((2, 3, 2), np.nan), np.ones(3))
    with pytest.raises(BadInput, match="sum to 1"):
        Fitted("uniform", (0.9,), (1.0,))
    with pytest.raises(BadInput, match="spread"):
        Fitted("uniform", (1.0,), ())
    with pytest.raises(BadInput, match="> 0"):
        Fitted("uniform", (1.0,), (0.0,))
    with pytest.raises(BadInput, match="2 members"):
        Fitted("uniform", (0.5, 0.5), (1.0, 1.0)).combine(np.ones((3, 1, 2)))
    with pytest.raises(BadInput, match="not a fitted"):
        Fitted.from_dict({"strategy": "uniform"})
