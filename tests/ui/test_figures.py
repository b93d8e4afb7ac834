"""A figure with its words and files, as pages draw it."""

from __future__ import annotations

import csv
import io
import math

from streamlit.testing.v1 import AppTest

from cssim.ui.figures import file_stem, rows_csv


def _page() -> None:
    import plotly.graph_objects as go

    from cssim.ui.figures import figure

    def rows() -> list[dict[str, object]]:
        raise AssertionError("nobody asked for the table")

    figure(
        go.Figure(go.Bar(x=["a"], y=[1])),
        key="bars",
        name="bars of a",
        data=rows,
        alt="One bar.",
    )


def test_a_figure_has_words_and_a_table_that_is_not_made_before_it_is_asked_for() -> None:
    app = AppTest.from_function(_page).run()
    assert not app.exception
    (chart,) = app.get("plotly_chart")
    assert chart.proto.alt == "One bar."
    (button,) = app.get("download_button")
    assert button.proto.label == "CSV"


def test_the_table_reads_back_as_it_was() -> None:
    rows = [{"model": "a, b", "share": 0.25}, {"model": 'say "c"', "triples": 3}]
    back = list(csv.DictReader(io.StringIO(rows_csv(rows))))
    assert back == [
        {"model": "a, b", "share": "0.25", "triples": ""},
        {"model": 'say "c"', "share": "", "triples": "3"},
    ]
    assert math.isnan(float(list(csv.reader(io.StringIO(rows_csv([{"x": math.nan}]))))[1][0]))


def test_a_name_is_no_formula_of_a_spreadsheet() -> None:
    assert rows_csv([{"name": "=1+1", "d": -2.0}]) == "name,d\n'=1+1,-2.0\n"


def test_files_are_called_by_what_they_show() -> None:
    assert file_stem("weights of val/12 (map)") == "weights-of-val-12-map"
    assert file_stem("...") == "figure"
