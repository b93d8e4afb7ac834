"""Figures of ensembles and of one reference: their data against what they are said to show."""

from __future__ import annotations

import numpy as np
import pytest

from cssim.plots.ensembles import pulls, score_plot, weights_map
from cssim.plots.reference import accuracy_here, place_on_map, weights_table

MEMBERS = ("one", "two", "three")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_each_member_has_a_panel_with_every_reference_at_its_place(
    rng: np.random.Generator,
) -> None:
    points, weights = rng.normal(size=(7, 2)), rng.random((7, 3))
    figure = weights_map(points, weights, MEMBERS, [f"r{i}" for i in range(7)], columns=2)
    assert len(figure.data) == 3
    for i, (trace, title) in enumerate(zip(figure.data, figure.layout.annotations, strict=True)):
        assert title.text == MEMBERS[i]
        assert np.allclose(np.stack([trace.x, trace.y], axis=1), points)
        assert np.allclose(trace.marker.color, weights[:, i])
        assert list(trace.customdata) == list(range(7))
    assert figure.layout.coloraxis.cmin == 0
    assert figure.layout.coloraxis.cmax == pytest.approx(weights.max())


def test_negative_weights_are_drawn_around_nothing(rng: np.random.Generator) -> None:
    weights = rng.normal(size=(7, 3))
    figure = weights_map(rng.normal(size=(7, 2)), weights, MEMBERS, ["r"] * 7)
    axis = figure.layout.coloraxis
    assert axis.cmin == -axis.cmax == pytest.approx(-np.abs(weights).max())


def test_the_field_lies_under_the_dots_in_the_middle_of_its_cells(
    rng: np.random.Generator,
) -> None:
    field, edges = rng.random((3, 4, 4)), np.array([[0, 1, 2, 3, 4], [0, 2, 4, 6, 8]], float)
    figure = weights_map(
        rng.random((5, 2)), rng.random((5, 3)), MEMBERS, ["r"] * 5, field=field, edges=edges
    )
    fields = [trace for trace in figure.data if trace.type == "heatmap"]
    for i, trace in enumerate(fields):
        assert np.array_equal(trace.z, field[i])
        assert list(trace.x) == [0.5, 1.5, 2.5, 3.5]
        assert list(trace.y) == [1, 3, 5, 7]
    kinds = [trace.type for trace in figure.data]
    assert kinds.index("heatmap") < kinds.index("scattergl")


def test_a_bar_points_to_the_candidate_that_its_member_favours() -> None:
    figure = pulls({"one": -0.3, "two": 0.1, "three": 0.0})
    (bars,) = figure.data
    assert list(bars.x) == [-0.3, 0.1, 0.0]
    assert "towards A" in bars.hovertext[0]
    assert "towards B" in bars.hovertext[1]
    assert "nobody" in bars.hovertext[2]
    low, high = figure.layout.xaxis.range
    assert low == -high
    assert high > 0.3


def test_scores_stand_at_their_accuracy_with_their_interval() -> None:
    figure = score_plot([("all", 0.7, 0.65, 0.74), ("one", 0.6, 0.5, 0.66)], first="all")
    (points,) = figure.data
    assert list(points.x) == pytest.approx([70, 60])
    assert list(points.error_x.array) == pytest.approx([4, 6])
    assert list(points.error_x.arrayminus) == pytest.approx([5, 10])
    assert figure.layout.shapes[0].x0 == pytest.approx(70)


def test_the_table_of_weights_says_each_of_them_in_words() -> None:
    weights = np.array([[0.5, -0.5, 0.0], [1.0, 0.0, 0.004]])
    (cells,) = weights_table(weights, ["a", "b"], MEMBERS).data
    assert np.array_equal(cells.z, weights)
    assert [list(row) for row in cells.text] == [["0.50", "−0.50", "·"], ["1.00", "·", "·"]]
    assert (cells.zmin, cells.zmax, cells.zmid) == (-1, 1, 0)
    assert weights_table(np.abs(weights), ["a", "b"], MEMBERS).data[0].zmin == 0


def test_the_star_is_the_reference_and_the_rings_its_nearest(rng: np.random.Generator) -> None:
    points, accuracy = rng.normal(size=(6, 2)), rng.random(6)
    figure = place_on_map(points, accuracy, ["r"] * 6, np.array([1.0, 2.0]), [4, 2])
    dots, rings, star = figure.data
    assert np.allclose(dots.marker.color, 100 * accuracy)
    assert np.allclose(np.stack([rings.x, rings.y], axis=1), points[[2, 4]])
    assert (star.x, star.y) == ((1.0,), (2.0,))


def test_accuracy_here_and_overall_stand_in_one_row() -> None:
    rows = [("a", "cs", 0.5, 0.2, 0.8, 0.7), ("b", "ensemble", 0.9, 0.6, 1.0, float("nan"))]
    figure = accuracy_here(rows)
    overall, *kinds = figure.data
    assert overall.x[0] == pytest.approx(70)
    assert np.isnan(overall.x[1])
    assert [trace.name for trace in kinds] == ["CS model", "Ensemble"]
    assert kinds[0].error_x.array[0] == pytest.approx(30)
    assert kinds[0].error_x.arrayminus[0] == pytest.approx(30)
    assert list(figure.layout.yaxis.categoryarray) == ["a", "b"]
