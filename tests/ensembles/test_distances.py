"""Distances against a naive loop, and the exactness of ties."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from cssim.ensembles import distances
from cssim.errors import BadInput


def random_rows(n: int, images: int, seed: int = 1) -> tuple[NDArray[np.int64], ...]:
    rng = np.random.default_rng(seed)
    return tuple(rng.integers(0, images, n) for _ in range(3))


def naive(embedding: NDArray[np.float64], i: int, j: int) -> float:
    x, y = embedding[i].tolist(), embedding[j].tolist()
    dot = math.fsum(p * q for p, q in zip(x, y, strict=True))
    return 1 - dot / math.sqrt(math.fsum(p * p for p in x) * math.fsum(q * q for q in y))


def test_all_models_equal_a_naive_loop_over_triples():
    rng = np.random.default_rng(0)
    models = [rng.normal(size=(40, dim)) for dim in (3, 17, 300)]
    reference, a, b = random_rows(200, 40)
    found = distances.triple_distances(models, reference, a, b)
    assert found.shape == (3, 200, 2)
    for m, model in enumerate(models):
        for t in range(200):
            assert found[m, t, 0] == pytest.approx(naive(model, reference[t], a[t]), abs=1e-12)
            assert found[m, t, 1] == pytest.approx(naive(model, reference[t], b[t]), abs=1e-12)


def test_rows_too_many_to_be_widened_at_once_give_the_same_bits(monkeypatch):
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(300, 33)).astype(np.float16)
    triples = rng.integers(0, 300, (3, 500))
    at_once = distances.model_distances(rows, *triples, made_by="")
    monkeypatch.setattr("cssim.ensembles.distances._WIDE_BYTES", 0)
    assert np.array_equal(distances.model_distances(rows, *triples, made_by=""), at_once)


def test_three_right_angles_by_hand():
    corners = np.array([[1.0, 0.0], [0.0, 2.0], [-3.0, 0.0], [1.0, 1.0]])
    found = distances.model_distances(corners, [0, 0], [1, 0], [2, 3], made_by="")
    assert found == pytest.approx(np.array([[1.0, 2.0], [0.0, 1 - math.sqrt(0.5)]]))


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_embeddings_are_summed_in_double_precision(dtype):
    narrow = np.random.default_rng(3).normal(size=(30, 768)).astype(dtype)
    reference, a, b = random_rows(100, 30)
    wide = distances.model_distances(narrow.astype(np.float64), reference, a, b, made_by="")
    assert np.array_equal(distances.model_distances(narrow, reference, a, b, made_by=""), wide)


@pytest.mark.parametrize("dim", [1, 7, 33, 257, 768])
def test_equal_pictures_tie_exactly_wherever_their_rows_stand(dim):
    rng = np.random.default_rng(dim)
    embedding = rng.normal(size=(2000, dim))
    embedding[1::2] = embedding[0::2]
    even = np.arange(0, 2000, 2)
    found = distances.model_distances(
        embedding, rng.permutation(2000)[:1000], even, even + 1, made_by=""
    )
    assert np.array_equal(found[:, 0], found[:, 1])


def test_a_row_of_zeros_is_at_distance_one():
    embedding = np.array([[0.0, 0.0], [1.0, 2.0]])
    assert distances.pair_distances(embedding, [0, 0], [1, 0]).tolist() == [1.0, 1.0]


def test_no_triples_give_no_distances():
    assert distances.triple_distances([np.ones((2, 3))], [], [], []).shape == (1, 0, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"reference": [9]}, "0..3"),
        ({"a": [-1]}, "0..3"),
        ({"b": [1, 2]}, "differ"),
        ({"reference": [[0]]}, "shape"),
    ],
)
def test_bad_rows_are_refused(change, message):
    rows = {"reference": [0], "a": [1], "b": [2], **change}
    with pytest.raises(BadInput, match=message):
        distances.triple_distances([np.ones((4, 2))], **rows)


def test_models_of_other_images_and_values_that_are_not_finite_are_refused():
    with pytest.raises(BadInput, match="same images"):
        distances.triple_distances([np.ones((4, 2)), np.ones((5, 2))], [0], [1], [2])
    with pytest.raises(BadInput, match="row 1"):
        distances.pair_distances(np.array([[1.0], [np.nan]]), [0], [1])
    with pytest.raises(BadInput, match="shape"):
        distances.pair_distances(np.ones(3), [0], [1])
    with pytest.raises(BadInput, match="as many"):
        distances.pair_distances(np.ones((3, 2)), [0], [1, 2])


def test_rows_are_found_by_image_id_in_any_order():
    assert distances.rows_of([30, 10, 20], [10, 30, 30, 20]).tolist() == [1, 0, 0, 2]
    with pytest.raises(BadInput, match="id 40"):
        distances.rows_of([30, 10, 20], [10, 40])
    with pytest.raises(BadInput, match="several"):
        distances.rows_of([1, 1], [1])


def test_spread_is_the_root_mean_square_margin_and_blind_to_names():
    d = np.array([[[0.0, 3.0], [4.0, 0.0]], [[1.0, 1.0], [2.0, 2.0]]])
    assert distances.spreads(d) == pytest.approx([math.sqrt((9 + 16) / 2), 1.0])
    assert np.array_equal(distances.spreads(d), distances.spreads(d[:, :, ::-1]))
    with pytest.raises(BadInput, match="none"):
        distances.spreads(d[:, :0])


def test_standardised_distances_have_spread_one_and_keep_ties():
    d = np.random.default_rng(5).random((3, 50, 2)) * np.array([1, 10, 100])[:, None, None]
    d[:, 7, 1] = d[:, 7, 0]
    scaled = distances.standardise(d, distances.spreads(d))
    assert distances.spreads(scaled) == pytest.approx(np.ones(3))
    assert np.array_equal(distances.margins(scaled)[:, 7], np.zeros(3))
