"""Cells of triples: numbers by a naive loop, small cells hidden, labels by hand."""

import numpy as np
import pytest

from cssim.errors import BadInput
from cssim.evaluation.accuracy import by_reference
from cssim.evaluation.breakdown import (
    FEW,
    agreement_steps,
    breakdown,
    class_gaps,
    nearest_cluster,
    quantile_steps,
)
from cssim.evaluation.statistics import cluster_error, wilson


def world(n: int = 600, seed: int = 0):
    rng = np.random.default_rng(seed)
    credits = rng.integers(0, 2, (2, n)).astype(float)
    credits[1, ::7] = np.nan
    return credits, rng.integers(0, 60, n), rng.choice(["city", "ocean", ""], n)


def test_accuracies_of_cells_by_a_naive_loop():
    credits, reference, labels = world()
    cells = breakdown(credits, reference, labels)
    assert [c.label for c in cells] == ["city", "ocean"]
    for cell in cells:
        rows = [i for i in range(600) if labels[i] == cell.label]
        assert cell.triples == len(rows)
        assert cell.references == len({reference[i] for i in rows})
        assert not cell.hidden
        for m in range(2):
            own = [credits[m, i] for i in rows if not np.isnan(credits[m, i])]
            accuracy, low, high = cell.accuracy[m], cell.low[m], cell.high[m]
            assert accuracy is not None
            assert low is not None
            assert high is not None
            assert accuracy == pytest.approx(sum(own) / len(own))
            plain = wilson(accuracy, len(own))
            assert low <= plain[0] + 1e-12 < accuracy < plain[1] <= high + 1e-12


def test_triples_that_hang_together_widen_the_interval():
    reference = np.repeat(np.arange(20), 30)
    credits = (np.arange(20) % 2)[reference][None].astype(float)
    (cell,) = breakdown(credits, reference, np.full(600, "all"))
    low, high = cell.low[0], cell.high[0]
    assert low is not None
    assert high is not None
    assert high - low > 3 * (wilson(0.5, 600)[1] - wilson(0.5, 600)[0])


def test_intervals_of_soft_credits_are_as_wide_as_their_error_says():
    """Shares of four voters vary half as much as right and wrong: not so the intervals' width."""
    rng = np.random.default_rng(3)
    reference = np.repeat(np.arange(80), 20)
    luck = rng.normal(0, 0.1, 80)[reference]
    credits = (rng.binomial(4, np.clip(0.72 + luck, 0, 1)) / 4)[None]
    (cell,) = breakdown(credits, reference, np.full(1600, "all"))
    table = by_reference(credits, reference)
    error = float(cluster_error(table.sums, table.counts)[0])
    low, high = cell.low[0], cell.high[0]
    assert low is not None
    assert high is not None
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.02)


def test_cells_of_few_references_show_no_number():
    credits, reference, _ = world()
    labels = np.where(reference < FEW - 1, "few", "many")
    few, many = breakdown(credits, reference, labels, order=["few", "nothing", "many"])
    assert few.hidden
    assert few.accuracy == few.low == few.high == (None, None)
    assert few.triples > 0
    assert not many.hidden
    nobody = breakdown(np.full((1, 600), np.nan), reference, labels)[1]
    assert nobody.accuracy == (None,)


def test_labels_by_hand():
    gaps = class_gaps(np.array([1.0, 2.5, 3, np.nan]), np.array([5.0, 3, 3, 1]))
    assert gaps.tolist() == ["4", "1", "0", ""]
    steps = agreement_steps(np.array([0.5, 0.25, 1.0, 0.95, 0.7]))
    assert steps.tolist() == ["50-60 %", "70-80 %", "90-100 %", "90-100 %", "70-80 %"]
    values = np.array([0.1, 0.2, 0.3, 0.4, np.nan])
    assert quantile_steps(values, 2, " d").tolist() == [
        "1: 0.1 to 0.2 d",
        "1: 0.1 to 0.2 d",
        "2: 0.3 to 0.4 d",
        "2: 0.3 to 0.4 d",
        "",
    ]
    assert set(quantile_steps(np.ones(5), 4).tolist()) == {"1: 1 to 1"}
    assert quantile_steps(np.full(2, np.nan), 4).tolist() == ["", ""]


def test_quantile_steps_hold_about_equally_many():
    labels = quantile_steps(np.random.default_rng(0).random(1000), 12)
    names, counts = np.unique(labels, return_counts=True)
    assert len(names) == 12
    assert counts.max() - counts.min() <= 2
    assert names[0].startswith("01:")


def test_the_nearest_cluster_by_cosine():
    distance, which = nearest_cluster(np.array([[2.0, 0], [1, 1]]), np.array([[0.0, 3], [1, 0]]))
    assert which.tolist() == [1, 0]
    assert distance == pytest.approx([0, 1 - np.sqrt(0.5)])


def test_nonsense_is_refused():
    credits, reference, labels = world()
    with pytest.raises(BadInput, match="n references"):
        breakdown(credits, reference[1:], labels)
    with pytest.raises(BadInput, match="ocean"):
        breakdown(credits, reference, labels, order=["city"])
    with pytest.raises(BadInput, match="1 or more"):
        quantile_steps(np.ones(2), 0)
    with pytest.raises(BadInput, match="clusters"):
        nearest_cluster(np.ones((2, 3)), np.ones((0, 3)))


def test_steps_are_numbered_from_one_where_all_values_are_equal():
    assert quantile_steps(np.full(4, 0.25), 5).tolist() == ["1: 0.25 to 0.25"] * 4
