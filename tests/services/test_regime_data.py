"""Splits of references and parts of labels: nested, disjoint, and never empty."""

import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.services.regime_data import Cell, Sources, cells_of, default_sizes, splits_of
from cssim.services.regime_heads import Pairs, global_config
from cssim.triples import Triples


def triples(references: int, pages: int, *, first_page: int = 0) -> Triples:
    """Some pages of two triples for each reference."""
    rng = np.random.default_rng(0)
    reference = np.repeat(np.arange(references), 2 * pages)
    n = len(reference)
    a, b = 100 + rng.integers(0, 20, n), 120 + rng.integers(0, 20, n)
    unknown = np.full(n, np.nan)
    page = first_page + np.repeat(np.arange(references * pages), 2)
    return Triples(reference, a, b, np.ones(n), np.zeros(n), unknown, unknown, page)


def test_parts_of_the_labels_are_whole_pages_and_nested() -> None:
    pool = triples(12, 7)
    sources = Sources(pool, None, None)
    for split in splits_of(sources, [2, 4], splits=3, seed=1, validation=3):
        sizes: list[float] = []
        before: set[int] = set()
        for share in (0.1, 0.5, 1.0):
            part = split.training(Cell(4, share))
            assert set(np.unique(part.reference)) == set(split.train[4])  # never an empty cluster
            pages, count = np.unique(part.page, return_counts=True)
            assert set(count) == {2}
            assert before <= set(pages)
            before = set(pages)
            sizes.append(len(pages) / 4)
        assert sizes == [1, 4, 7]
        own = split.training(Cell(4, 0.5), split.train[2])
        assert set(own.page) < set(split.training(Cell(4, 0.5)).page)


def test_training_validation_and_held_out_references_are_disjoint() -> None:
    sources = Sources(triples(12, 2), None, None)
    seen = []
    for split in splits_of(sources, [2, 4], splits=4, seed=0, validation=3):
        parts = [set(split.train[4]), set(split.known.reference), set(split.new.reference)]
        assert [len(part) for part in parts] == [4, 3, 5]
        assert len(set.union(*parts)) == 12
        seen.append(tuple(sorted(parts[2])))
    assert len(set(seen)) == 4


def test_given_sets_are_used_as_they_are() -> None:
    pool, other = triples(4, 2), triples(3, 2, first_page=100)
    for split in splits_of(Sources(pool, other, other), [2, 4], splits=2, seed=0, validation=9):
        assert split.known is other
        assert split.new is other
        assert set(split.train[4]) == {0, 1, 2, 3}


def test_cells_are_all_sizes_whole_and_the_largest_in_parts() -> None:
    cells = cells_of([8, 2, 4], [0.5, 1.0])
    assert cells == [Cell(2), Cell(4), Cell(8, 0.5), Cell(8)]
    assert max(cells) == Cell(8, 1.0)


def test_default_sizes_leave_half_of_the_references() -> None:
    assert default_sizes(100, held=True) == [8, 16, 32]
    assert default_sizes(8, held=False) == [2, 4, 8]
    assert default_sizes(5, held=True) == [1, 2]
    with pytest.raises(BadInput, match="label more references"):
        default_sizes(3, held=True)


def test_each_pair_is_measured_once_and_given_back_to_its_triples() -> None:
    rows = triples(3, 6)
    images = rows.images
    pairs = Pairs(images, rows)
    vectors = np.random.default_rng(1).normal(size=(len(images), 5))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = pairs.distances(vectors)
    at = {int(image): row for row, image in enumerate(images)}
    for i, row in enumerate(rows.rows()):
        for k, x in enumerate((row.a, row.b)):
            naive = 1 - unit[at[row.reference]] @ unit[at[x]]
            assert found[i, k] == pytest.approx(naive, abs=1e-12)
    assert len(pairs.left) <= 2 * len(rows)


def test_batches_of_a_global_head_grow_with_its_pages() -> None:
    few, many = (global_config(triples(r, 20), {}, 3) for r in (2, 200))
    assert (few.batch_pages, many.batch_pages, many.seed) == (16, 128, 3)
    assert global_config(triples(2, 20), {"batch_pages": 5}, 0).batch_pages == 5
