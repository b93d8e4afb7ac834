"""What is said of selected references, against plain loops over the triples."""

from __future__ import annotations

import numpy as np
import pytest

from cssim.evaluation.statistics import wilson
from cssim.services import selecting
from tests.inspections import made_up
from tests.typed import present


def test_accuracy_of_every_row_is_the_mean_over_the_selected_triples() -> None:
    inspection = made_up()
    places = np.array([1, 4, 7])
    inside = np.isin(inspection.triples.reference, inspection.reference[places])
    for i, found in enumerate(selecting.accuracies(inspection, places)):
        credits = [
            share if a < b else 1 - share
            for (a, b), share in zip(
                inspection.distances[i, inside].tolist(),
                inspection.triples.share_a[inside].tolist(),
                strict=True,
            )
        ]
        assert found.name == inspection.info.names[i]
        assert found.accuracy == pytest.approx(np.mean(credits))
        assert found.low < found.accuracy < found.high
        assert found.overall == pytest.approx(inspection.credit[i].mean())


def test_small_selections_get_wilson_and_larger_ones_a_bootstrap_by_reference() -> None:
    inspection = made_up(references=40)
    (few,) = {one.method for one in selecting.accuracies(inspection, np.arange(9))}
    (many,) = {one.method for one in selecting.accuracies(inspection, np.arange(10))}
    assert (few, many) == ("Wilson", "bootstrap")
    one = selecting.accuracies(inspection, np.array([3]))[0]
    # One reference: no design effect can be known, so its triples count as they are.
    assert (one.low, one.high) == pytest.approx(wilson(one.accuracy, 6))
    whole = selecting.accuracies(inspection, np.arange(40))[0]
    rng, sums, counts = np.random.default_rng(9), inspection.sums[0], inspection.counts
    slow = []
    for _ in range(2000):
        drawn = rng.integers(0, 40, 40)
        slow.append(sums[drawn].sum() / counts[drawn].sum())
    assert (whole.low, whole.high) == pytest.approx(np.quantile(slow, [0.025, 0.975]), abs=0.015)


def test_very_large_selections_get_the_closed_form_of_the_same_interval(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    inspection = made_up(references=300)
    drawn = selecting.accuracies(inspection, np.arange(300))[1]
    monkeypatch.setattr(selecting, "LARGE", 100)
    closed = selecting.accuracies(inspection, np.arange(300))[1]
    assert closed.method == "cluster-robust"
    assert (closed.low, closed.high) == pytest.approx((drawn.low, drawn.high), abs=0.005)


def test_two_selections_are_compared_row_by_row() -> None:
    inspection = made_up(references=30)
    first, second = np.arange(10), np.arange(10, 30)
    one = selecting.differences(inspection, first, second)[2]
    assert one.first == pytest.approx(selecting.accuracies(inspection, first)[2].accuracy)
    assert one.second == pytest.approx(selecting.accuracies(inspection, second)[2].accuracy)
    assert one.difference == pytest.approx(one.second - one.first)
    assert present(one.low) < one.difference < present(one.high)
    same = selecting.differences(inspection, first, first)[0]
    assert (same.difference, same.low, same.high) == (0, 0, 0)  # drawn together, not apart
    (alone,) = {x.low for x in selecting.differences(inspection, first[:1], second)}
    assert alone is None
    assert selecting.differences(inspection, first, first[:0]) == []


def test_mistakes_come_first_and_the_surest_of_them_on_top() -> None:
    inspection = made_up()
    places = np.array([0, 3, 5])
    total = selecting.triple_count(inspection, places)
    found, count = selecting.triples_of(inspection, places, 1, limit=total)
    assert count == total == 18
    keys = [(one.credits[1], -abs(one.margins[1])) for one in found]
    assert keys == sorted(keys)
    wrong = [one for one in found if one.credits[1] < 0.5]
    assert len(wrong) == selecting.count_mistakes(inspection, places, 1)
    assert wrong == found[: len(wrong)]
    assert {one.reference for one in found} == {100, 103, 105}


def test_a_triple_says_what_people_and_each_row_said() -> None:
    inspection = made_up()
    found, _ = selecting.triples_of(inspection, np.array([2]), 0, mistakes=False)
    assert [one.place for one in found] == list(range(12, 18))
    for one in found:
        assert (one.a, one.b, one.reference) == (1000 + one.place, 3000 + one.place, 102)
        assert one.votes_a == inspection.triples.votes_a[one.place]
        assert one.class_b is None
        for row, (answer, margin) in enumerate(zip(one.answers, one.margins, strict=True)):
            to_a, to_b = inspection.distances[row, one.place]
            assert margin == pytest.approx(to_b - to_a)
            assert answer == ("A" if to_a < to_b else "B")


def test_pages_of_the_list_do_not_overlap() -> None:
    inspection = made_up()
    places = np.arange(4)
    parts = [selecting.triples_of(inspection, places, 0, offset=k, limit=7)[0] for k in (0, 7, 14)]
    seen = [one.place for part in parts for one in part]
    assert len(seen) == len(set(seen)) == 21


@pytest.mark.parametrize("order", selecting.ORDERS)
def test_a_gallery_is_sorted_and_keeps_every_reference(order: str) -> None:
    inspection = made_up()
    places = np.array([1, 2, 6, 9])
    names = [f"{(7 * i) % 12:02}.jpg" for i in range(12)]
    found = selecting.sorted_places(inspection, places, 2, order, names).tolist()
    assert sorted(found) == places.tolist()
    accuracy = inspection.accuracy[2]
    keys = {
        "worst first": lambda place: accuracy[place],
        "best first": lambda place: -accuracy[place],
        "most triples": lambda place: -inspection.counts[place],
        "name": lambda place: names[place],
    }
    values = [keys[order](place) for place in found]
    assert values == sorted(values)


def test_nothing_selected_says_nothing() -> None:
    assert selecting.accuracies(made_up(), np.zeros(0, dtype=np.int64)) == []
