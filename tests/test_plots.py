"""Figures are compared as data: what is drawn, where, and in which style."""

from typing import Any

import pytest

from cssim import plots
from cssim.plots import style


def row(name: str, kind: str, accuracy: float | None, **values: Any) -> dict[str, Any]:
    blank = dict.fromkeys(("low", "high", "difference", "p_holm", "tied"))
    rest = {"reason": "", "triples": 10, "references": 5, **blank, **values}
    return {"name": name, "kind": kind, "accuracy": accuracy, **rest}


COMPARISON: dict[str, Any] = {
    "settings": {"anchor": "plain"},
    "rows": [
        row("plain", "frozen", 0.75, low=0.7, high=0.78, tied=False),
        row("other", "frozen", 0.6),
        row("sum", "ensemble", 0.8, low=0.77, high=0.85, tied=True, difference=0.05, p_holm=0.01),
        row("far", "frozen", None, reason="no weights"),
        row("Human ceiling", "ceiling", 0.86, low=0.84, high=0.88),
        row("Chance", "chance", 0.5),
    ],
}


def epoch(number: int, best: bool = False, **values: float | None) -> dict[str, Any]:
    usual = {"train_loss": 0.5, "loss": 0.6, "accuracy": 0.7, "ranking_accuracy": 0.65, "lr": 1e-4}
    usual |= {"images": 60 * number, "seconds": 1.5 * number}
    return {"number": number, "best": best, **usual, **values}


EPOCHS = [
    epoch(0, best=True, train_loss=None),
    epoch(1, best=True, accuracy=0.8),
    epoch(2, loss=0.7),
]


def test_the_forest_has_one_trace_per_kind_with_a_row():
    figure = plots.forest_plot(COMPARISON)
    assert [trace.name for trace in figure.data] == ["Frozen backbone", "Ensemble"]
    assert list(figure.data[0].y) == ["plain", "other"]
    assert list(figure.data[0].x) == [75.0, 60.0]
    assert list(figure.data[1].customdata) == ["sum"]


def test_whiskers_end_at_the_interval():
    bars = plots.forest_plot(COMPARISON).data[0].error_x
    assert bars.array[0] == pytest.approx(78 - 75)
    assert bars.arrayminus[0] == pytest.approx(75 - 70)
    assert (bars.array[1], bars.arrayminus[1]) == (0, 0)


def test_filled_markers_belong_to_the_tie_group():
    figure = plots.forest_plot(COMPARISON)
    assert list(figure.data[0].marker.symbol) == ["circle-open", "circle-open"]
    assert list(figure.data[1].marker.symbol) == ["circle"]


def test_lines_stand_at_anchor_ceiling_and_chance():
    figure = plots.forest_plot(COMPARISON)
    lines = {note.text: line.x0 for note, line in
             zip(figure.layout.annotations, figure.layout.shapes, strict=True)}  # fmt: skip
    assert lines == {"anchor": 75.0, "human ceiling": 86.0, "chance": 50.0}


def test_rows_keep_their_order_from_the_top_and_absent_ones_their_place():
    axis = plots.forest_plot(COMPARISON).layout.yaxis
    assert list(axis.categoryarray) == ["plain", "other", "sum", "far"]
    assert axis.ticktext[3] == "far (not available)"
    assert axis.range[0] > axis.range[1]


def test_hovering_tells_the_numbers():
    text = plots.forest_plot(COMPARISON).data[1].hovertext[0]
    for words in ("sum", "80.00 %", "77.00 to 85.00", "+5.00", "0.010", "10 triples"):
        assert words in text


def test_a_comparison_without_rows_is_an_empty_figure():
    figure = plots.forest_plot({"settings": {"anchor": None}, "rows": []})
    assert len(figure.data) == 0


def test_training_curves_draw_each_value_of_each_epoch():
    figure = plots.training_curves(EPOCHS)
    drawn = {trace.name: list(trace.y) for trace in figure.data}
    assert drawn == {
        "Loss, training": [None, 0.5, 0.5],
        "Loss, held out": [0.6, 0.6, 0.7],
        "Accuracy, ranking block": [65.0, 65.0, 65.0],
        "Accuracy, distance": [70.0, 80.0, 70.0],
        "Learning rate": [1e-4, 1e-4, 1e-4],
        "Images per second": [None, 40.0, 40.0],
    }
    assert all(list(trace.x) == [0, 1, 2] for trace in figure.data)


def test_a_ring_marks_the_last_best_epoch():
    traces = {trace.name: trace for trace in plots.training_curves(EPOCHS).data}
    symbols = list(traces["Accuracy, distance"].marker.symbol)
    assert symbols == ["circle", "circle-open", "circle"]
    assert set(traces["Learning rate"].marker.symbol) == {"circle"}


def test_no_epochs_yet_give_empty_curves():
    assert all(len(trace.x) == 0 for trace in plots.training_curves([]).data)


@pytest.mark.parametrize("dark", [False, True])
def test_all_figures_share_one_look_and_let_the_page_show_through(dark):
    for figure in (
        plots.forest_plot(COMPARISON, dark=dark),
        plots.training_curves(EPOCHS, dark=dark),
    ):
        shared = figure.layout.template.layout
        assert shared.paper_bgcolor == shared.plot_bgcolor == "rgba(0,0,0,0)"
        assert shared.font.color == plots.ink(dark)
        assert list(shared.colorway) == list(plots.PALETTE)
    assert plots.ink(True) != plots.ink(False)


def test_kinds_have_colours_of_their_own():
    assert len(set(plots.PALETTE)) == len(plots.PALETTE) >= len(plots.KINDS)


def test_two_runs_beside_each_other_share_their_axes():
    worse = [
        epoch(0, best=True, accuracy=0.5),
        epoch(1, accuracy=0.9, loss=0.1),
        epoch(2),
        epoch(3),
    ]
    one = plots.training_curves(EPOCHS, beside=worse)
    other = plots.training_curves(worse, beside=EPOCHS)
    for row in ("", "2", "3", "4"):
        ranges = [figure.layout[f"yaxis{row}"].range for figure in (one, other)]
        assert ranges[0] == ranges[1]
    low, high = one.layout.yaxis2.range
    assert low < 50 < 90 < high
    assert one.layout.xaxis.range == other.layout.xaxis.range
    assert one.layout.xaxis.range[1] > 3


@pytest.mark.parametrize("dark", [False, True])
def test_the_tools_above_a_figure_lie_on_the_page_in_the_colour_of_its_text(dark):
    tools = plots.forest_plot(COMPARISON, dark=dark).layout.template.layout.modebar
    assert (tools.bgcolor, tools.color) == (style.CLEAR, style.quiet_ink(dark))
