"""The contract of all strategies, and each one's own promise."""

import json

import numpy as np
import pytest

from cssim.ensembles.distances import margins, spreads
from cssim.ensembles.strategies import (
    STRATEGIES,
    Fitted,
    cross_confidence,
    cross_fit,
    fit_slope,
    folds_by_reference,
    strategy,
)
from cssim.errors import BadInput, NotFound

ALL = pytest.mark.parametrize("name", list(STRATEGIES))


def features_of(reference, dim: int = 12):
    """(n, dim): a point for each reference, the same for all of its triples."""
    return np.random.default_rng(7).normal(size=(1000, dim))[reference].astype(np.float32)


def fit(name, distances, share, reference, *, folds: int = 0, **options):
    """Without a confidence unless asked for: it takes a fit for each fold."""
    looks = features_of(reference)
    return strategy(name).fit(
        distances, share, reference=reference, features=looks, folds=folds, **options
    )


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
    distances, share, reference = world()
    features = features_of(reference)
    fitted = fit(name, distances, share, reference, folds=2)
    other = fit(name, distances[:, :, ::-1], 1 - share, reference, folds=2)
    assert other.weights == pytest.approx(fitted.weights)
    assert other.weights_at(features) == pytest.approx(fitted.weights_at(features))
    combined = fitted.combine(distances, features)
    assert np.array_equal(fitted.combine(distances[:, :, ::-1], features), combined[:, ::-1])
    confidence = fitted.confidence(combined)
    assert confidence is not None
    assert fitted.confidence(combined[:, ::-1]) == pytest.approx(1 - confidence)


@ALL
def test_permuting_the_members_permutes_the_weights(name):
    # Maps give all to the first of equals; with many uneven answers no two members are equal.
    distances, share, reference = world(n=900)
    share = np.clip(share + np.random.default_rng(8).uniform(-0.1, 0.1, len(share)), 0, 1)
    features, order = features_of(reference), [2, 0, 3, 1]
    fitted = fit(name, distances, share, reference)
    permuted = fit(name, distances[order], share, reference)
    assert permuted.weights == pytest.approx([fitted.weights[i] for i in order])
    weights = fitted.weights_at(features)[:, order]
    assert permuted.weights_at(features) == pytest.approx(weights, abs=1e-6)
    assert permuted.combine(distances[order], features) == pytest.approx(
        fitted.combine(distances, features), abs=1e-5
    )


@ALL
def test_weights_are_shares_wherever_the_reference_lies(name):
    distances, share, reference = world()
    fitted = fit(name, distances, share, reference)
    rng = np.random.default_rng(3)
    anywhere = np.concatenate([features_of(reference)[:40], 50 * rng.normal(size=(40, 12))])
    weights = fitted.weights_at(anywhere)
    assert weights.shape == (80, 4)
    assert np.abs(weights).sum(axis=1) == pytest.approx(np.ones(80))
    if strategy(name).nonnegative:
        assert (weights >= 0).all()
    if not fitted.needs_features:
        assert np.array_equal(weights, np.tile(fitted.weights, (80, 1)))


@ALL
def test_one_member_gives_that_member_even_a_poor_one(name):
    distances, share, reference = world(members=1)
    for answers in (share, 1 - share):
        fitted = fit(name, distances, answers, reference)
        assert fitted.weights == (1.0,)
        own = np.sign(margins(distances[0]))
        combined = fitted.combine(distances, features_of(reference))
        assert np.array_equal(np.sign(margins(combined)), own)


@ALL
def test_exact_ties_stay_ties(name):
    distances, share, reference = world()
    combined = fit(name, distances, share, reference).combine(distances, features_of(reference))
    assert combined[5, 0] == combined[5, 1]
    assert (margins(combined) != 0).sum() >= 200


