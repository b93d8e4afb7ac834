"""What maps explain: windows against the competence map, the null against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from cssim.ensembles import regions
from cssim.ensembles.competence import competence_map
from cssim.ensembles.regions import (
    Windows,
    explained,
    pairwise_agreement,
    prior_strength,
    region_test,
    region_tests,
    shrunk,
)
from cssim.ensembles.tsne import tsne
from cssim.errors import BadInput, Cancelled
from tests.typed import present

RNG = np.random.default_rng(5)
POINTS = RNG.normal(size=(120, 2))


@pytest.mark.parametrize(("grid", "window"), [(200, 10), (40, 7), (13, 1), (9, 30)])
def test_windows_are_those_of_the_competence_map(grid: int, window: int) -> None:
    accuracy = RNG.integers(0, 13, (3, 120)) / 12
    made = competence_map(POINTS, accuracy, grid=grid, window=window)
    column, row = made.bins(POINTS).T
    windows = Windows.of(POINTS, grid, window)
    np.testing.assert_array_equal(windows.count, made.count[row, column])
    np.testing.assert_allclose(windows.means_of(accuracy), made.accuracy[:, row, column])


def test_the_fast_means_are_the_slow_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    values = RNG.random((4, 120))
    fast = Windows.of(POINTS, 60, 8).means_of(values)
    monkeypatch.setattr(regions, "PAIRS", 0)
    np.testing.assert_allclose(Windows.of(POINTS, 60, 8).means_of(values), fast, atol=1e-12)


def test_what_a_map_explains_is_counted_by_hand() -> None:
    # Two cells, each with two references: their means are 1/4 and 3/4.
    points = np.array([[0.0, 0.0], [0.1, 0.1], [1.0, 1.0], [0.9, 0.9]])
    values = np.array([0.0, 0.5, 0.5, 1.0])
    windows = Windows.of(points, 2, 1)
    np.testing.assert_allclose(windows.means(values), [0.25, 0.25, 0.75, 0.75])
    # Around the mean 1/2: 1/4 + 0 + 0 + 1/4; around the map: four times 1/16.
    assert explained(windows, values) == pytest.approx(0.5)


def test_the_null_is_that_of_plain_shuffles() -> None:
    values = RNG.random(120)
    found = region_test(POINTS, values, grid=20, window=4, draws=40, seed=3)
    windows, again = Windows.of(POINTS, 20, 4), np.random.default_rng(3)
    orders = [again.permutation(120) for _ in range(40)]
    null = [present(explained(windows, values[order])) for order in orders]
    whole, shuffled = present(found.explained), present(found.shuffled)
    assert whole == pytest.approx(explained(windows, values))
    assert shuffled == pytest.approx(np.mean(null))
    assert found.p == (1 + sum(one >= whole for one in null)) / 41
    assert found.beyond == pytest.approx(whole - shuffled)


def test_regions_that_matter_are_found_and_noise_is_not() -> None:
    planted = 0.5 + 0.3 * np.sign(POINTS[:, 0]) + 0.1 * RNG.normal(size=120)
    found = region_test(POINTS, planted, grid=20, window=5)
    assert found.p == 1 / 200
    assert present(found.explained) > present(found.high) > present(found.shuffled)
    random = (np.random.default_rng(seed).random(120) for seed in range(40))
    tests = [region_test(POINTS, row, grid=20, window=5, draws=99) for row in random]
    noise = [present(test.p) for test in tests]
    # p is uniform under the null: 2 of 40 are expected below 0.05.
    assert sum(p <= 0.05 for p in noise) <= 6
    assert 0.35 < np.mean(noise) < 0.65


def test_several_rows_get_the_same_shuffles_as_one() -> None:
    values = RNG.random((3, 120))
    together = region_tests(POINTS, values, grid=30, window=6, draws=20)
    alone = [region_test(POINTS, row, grid=30, window=6, draws=20) for row in values]
    for one, other in zip(together, alone, strict=True):
        assert one.p == other.p
        assert one.explained == pytest.approx(other.explained)


def test_references_that_are_alike_leave_nothing_to_explain() -> None:
    found = region_test(POINTS, np.full(120, 0.7), grid=20, window=5)
    assert (found.explained, found.p, found.beyond) == (None, None, None)


@pytest.mark.parametrize(
    ("points", "values", "grid", "window"),
    [
        (np.zeros((0, 2)), np.zeros(0), 10, 3),
        (np.zeros((3, 3)), np.zeros(3), 10, 3),
        (np.zeros((3, 2)), np.zeros(2), 10, 3),
        (np.zeros((3, 2)), np.full(3, np.nan), 10, 3),
        (np.zeros((3, 2)), np.zeros(3), 0, 3),
        (np.zeros((3, 2)), np.zeros(3), 10, 0),
    ],
)
def test_nonsense_is_refused(
    points: np.ndarray, values: np.ndarray, grid: int, window: int
) -> None:
    with pytest.raises(BadInput):
        region_test(points, values, grid=grid, window=window)


def test_accuracies_are_drawn_towards_the_mean_where_triples_are_few() -> None:
    sums, counts = np.array([0.0, 12.0, 6.0, 3.0]), np.array([4.0, 12.0, 12.0, 4.0])
    k = prior_strength(sums, counts)
    mean = 21 / 32
    np.testing.assert_allclose(shrunk(sums, counts), (sums + k * mean) / (counts + k))
    # By hand: observed variance = true variance (1 - 1/n) + binomial / n.
    binomial, single = mean * (1 - mean), np.mean(1 / counts)
    between = (np.mean((sums / counts - mean) ** 2) - binomial * single) / (1 - single)
    assert k == pytest.approx(np.clip(binomial / between - 1, 0.5, 50))
    same = shrunk(np.full(5, 6.0), np.full(5, 12.0))
    np.testing.assert_allclose(same, 0.5)  # no spread between them: everybody at the mean


def test_the_shrinkage_recovers_a_known_spread() -> None:
    rng = np.random.default_rng(0)
    true = rng.beta(6, 3, 4000)  # worth 9 triples
    counts = np.full(4000, 12.0)
    sums = rng.binomial(12, true).astype(float)
    assert prior_strength(sums, counts) == pytest.approx(9, rel=0.15)
    error = np.mean((shrunk(sums, counts) - true) ** 2)
    assert error < 0.8 * np.mean((sums / counts - true) ** 2)


def test_agreement_is_that_of_all_pairs() -> None:
    says = np.sign(RNG.integers(-1, 2, (5, 30))).astype(float)
    which = np.repeat(np.arange(6), 5)
    slow = [
        np.mean([
            says[i, t] == says[j, t]
            for t in np.flatnonzero(which == g) for i in range(5) for j in range(i)
        ])
        for g in range(6)
    ]  # fmt: skip
    np.testing.assert_allclose(pairwise_agreement(says, which, 6), slow)
    with pytest.raises(BadInput):
        pairwise_agreement(says[:1], which, 6)


def test_tsne_keeps_groups_apart_reports_and_never_jumps() -> None:
    rng = np.random.default_rng(1)
    group = np.repeat([0, 1, 2], 12)
    features = rng.normal(size=(3, 20))[group] * 4 + rng.normal(size=(36, 20)) * 0.3
    steps: list[int] = []
    first = tsne(features, seed=4, progress=lambda done, total, message: steps.append(done))
    again = tsne(features, seed=4)
    np.testing.assert_array_equal(first, again)
    assert steps[-1] == 1000
    assert steps == sorted(steps)
    assert len(steps) >= 10
    gaps = np.linalg.norm(first[:, None] - first[None], axis=2)
    np.fill_diagonal(gaps, np.inf)
    assert (group[gaps.argmin(axis=1)] == group).all()


def test_tsne_stops_when_asked_and_refuses_too_few() -> None:
    with pytest.raises(Cancelled):
        tsne(RNG.normal(size=(30, 5)), cancelled=lambda: True)
    with pytest.raises(BadInput, match="needs 5"):
        tsne(RNG.normal(size=(4, 5)))
