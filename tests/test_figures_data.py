"""The figures of results and data: what is drawn equals the numbers, computed another way."""

from __future__ import annotations

import json
import re
import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plotly.colors import sample_colorscale

from cssim.plots import style
from cssim.plots.ablation import bounds_figure, bounds_table, left_out_figure
from cssim.plots.breakdown import breakdown_heat, breakdown_lines, breakdown_table, by_row
from cssim.plots.calibration import (
    coverage_figure,
    coverage_table,
    reliability_figure,
    reliability_table,
)
from cssim.plots.curves import curves_figure, curves_table
from cssim.plots.holdings import (
    ceilings_figure,
    classes_figure,
    classes_table,
    coverage_map,
    days_figure,
    shared_figure,
)
from cssim.plots.matrix import matrix_figure, matrix_table

ROOT = Path(__file__).resolve().parent.parent


def cell(label: str, references: int, *numbers: float | None) -> dict[str, Any]:
    """A cell of an analysis with an interval of 5 points to each side."""
    return {
        "label": label,
        "triples": 3 * references,
        "references": references,
        "hidden": references < 10,
        "accuracy": list(numbers),
        "low": [None if n is None else n - 0.05 for n in numbers],
        "high": [None if n is None else n + 0.05 for n in numbers],
    }


BREAKDOWN: dict[str, Any] = {
    "context": [cell("field", 12, 0.6, 0.7), cell("ocean", 4, None, None)],
    "margin": {
        "one": [cell("1: 0 to 0.1", 20, 0.5), cell("2: 0.1 to 0.9", 20, 0.9)],
        "two": [cell("1: 0 to 3", 30, 0.55)],
    },
}


def words(figure: Any) -> dict[tuple[float, float], str]:
    """What stands in each cell of a heat map, by (column, row)."""
    return {(note.x, note.y): note.text for note in figure.layout.annotations}


def test_a_breakdown_gives_each_row_its_own_numbers() -> None:
    found = by_row(BREAKDOWN, ["one", "two"], "context")
    assert [c["accuracy"] for c in found["two"]] == [0.7, None]
    own = by_row(BREAKDOWN, ["one", "two"], "margin")
    assert [c["accuracy"] for c in own["one"]] == [0.5, 0.9]
    assert [c["label"] for c in own["two"]] == ["1: 0 to 3"]


def test_cells_with_few_references_have_no_number_and_say_so() -> None:
    figure = breakdown_heat(by_row(BREAKDOWN, ["one", "two"], "context"))
    assert words(figure) == {(0, 0): "60", (1, 0): "few", (0, 1): "70", (1, 1): "few"}
    assert list(figure.data[0].z[0]) == [60.0, None]
    assert list(figure.layout.xaxis.ticktext) == ["field (12)", "ocean (4)"]
    assert "too few references" in figure.data[0].hovertext[0][1]
    assert "12 triples, 4 references" in figure.data[0].hovertext[0][1]


def test_rows_with_steps_of_their_own_stand_in_numbered_columns() -> None:
    figure = breakdown_heat(by_row(BREAKDOWN, ["one", "two"], "margin"))
    assert list(figure.layout.xaxis.ticktext) == ["step 1", "0.1 to 0.9 (20)"]
    assert words(figure) == {(0, 0): "50", (1, 0): "90", (0, 1): "55", (1, 1): "few"}


def test_whiskers_of_a_breakdown_end_at_the_interval_and_the_ceiling_stands_across() -> None:
    figure = breakdown_lines(by_row(BREAKDOWN, ["one", "two"], "context"), ceiling=0.8)
    one = figure.data[0]
    assert list(one.y) == [60.0]
    assert one.error_y.array[0] == pytest.approx(5)
    assert one.error_y.arrayminus[0] == pytest.approx(5)
    assert figure.layout.shapes[0].y0 == pytest.approx(80)


def test_contexts_have_no_order_and_no_lines() -> None:
    found = by_row(BREAKDOWN, ["one"], "context")
    assert breakdown_lines(found, ordered=False).data[0].mode == "markers"
    assert breakdown_lines(found, ordered=True).data[0].mode == "lines+markers"