@ALL
def test_where_nobody_is_ever_right_everybody_who_is_equal_shares_equally(name):
    _, share, reference = world()
    wrong = np.stack([np.where(share >= 0.5, 1.0, 0.0), np.where(share >= 0.5, 0.0, 1.0)], axis=1)
    fitted = fit(name, np.stack([wrong] * 3), np.round(share), reference)
    weights = fitted.weights_at(features_of(reference))
    if name == "best-single":  # the first of equals, by its definition
        assert fitted.weights == (1, 0, 0)
        return
    if name in ("map-thres", "map-max"):  # likewise, where the window holds a reference
        assert {tuple(row) for row in weights.tolist()} == {(1, 0, 0)}
        return
    assert np.abs(weights) == pytest.approx(np.full(weights.shape, 1 / 3))


@ALL
def test_a_cross_fit_never_sees_the_answers_of_its_own_references(name):
    distances, share, reference = world()
    features = features_of(reference)
    before = cross_fit(name, distances, share, reference, features=features, folds=3, seed=4)
    fold = folds_by_reference(reference, 3, 4)
    lied = np.where(fold == 0, 1 - share, share)
    after = cross_fit(name, distances, lied, reference, features=features, folds=3, seed=4)
    assert np.array_equal(after[fold == 0], before[fold == 0])


def test_a_confidence_never_sees_the_answers_of_its_own_references():
    distances, share, reference = world()
    combined = cross_fit("stacking", distances, share, reference, folds=3, seed=4)
    before = cross_confidence(combined, share, reference, folds=3, seed=4)
    fold = folds_by_reference(reference, 3, 4)
    lied = np.where(fold == 0, 1 - share, share)
    after = cross_confidence(combined, lied, reference, folds=3, seed=4)
    assert np.array_equal(after[fold == 0], before[fold == 0])
    assert not np.allclose(after[fold == 1], before[fold == 1])
    slope = fit_slope(combined[fold != 1], share[fold != 1])
    expected = 1 / (1 + np.exp(-slope * margins(combined[fold == 1])))
    assert before[fold == 1] == pytest.approx(expected)


@pytest.mark.parametrize("name", ["stacking", "uniform", "knn"])
def test_the_slope_is_that_of_answers_that_the_fits_have_not_seen(name):
    distances, share, reference = world()
    features = features_of(reference)
    fitted = fit(name, distances, share, reference, folds=3, seed=4)
    combined = cross_fit(name, distances, share, reference, features=features, folds=3, seed=4)
    assert fitted.slope == fit_slope(combined, share)
    assert fit(name, distances, share, reference).slope is None
    one = np.zeros_like(reference)  # nobody else to learn from
    alone = strategy(name).fit(distances, share, reference=one, features=features_of(one))
    whole = alone.combine(distances, features_of(one))
    assert alone.slope == fit_slope(whole, share)


