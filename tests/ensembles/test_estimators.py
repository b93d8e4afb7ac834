"""Competence by map, network, neighbours and Gaussian process, each against a second witness."""

import math
import warnings

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel
from sklearn.neural_network import MLPRegressor

from cssim.ensembles.gaussian import GaussianWeights, fit_gaussian
from cssim.ensembles.maps import MapWeights
from cssim.ensembles.neighbours import PRIORS, NeighbourWeights, fit_neighbours
from cssim.ensembles.projection import fit_projection
from cssim.ensembles.regressors import fit_mlp
from cssim.ensembles.weighting import Evidence, by_log_odds, collect, in_proportion, shares
from cssim.errors import BadInput


def evidence(references: int = 60, members: int = 3, seed: int = 0, slope: float = 0.0):
    """Binomial answers; with a slope, the first member is the better the larger feature 0 is."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(references, 5)).astype(np.float32)
    triples = rng.integers(2, 30, references)
    chance = np.full((members, references), 0.7)
    chance[0] = np.clip(0.7 + slope * features[:, 0] / np.linalg.norm(features, axis=1), 0.05, 0.95)
    credit = rng.binomial(triples, chance).astype(np.float64)
    return Evidence(np.arange(references) * 3, features, credit, triples.astype(np.int64))


def test_evidence_is_the_credit_of_each_reference_by_hand():
    distances = np.array([[[0.1, 0.2], [0.3, 0.1], [0.5, 0.5]], [[0.2, 0.1], [0.1, 0.3], [0, 1]]])
    features = np.array([[1.0, 0], [0, 1], [1, 0]])
    found = collect(distances, np.array([0.75, 1.0, 0.0]), np.array([9, 4, 9]), features)
    assert found.reference.tolist() == [4, 9]
    assert found.triples.tolist() == [1, 2]
    assert found.credit.tolist() == [[0, 0.75 + 0.5], [1, 0.25 + 0]]
    assert found.accuracy.tolist() == [[0, 0.625], [1, 0.125]]
    assert found.overall == pytest.approx([1.25 / 3, 1.25 / 3])
    ids, distance = found.nearest(np.array([[2.0, 0], [0, 3]]), top=1)
    assert ids.tolist() == [[9], [4]]
    assert distance == pytest.approx(np.zeros((2, 1)))
    with pytest.raises(BadInput, match="got 2"):
        collect(distances, np.ones(3), np.arange(3), features[:2])


def test_weights_of_competence_by_hand():
    assert in_proportion(np.array([[0.5, 1.0, -3.0]])) == pytest.approx(
        np.array([[1 / 3, 2 / 3, 0]])
    )
    odds = [math.log(0.8 / 0.2), math.log(0.6 / 0.4), 0]
    found = by_log_odds(np.array([[0.8, 0.6, 0.3], [0.5, 0.2, 0.5]]))
    assert found[0] == pytest.approx(np.array(odds) / sum(odds))
    assert found[1] == pytest.approx([1 / 3] * 3)
    assert shares(np.array([[3.0, -1.0]])).tolist() == [[0.75, -0.25]]


def test_a_map_reads_weights_and_evidence_off_the_cell():
    known = evidence()
    plane = fit_projection(known.features, 2)
    weights = MapWeights(known, plane, "avg", grid=12, window=3)
    new = np.random.default_rng(5).normal(size=(40, 5)) * 2
    points, edges = plane(known.features), weights.map.edges
    cells = [
        tuple(min(11, max(0, int(np.sum(edges[k] <= p[k])) - 1)) for k in (0, 1))
        for p in (*points, *plane(new))
    ]
    found, estimate = weights.weights(new), weights.estimate(new)
    for i, (x, y) in enumerate(cells[60:]):
        near = [g for g, (u, v) in enumerate(cells[:60]) if abs(u - x) <= 1 and abs(v - y) <= 1]
        assert estimate.references[i] == len(near)
        assert estimate.triples[i] == known.triples[near].sum()
        if not near:
            assert np.isnan(estimate.competence[i]).all()
            assert found[i] == pytest.approx([1 / 3] * 3)
            continue
        mean = known.accuracy[:, near].mean(axis=1)
        assert estimate.competence[i] == pytest.approx(mean)
        assert found[i] == pytest.approx(mean / mean.sum())
    assert weights.inside(known.features).sum() >= 56  # the extremes may fall to either side
    assert not weights.inside(100 * new).any()
    with pytest.raises(BadInput, match="2 dimensions"):
        MapWeights(known, fit_projection(known.features, 3))
    with pytest.raises(BadInput, match="'mean'"):
        MapWeights(known, plane, "mean")


def test_the_networks_predict_as_scikit_learns_do():
    known = evidence(slope=0.3)
    projection = fit_projection(known.features, 4)
    found = fit_mlp(known, projection, seed=7)
    new = np.random.default_rng(5).normal(size=(11, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [
            MLPRegressor(
                hidden_layer_sizes=16,
                activation="logistic",
                learning_rate_init=0.001,
                random_state=7,
            )
            .fit(projection(known.features), own)
            .predict(projection(new))
            for own in known.accuracy
        ]
    predicted = np.stack(theirs, axis=1)
    assert found.competence(new) == pytest.approx(predicted)
    assert found.weights(new) == pytest.approx(predicted / predicted.sum(axis=1, keepdims=True))
    assert found.estimate(new).references.tolist() == [60] * 11
    with pytest.raises(BadInput, match="at least 2"):
        fit_mlp(evidence(references=1), projection)


def test_neighbours_by_a_naive_loop():
    known = evidence()
    weights = NeighbourWeights(known, neighbours=7, prior=12.5)
    new = np.random.default_rng(5).normal(size=(10, 5))
    estimate = weights.estimate(new)
    for i, x in enumerate(new):
        cosine = [float(x @ f / np.linalg.norm(x) / np.linalg.norm(f)) for f in known.features]
        near = sorted(range(60), key=lambda g: -cosine[g])[:7]
        n = sum(int(known.triples[g]) for g in near)
        for m in range(3):
            credit = sum(known.credit[m, g] for g in near)
            overall = known.credit[m].sum() / known.triples.sum()
            assert estimate.competence[i, m] == pytest.approx(
                (credit + 12.5 * overall) / (n + 12.5)
            )
        assert (estimate.references[i], estimate.triples[i]) == (7, n)
    assert weights.weights(new) == pytest.approx(by_log_odds(estimate.competence))
    assert NeighbourWeights(known, 999, 1.0).estimate(new).references.tolist() == [60] * 10


def test_neighbours_are_asked_only_where_they_know_something():
    assert fit_neighbours(evidence(references=200)).prior >= 100
    telling = fit_neighbours(evidence(references=200, slope=0.6))
    assert telling.prior < PRIORS[-1]
    looks = np.zeros((2, 5), dtype=np.float32)
    looks[:, 0] = 1, -1
    high, low = telling.estimate(looks).competence[:, 0]
    assert high > low + 0.2
    alone = fit_neighbours(evidence(references=1))
    assert alone.estimate(looks).competence[0] == pytest.approx(alone.known.overall)


def without(known: Evidence, left: int) -> Evidence:
    """The evidence as if one reference had never been asked about."""
    keep = np.arange(len(known.reference)) != left
    credit, triples = known.credit[:, keep], known.triples[keep]
    return Evidence(known.reference[keep], known.features[keep], credit, triples)


@pytest.mark.parametrize("seed", range(6))
def test_neighbours_and_prior_are_chosen_by_really_leaving_each_reference_out(seed):
    """By estimates that know nothing of the reference, neither as a neighbour nor in the prior."""
    known = evidence(references=12, seed=seed, slope=0.2)
    errors = {}
    for prior in reversed(PRIORS):
        for neighbours in (5, 10):
            error = 0.0
            for i, features in enumerate(known.features):
                blind = NeighbourWeights(without(known, i), neighbours, prior)
                gap = known.accuracy[:, i] - blind.estimate(features[None]).competence[0]
                error += known.triples[i] * float(gap @ gap)
            errors[neighbours, prior] = error
    found = fit_neighbours(known)
    assert errors[found.neighbours, found.prior] == pytest.approx(min(errors.values()))


def test_the_process_is_that_of_scikit_learn_with_the_same_noise():
    known = evidence(slope=0.3)
    weights = GaussianWeights(known, np.array([0.1, 0.2, 0.0]), np.array([0.5, 1.0, 1.0]))
    new = np.random.default_rng(5).normal(size=(10, 5)).astype(np.float32)
    found = weights.estimate(new)
    assert found.error is not None
    u, v = (x / np.linalg.norm(x, axis=1)[:, None] for x in (known.features, new))
    for m, (signal, length) in enumerate([(0.1, 0.5), (0.2, 1.0)]):
        p = known.overall[m]
        theirs = GaussianProcessRegressor(
            ConstantKernel(signal**2) * RBF(length),
            alpha=p * (1 - p) / known.triples,
            optimizer=None,
        ).fit(u, known.accuracy[m] - p)
        mean, error = theirs.predict(v, return_std=True)
        assert found.competence[:, m] == pytest.approx(np.clip(p + mean, 0, 1), abs=1e-6)
        assert found.error[:, m] == pytest.approx(error, abs=1e-6)
    assert found.competence[:, 2] == pytest.approx(np.full(10, known.overall[2]))
    assert found.error[:, 2] == pytest.approx(np.zeros(10))


def test_references_that_all_look_the_same_tell_nothing_and_break_nothing():
    known = evidence(references=20, slope=0.3)
    known.features[:] = known.features[0]
    found = fit_gaussian(known).estimate(known.features[:1])
    assert np.isfinite(found.competence).all()
    assert found.error is not None
    assert np.isfinite(found.error).all()


def test_the_process_finds_signal_where_there_is_one_and_is_least_sure_far_away():
    found = fit_gaussian(evidence(references=200, slope=0.6))
    assert found.signal[0] >= 0.1
    assert found.signal[1:].max() <= 0.05
    crowd = evidence(references=200, slope=0.6)
    crowd.features[:, 0] = np.abs(crowd.features[:, 0]) + 2
    process = fit_gaussian(crowd)
    near, far = np.eye(5)[:1], -np.eye(5)[:1]
    near_error, far_error = process.estimate(near).error, process.estimate(far).error
    assert near_error is not None
    assert far_error is not None
    if process.signal[0] > 0:
        assert far_error[0, 0] > near_error[0, 0]


@pytest.mark.parametrize(
    "make",
    [
        lambda k: NeighbourWeights(k, 0, 1.0),
        lambda k: NeighbourWeights(k, 1, 0.0),
        lambda k: GaussianWeights(k, -np.ones(3), np.ones(3)),
        lambda k: GaussianWeights(k, np.ones(3), np.zeros(3)),
    ],
)
def test_nonsense_is_refused(make):
    with pytest.raises(BadInput):
        make(evidence())