def test_the_table_of_a_breakdown_has_a_row_for_each_row_and_cell() -> None:
    rows = breakdown_table(by_row(BREAKDOWN, ["one", "two"], "margin"))
    assert [(r["row"], r["label"], r["accuracy"]) for r in rows] == [
        ("one", "1: 0 to 0.1", 0.5),
        ("one", "2: 0.1 to 0.9", 0.9),
        ("two", "1: 0 to 3", 0.55),
    ]


MATRIX: dict[str, Any] = {
    "models": ["a", "b"],
    "clusters": ["x", "y", "z"],
    "accuracy": [[0.8, 0.6, None], [0.55, 0.9, 0.7]],
    "triples": [[10, 20, 0], [10, 20, 30]],
    "own": [[True, False, False], [False, True, False]],
    "best": ["a", "b", "b"],
}


def test_frames_of_the_matrix_stand_round_own_clusters() -> None:
    figure = matrix_figure(MATRIX)
    centres = {((s.x0 + s.x1) / 2, (s.y0 + s.y1) / 2) for s in figure.layout.shapes}
    assert centres == {
        (j, i) for i, row in enumerate(MATRIX["own"]) for j, own in enumerate(row) if own
    }
    assert words(figure)[2, 0] == "–"
    assert words(figure)[1, 1] == "90"


def test_the_table_of_the_matrix_gives_the_matrix_back() -> None:
    rows = matrix_table(MATRIX)
    back = np.array([row["accuracy"] for row in rows], dtype=object).reshape(2, 3).tolist()
    assert back == MATRIX["accuracy"]
    assert [row["trained on it"] for row in rows] == [True, False, False, False, True, False]


def test_members_left_out_are_drawn_in_points_from_the_greatest_loss_on() -> None:
    nothing = {"low": None, "high": None, "p_holm": 1.0}
    loss = {"low": -0.12, "high": -0.05, "p_holm": 0.01}
    members: list[dict[str, Any]] = [
        {"member": "m", "accuracy": 0.7, "difference": 0.01, **nothing},
        {"member": "n", "accuracy": 0.6, "difference": -0.1, **loss},
    ]
    (trace,) = left_out_figure(members).data
    assert list(trace.y) == ["n", "m"]
    assert list(trace.x) == pytest.approx([-10, 1])
    assert list(trace.error_x.array) == pytest.approx([5, 0])
    assert list(trace.error_x.arrayminus) == pytest.approx([2, 0])
    assert list(trace.marker.symbol) == ["circle", "circle-open"]


def test_bounds_stand_beside_their_ensemble() -> None:
    oracle = {"ensemble": 0.7, "best member": 0.65, "best by reference": 0.8, "best by triple": 0.9}
    ensembles = [{"name": "e", "oracle": oracle}]
    drawn = {trace.name: trace.x[0] for trace in bounds_figure(ensembles).data}
    assert drawn == pytest.approx(
        {
            "best single member": 65,
            "the ensemble": 70,
            "best member of each reference": 80,
            "best member of each triple": 90,
        }
    )
    assert bounds_table(ensembles) == [{"ensemble": "e", **oracle}]


STEP = {"triples": 10, "references": 5, "confidence": 0.6, "credit": 0.7, "low": 0.65, "high": 0.8}
SURE: list[dict[str, Any]] = [
    {
        "name": "e",
        "calibration": {"steps": [STEP, {**STEP, "confidence": 0.9, "low": None, "high": None}]},
        "coverage": {
            "coverage": [0.5, 1.0],
            "threshold": [0.8, 0.5],
            "credit": [0.9, 0.7],
            "low": [0.85, 0.6],
            "high": [0.95, 0.8],
        },
    },
    {"name": "silent", "calibration": None, "coverage": None},
]


def test_calibration_is_drawn_only_where_a_confidence_is_stated() -> None:
    (trace,) = reliability_figure(SURE).data
    assert list(trace.x) == [60, 90]
    assert list(trace.error_y.array) == pytest.approx([10, 0])
    assert list(trace.error_y.arrayminus) == pytest.approx([5, 0])
    assert [row["confidence"] for row in reliability_table(SURE)] == [0.6, 0.9]


