"""The competence map against a worked example, a naive loop, and its own promises."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from cssim.ensembles.competence import RULES, CompetenceMap, competence_map
from cssim.errors import BadInput


@pytest.fixture
def golden(shared: Path) -> dict:
    found: dict = json.loads((shared / "golden" / "credibility.json").read_text())
    return found


def golden_map(golden: dict, faithful: bool) -> CompetenceMap:
    return competence_map(
        np.array(golden["points"]),
        np.array(golden["acc"]),
        grid=golden["grid"],
        window=golden["window"],
        faithful=faithful,
    )


@pytest.mark.parametrize("faithful", [False, True])
def test_the_worked_example(golden, faithful):
    found = golden_map(golden, faithful)
    assert found.bins(np.array(golden["points"])).tolist() == golden["bins"]
    assert found.bins(np.array(golden["query"])).tolist() == golden["query_bins"]
    expected = np.array(golden["window_acc"], dtype=float)
    assert found.accuracy == pytest.approx(expected, abs=1e-11, nan_ok=True)
    assert np.array_equal(found.count, golden["window_count"])


@pytest.mark.parametrize("rule", RULES)
def test_the_weights_of_the_worked_example(golden, rule):
    expected = np.array(golden["weights"][rule], dtype=float)
    found = golden_map(golden, faithful=True).weights(rule)
    assert found == pytest.approx(expected, abs=1e-11)


def world(references: int = 60, models: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    triples = rng.integers(1, 9, references)
    right = rng.binomial(triples, 0.75, (models, references))
    return rng.normal(size=(references, 2)), right, triples


def naive(points, right, triples, grid, window):
    """Fractions and four nested loops: (mean or None, count) of each cell."""
    low, high = points.min(axis=0), points.max(axis=0)
    edges = np.linspace(low, high, grid + 1)
    cells = [
        tuple(min(grid - 1, sum(1 for e in edges[1:-1, k] if e <= p[k])) for k in (0, 1))
        for p in points
    ]
    table = {}
    for i in range(grid):
        for j in range(grid):
            inside = [
                g
                for g, (x, y) in enumerate(cells)
                if i - window // 2 <= y < i - window // 2 + window
                and j - window // 2 <= x < j - window // 2 + window
            ]
            means = [
                sum(Fraction(int(row[g]), int(triples[g])) for g in inside) / len(inside)
                for row in right
            ] if inside else None  # fmt: skip
            table[i, j] = means, len(inside)
    return table


@pytest.mark.parametrize(("grid", "window"), [(7, 2), (12, 3), (20, 10), (5, 40)])
def test_the_map_equals_a_naive_loop_over_fractions(grid, window):
    points, right, triples = world()
    found = competence_map(points, right / triples, grid=grid, window=window)
    thres = found.weights("thres")
    for (i, j), (means, count) in naive(points, right, triples, grid, window).items():
        assert found.count[i, j] == count
        if means is None:
            assert np.isnan(found.accuracy[:, i, j]).all()
            assert thres[:, i, j] == pytest.approx([1 / 3] * 3)
            continue
        assert found.accuracy[:, i, j] == pytest.approx([float(m) for m in means])
        assert found.passes[:, i, j].tolist() == [m > Fraction(3, 4) for m in means]
        assert found.best[i, j] == means.index(max(means))
        kept = [m if m > Fraction(3, 4) else Fraction(0) for m in means]
        if not any(kept):
            kept[means.index(max(means))] = Fraction(1)
        assert thres[:, i, j] == pytest.approx([float(k / sum(kept)) for k in kept])


def test_exactly_three_quarters_do_not_pass_whatever_floats_would_say():
    thirds = np.array([[2 / 3, 5 / 6, 2 / 3, 5 / 6, 2 / 3, 5 / 6, 0.7, 0.8]])
    found = competence_map(np.zeros((8, 2)), thirds, grid=1, window=1)
    assert found.accuracy[0, 0, 0] == 0.75
    assert not found.passes.any()
    above = competence_map(np.zeros((8, 2)), thirds + np.eye(8)[0] / 1000, grid=1, window=1)
    assert above.passes.all()


def test_numbers_too_large_for_64_bits_are_counted_all_the_same():
    points, _, _ = world(references=40)
    triples = np.array([p for p in range(101, 400) if all(p % q for q in range(2, p))])[:40]
    right = np.random.default_rng(3).binomial(triples, 0.75, (2, 40))
    found = competence_map(points, right / triples, grid=4, window=4)
    for (i, j), (means, _) in naive(points, right, triples, 4, 4).items():
        if means is not None:
            assert found.accuracy[:, i, j] == pytest.approx([float(m) for m in means])
            assert found.passes[:, i, j].tolist() == [m > Fraction(3, 4) for m in means]


def test_faithful_sums_agree_with_exact_ones_but_for_the_threshold():
    points, right, triples = world(references=400, models=4)
    exact = competence_map(points, right / triples, grid=40)
    floats = competence_map(points, right / triples, grid=40, faithful=True)
    assert floats.accuracy == pytest.approx(exact.accuracy, nan_ok=True)
    differ = floats.passes != exact.passes
    assert exact.accuracy[differ] == pytest.approx(np.full(differ.sum(), 0.75))


@pytest.mark.parametrize("rule", RULES)
def test_weights_are_shares_and_permute_with_the_models(rule):
    points, right, triples = world()
    accuracy = right / triples + np.array([[0.0], [1e-3], [2e-3]]) * (right < triples)
    weights = competence_map(points, accuracy, grid=12).weights(rule)
    assert (weights >= 0).all()
    assert weights.sum(axis=0) == pytest.approx(np.ones((12, 12)))
    turned = competence_map(points, accuracy[::-1], grid=12).weights(rule)
    assert turned == pytest.approx(weights[::-1])


@pytest.mark.parametrize("rule", RULES)
def test_one_model_gets_all_and_nobody_competent_gives_everybody(rule):
    points, right, triples = world(models=1)
    assert (competence_map(points, right / triples).weights(rule) == 1).all()
    if rule == "avg":
        nobody = competence_map(points, np.zeros((4, 60)), grid=3, window=9)
        assert (nobody.weights(rule) == 0.25).all()


def test_empty_windows_share_equally_but_for_max_in_the_release():
    points, accuracy = np.array([[0.0, 0.0], [9.0, 9.0]]), np.ones((4, 2))
    ours = competence_map(points, accuracy, grid=10, window=2).weights("max")
    theirs = competence_map(points, accuracy, grid=10, window=2, faithful=True).weights("max")
    assert ours[:, 5, 5].tolist() == [0.25] * 4
    assert theirs[:, 5, 5].tolist() == [0.25, 0, 0, 0]
    assert theirs[:, 0, 0].tolist() == ours[:, 0, 0].tolist() == [1, 0, 0, 0]


def test_weights_at_points_are_those_of_their_cells_row_being_the_second_dimension():
    points = np.array([[0.0, 0.0], [8.0, 0.0], [0.0, 8.0]])
    accuracy = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    found = competence_map(points, accuracy, grid=8, window=1)
    asked = np.array([[-3.0, -3.0], [99.0, 0.5], [0.5, 99.0], [4.0, 4.0]])
    assert found.weights_at(asked, "max").tolist()[:3] == np.eye(3).tolist()
    assert found.weights_at(asked, "thres")[3] == pytest.approx([1 / 3] * 3)
    assert found.count[0, 7] == found.count[7, 0] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"points": np.zeros((3, 3))}, "shape"),
        ({"points": np.full((2, 2), np.nan)}, "finite"),
        ({"points": np.zeros((0, 2))}, "at least one"),
        ({"accuracy": np.zeros((2, 5))}, "shape"),
        ({"accuracy": np.full((1, 2), np.nan)}, "cannot answer"),
        ({"grid": 0}, "1 or more"),
    ],
)
def test_nonsense_is_refused(change, message):
    call = {"points": np.zeros((2, 2)), "accuracy": np.ones((1, 2)), **change}
    with pytest.raises(BadInput, match=message):
        competence_map(**call)


def test_an_unknown_rule_is_refused():
    with pytest.raises(BadInput, match="thres"):
        competence_map(np.zeros((1, 2)), np.ones((1, 1)), grid=1).weights("mean")