def test_an_overfitted_stack_is_less_sure_than_its_own_answers_make_it():
    rng = np.random.default_rng(0)
    distances, share = rng.normal(size=(20, 60, 2)), rng.integers(0, 2, 60).astype(float)
    fitted = strategy("stacking").fit(distances, share, reference=np.arange(60) // 2)
    seen = fit_slope(fitted.combine(distances), share)
    assert fitted.slope is not None
    assert fitted.slope < seen / 4


@pytest.mark.parametrize("name", [n for n, s in STRATEGIES.items() if s.needs_features])
def test_competence_evidence_and_weights_of_any_new_reference_inside_and_outside(name):
    distances, share, reference = world(n=900)
    fitted = fit(name, distances, share, reference)
    rng = np.random.default_rng(5)
    known = features_of(np.unique(reference))
    between = 0.7 * known[:10] + 0.3 * known[10:20]
    outside = 1000 * rng.normal(size=(10, 12)).astype(np.float32)
    new = np.concatenate([known[:10], between, outside])
    weights = fitted.weights_at(new)
    assert weights.shape == (30, 4)
    assert np.abs(weights).sum(axis=1) == pytest.approx(np.ones(30))
    evidence = fitted.evidence
    assert evidence is not None
    assert (len(evidence.reference), int(evidence.triples.sum())) == (30, 900)
    estimate = fitted.estimate_at(new)
    if name == "gated":  # it weighs without estimating how often a member is right
        assert estimate is None
        return
    assert estimate is not None
    nothing = estimate.references == 0
    assert estimate.competence.shape == (30, 4)
    assert np.array_equal(np.isnan(estimate.competence), np.tile(nothing[:, None], (1, 4)))
    assert ((estimate.competence >= 0) & (estimate.competence <= 1))[~nothing].all()
    assert np.array_equal(nothing, estimate.triples == 0)
    assert (estimate.references <= 30).all()
    assert (estimate.triples >= estimate.references).all()
    assert weights[nothing] == pytest.approx(np.full((nothing.sum(), 4), 0.25))
    assert not nothing[:10].any()  # references that it has seen
    assert name.startswith("map") or not nothing.any()


@pytest.mark.parametrize("name", [n for n in STRATEGIES if n not in ("vote", "uniform")])
def test_a_cross_fit_does_see_the_answers_of_other_references(name):
    distances, share, reference = world()
    fold = folds_by_reference(reference, 3, 4)
    # One reference far away: on the map all others then share their windows.
    far = reference == reference[fold == 2][0]
    features = features_of(reference) + 1000 * far[:, None]
    before = cross_fit(name, distances, share, reference, features=features, folds=3, seed=4)
    changed = np.where((fold == 1)[:, None], distances[:, :, ::-1], distances)
    changed[0] = distances[0]
    after = cross_fit(name, changed, share, reference, features=features, folds=3, seed=4)
    same = np.allclose(after[fold == 0], before[fold == 0])
    # Spreads do not depend on answers, and the best member stays the best.
    assert same == (name in ("best-single", "uniform-standardised"))


@ALL
def test_json_keeps_every_number(name):
    distances, share, reference = world()
    features = features_of(reference)
    fitted = fit(name, distances, share, reference, projector="a backbone")
    again = Fitted.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == fitted
    assert np.array_equal(again.combine(distances, features), fitted.combine(distances, features))
    assert again.needs_features == strategy(name).needs_features
    assert again.projector == ("a backbone" if again.needs_features else "")


@ALL
def test_a_summary_is_short_and_tells_different_fits_apart(name):
    distances, share, reference = world()
    one = fit(name, distances, share, reference)
    other = fit(name, distances, 1 - share, reference)
    assert len(json.dumps(one.summary())) < 600
    if one.needs_features:
        assert one.summary()["weighting"] != other.summary()["weighting"]
        with pytest.raises(BadInput, match="read its folder"):
            Fitted.from_dict(one.summary())
    else:
        assert Fitted.from_dict(one.summary()) == one


@ALL
def test_without_answers_only_the_strategies_that_need_none_are_fitted(name):
    distances, share, reference = world()
    if strategy(name).needs_labels:
        with pytest.raises(BadInput, match="validation"):
            fit(name, distances[:, :0], share[:0], reference[:0])
        return
    fitted = strategy(name).fit(distances[:, :0], share[:0])
    combined = fitted.combine(distances)
    assert fitted.confidence(combined) is None
    assert np.array_equal(combined, strategy(name).fit(distances, share).combine(distances))


@pytest.mark.parametrize("name", [n for n, row in STRATEGIES.items() if row.needs_features])
def test_weights_that_depend_on_the_reference_ask_for_its_features(name):
    distances, share, reference = world()
    with pytest.raises(BadInput, match="features"):
        strategy(name).fit(distances, share, reference=reference)
    with pytest.raises(BadInput, match="reference of each"):
        strategy(name).fit(distances, share, features=features_of(reference))
    fitted = fit(name, distances, share, reference)
    with pytest.raises(BadInput, match="got none"):
        fitted.combine(distances)
    with pytest.raises(BadInput, match="got 3"):
        fitted.combine(distances, features_of(reference)[:3])
    with pytest.raises(BadInput, match="12 dimensions"):
        fitted.combine(distances, np.ones((300, 5)))
    if name != "gated":
        estimate = fitted.estimate_at(features_of(reference)[:6])
        assert estimate is not None
        assert estimate.competence.shape == (6, 4)
        assert (estimate.triples >= estimate.references).all()


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
    with pytest.raises(BadInput, match="expected weights"):
        Fitted("uniform", (0.5, 0.5), (1.0, 1.0)).weigh(np.ones((2, 3, 2)), np.ones((2, 2)))
    with pytest.raises(BadInput, match="not a fitted"):
        Fitted.from_dict({"strategy": "uniform"})
