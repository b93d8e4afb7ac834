"""The null of competence maps; the obvious way draws the whole map anew for each shuffle."""

import numpy as np
import pytest

from cssim.ensembles.competence import competence_map
from cssim.ensembles.regions import region_tests
from tests.inspections import made_up

ROWS = [(f"CS {i}", "cs") for i in range(8)]
REFERENCES, DRAWS = 2_000, 20
NULL = "null of 8 maps, 2,000 references, 20 shuffles"


@pytest.fixture(scope="module")
def inspection():
    return made_up(references=REFERENCES, per=9, rows=ROWS)


def by_whole_maps(inspection):
    rng = np.random.default_rng(0)
    points, values = inspection.pca, inspection.accuracy[:8]
    found = []
    for _ in range(DRAWS):
        dealt = values[:, rng.permutation(REFERENCES)]
        made = competence_map(points, dealt, grid=200, window=10)
        column, row = made.bins(points).T
        left = np.sum((dealt - made.accuracy[:, row, column]) ** 2, axis=1)
        found.append(1 - left / np.sum((dealt - dealt.mean(axis=1, keepdims=True)) ** 2, axis=1))
    return np.mean(found, axis=0)


@pytest.mark.benchmark(group=NULL)
def test_null_by_obvious(benchmark, inspection):
    benchmark.pedantic(by_whole_maps, args=(inspection,), rounds=2)


@pytest.mark.benchmark(group=NULL)
def test_null_by_sparse_means(benchmark, inspection):
    def ours():
        return region_tests(
            inspection.pca, inspection.accuracy[:8], grid=200, window=10, draws=DRAWS
        )

    found = benchmark.pedantic(ours, rounds=5, warmup_rounds=1)
    slow = by_whole_maps(inspection)
    assert [one.shuffled for one in found] == pytest.approx(slow, abs=1e-3)