def test_the_band_of_coverage_goes_up_the_high_ends_and_back_along_the_low_ones() -> None:
    band, line = coverage_figure(SURE, ceiling=0.8).data
    assert list(band.x) == [50, 100, 100, 50]
    assert list(band.y) == pytest.approx([95, 80, 60, 85])
    assert list(line.y) == pytest.approx([90, 70])
    assert [(row["coverage"], row["credit"]) for row in coverage_table(SURE)] == [
        (0.5, 0.9),
        (1.0, 0.7),
    ]


AXIS: dict[str, Any] = {
    "key": "clusters",
    "title": "more clusters",
    "fixed": "all labels of each",
    "sizes": [
        {"clusters": 2, "share": 1.0, "labels": 100.0},
        {"clusters": 4, "share": 1.0, "labels": 200.0},
    ],
    "curves": {
        "CS": {"accuracy": [0.7, 0.71], "low": [0.68, 0.69], "high": [0.72, 0.75]},
        "global": {"accuracy": [0.6, None], "low": [None, None], "high": [None, None]},
    },
    "crossings": [
        {"one": "CS", "other": "global", "labels": 150.0, "low": 120.0, "high": 190.0},
        {"one": "global", "other": "CS", "labels": None, "low": None, "high": None},
    ],
}


def test_learning_curves_leave_out_what_could_not_be_computed() -> None:
    figure = curves_figure(AXIS, ["CS", "global"], human=0.85)
    drawn = {trace.name: (list(trace.x), list(trace.y)) for trace in figure.data}
    assert drawn["CS"][0] == [100, 200]
    assert drawn["CS"][1] == pytest.approx([70, 71])
    assert drawn["global"][0] == [100]
    assert drawn["global"][1] == pytest.approx([60])
    assert list(figure.data[0].error_y.array) == pytest.approx([2, 4])
    assert list(figure.data[1].error_y.array) == [0]


def test_a_crossing_is_marked_with_its_interval_where_both_curves_are_drawn() -> None:
    layout = curves_figure(AXIS, ["CS", "global"]).layout
    assert [(s.x0, s.x1) for s in layout.shapes] == [(120, 190), (150, 150)]
    (note,) = layout.annotations
    assert 10**note.x == pytest.approx(150)
    assert note.text == "global overtakes CS"
    assert not curves_figure(AXIS, ["CS"]).layout.shapes


def test_the_table_of_the_curves_has_each_design_at_each_size() -> None:
    rows = curves_table(AXIS)
    assert [(r["design"], r["labels"], r["accuracy"]) for r in rows] == [
        ("CS", 100, 0.7),
        ("CS", 200, 0.71),
        ("global", 100, 0.6),
        ("global", 200, None),
    ]


def test_classes_are_shares_of_each_set_and_sum_to_one() -> None:
    sets = {"s": {1: 1, 2: 0, 3: 3, 4: 0, 5: 4}, "empty": dict.fromkeys(range(1, 6), 0)}
    figure = classes_figure(sets)
    assert list(figure.data[0].y) == ["s"]
    assert [trace.x[0] for trace in figure.data] == [12.5, 0, 37.5, 0, 50]
    assert sum(row["times"] for row in classes_table(sets)) == 8


def test_days_are_stacked_by_the_busiest_people_and_nobody_is_lost() -> None:
    rng = np.random.default_rng(0)
    counts = [
        (f"p{person}", date(2026, 1, 1 + k), int(n))
        for (person, k), n in np.ndenumerate(rng.integers(1, 9, (5, 3)))
    ]
    figure = days_figure(counts, most=3)
    assert [trace.name for trace in figure.data][-1] == "2 others"
    drawn = {day: 0 for _, day, _ in counts}
    for trace in figure.data:
        for day, n in zip(trace.x, trace.y, strict=True):
            drawn[date.fromisoformat(day)] += n
    assert drawn == {day: sum(n for _, other, n in counts if other == day) for _, day, _ in counts}


