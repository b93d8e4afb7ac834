"""Principal components against scikit-learn, and the paper's way of choosing what to fit on."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from cssim.ensembles.projection import fit_projection, paper_projection
from cssim.errors import BadInput


@pytest.fixture
def features():
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, 20)) @ rng.normal(size=(20, 20)) + 3


@pytest.mark.parametrize("dim", [1, 2, 8])
def test_the_same_components_as_scikit_learn(features, dim):
    found, other = fit_projection(features, dim), PCA(dim, svd_solver="full").fit(features)
    new = np.random.default_rng(1).normal(size=(9, 20))
    assert found(new) == pytest.approx(other.transform(new))
    assert found.scale**2 == pytest.approx(other.explained_variance_)
    assert found.scaled(features).std(axis=0, ddof=1) == pytest.approx(np.ones(dim))
    assert found.dim == dim


def test_directions_without_variance_are_zero():
    found = fit_projection(np.array([[0.0, 0, 0], [2, 0, 0]]), 3)
    assert found(np.array([[3.0, 5, 7]]))[0] == pytest.approx([2, 0, 0])
    assert found.components[1:].tolist() == [[0, 0, 0]] * 2
    assert found.scale[1:].tolist() == [1, 1]
    alone = fit_projection(np.ones((1, 4)), 2)
    assert alone(np.full((1, 4), 9.0)).tolist() == [[0, 0]]


def test_the_paper_fits_on_320_references_and_those_of_the_clusters():
    rng = np.random.default_rng(2)
    ids = rng.integers(0, 400, 900)
    features, clusters = rng.normal(size=(400, 6))[ids], rng.normal(size=(8, 6)) + 5
    found = paper_projection(features, ids, clusters)
    drawn = sorted(set(ids.tolist()))
    np.random.RandomState(2).shuffle(drawn)
    rows = np.stack([features[ids.tolist().index(i)] for i in drawn[:320]])
    other = PCA(2, svd_solver="full").fit(np.concatenate([rows, clusters]))
    assert found(features) == pytest.approx(other.transform(features))


def test_fewer_references_than_320_are_all_taken():
    rng = np.random.default_rng(3)
    features, clusters = rng.normal(size=(30, 6)), rng.normal(size=(8, 6))
    found = paper_projection(features, np.arange(30), clusters)
    expected = fit_projection(np.concatenate([features, clusters]), 2)
    assert found(features) == pytest.approx(expected(features))


def test_nonsense_is_refused(features):
    with pytest.raises(BadInput, match="dimension of 1"):
        fit_projection(features, 0)
    with pytest.raises(BadInput, match="shape"):
        fit_projection(features[0], 1)
    with pytest.raises(BadInput, match="finite"):
        fit_projection(np.full((2, 2), np.nan), 1)
    with pytest.raises(BadInput, match="20 dimensions"):
        fit_projection(features, 2)(features[:, :4])
    with pytest.raises(BadInput, match="as many ids"):
        paper_projection(features, np.arange(3), features)