def test_the_map_parts_references_from_other_pictures() -> None:
    rng = np.random.default_rng(1)
    points, ids = rng.normal(size=(40, 2)), np.arange(100, 140)
    labelled = ids % 3 == 0
    density, others, own = coverage_map(points, labelled, ids).data
    assert list(own.customdata) == ids[labelled].tolist()
    assert list(others.customdata) == ids[~labelled].tolist()
    assert np.array_equal(np.stack([own.x, own.y], axis=1), points[labelled])
    assert len(density.x) == labelled.sum()


def test_what_sets_share_is_a_share_of_the_column() -> None:
    figure = shared_figure(["x", "y"], np.array([[10, 2], [2, 4]]), [10, 4], "pictures")
    assert words(figure) == {(0, 0): "", (1, 0): "50", (0, 1): "20", (1, 1): ""}


def test_ceilings_leave_out_sets_without_overlap() -> None:
    known = {"set": "a", "others": 0.8, "low": 0.7, "high": 0.85, "triples": 9}
    unknown = {"set": "b", "others": None, "low": None, "high": None, "triples": 0}
    (trace,) = ceilings_figure([known, unknown]).data
    assert list(trace.y) == ["a"]
    assert trace.error_x.array[0] == pytest.approx(5)
    assert trace.error_x.arrayminus[0] == pytest.approx(10)


def light(colour: str) -> float:
    """Relative luminance of `#rrggbb` or `rgb(r, g, b)` (WCAG 2.2)."""
    if colour.startswith("#"):
        parts = [float(int(colour[i : i + 2], 16)) for i in (1, 3, 5)]
    else:
        parts = [float(n) for n in re.findall(r"[\d.]+", colour)[:3]]
    linear = [v / 255 / 12.92 if v / 255 <= 0.04045 else ((v / 255 + 0.055) / 1.055) ** 2.4
              for v in parts]  # fmt: skip
    return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))


def contrast(one: str, other: str) -> float:
    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def theme(name: str) -> dict[str, str]:
    values = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text())["theme"]
    return {key: value for key, value in values[name].items() if isinstance(value, str)}


@pytest.mark.parametrize(("name", "dark"), [("light", False), ("dark", True)])
def test_figures_and_pages_have_one_look(name: str, dark: bool) -> None:
    assert style.ink(dark) == theme(name)["textColor"]
    assert style.paper(dark) == theme(name)["backgroundColor"]


def test_the_colours_of_print_turn_a_dark_figure_into_a_light_one() -> None:
    printed = style.for_print()
    assert printed[theme("dark")["borderColor"]] == theme("light")["borderColor"]
    dark = json.dumps(style.layout(dark=True))
    for colour, other in printed.items():
        dark = dark.replace(f'"{colour}"', f'"{other}"')
    assert json.loads(dark) == json.loads(json.dumps(style.layout(dark=False)))


@pytest.mark.parametrize("name", ["light", "dark"])
def test_words_stand_out_from_every_background(name: str) -> None:
    colours = theme(name)
    for ground in ("backgroundColor", "secondaryBackgroundColor"):
        for ink in ("textColor", "linkColor"):
            assert contrast(colours[ink], colours[ground]) >= 4.5
    assert contrast("#ffffff", colours["primaryColor"]) >= 4.5  # words on a button
    assert contrast(colours["primaryColor"], colours["backgroundColor"]) >= 3


@pytest.mark.parametrize("dark", [False, True])
def test_inks_and_marks_of_figures_stand_out_from_the_page(dark: bool) -> None:
    assert contrast(style.ink(dark), style.paper(dark)) >= 4.5
    assert contrast(style.quiet_ink(dark), style.paper(dark)) >= 4.5
    for colour in style.PALETTE:
        assert contrast(colour, style.paper(dark)) >= 3


def test_numbers_on_a_heat_map_can_be_read_on_each_of_its_colours() -> None:
    for at in np.linspace(0, 1, 101):
        (ground,) = sample_colorscale(style.SCALE, [float(at)])
        assert contrast(style.text_on(float(at)), ground) >= 4.4


def test_the_known_contrasts_come_out() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
