"""The known truth in a comparison: a bound in every format, in no test, and first in nothing."""

import csv
import io
import json
import re

import numpy as np
import pytest

from cssim import plots
from cssim.errors import BadInput
from cssim.evaluation import statistics
from cssim.evaluation.accuracy import by_reference
from cssim.evaluation.compare import CHANCE, TRUTH, compare
from cssim.evaluation.html_report import html_report
from cssim.evaluation.latex import latex_table
from cssim.evaluation.report import CompareSettings, Comparison, Contender, Row
from cssim.evaluation.tables import csv_table, markdown_table, text_table

QUICK = CompareSettings(anchor="plain", draws=400, flips=400)
ROWS = (Contender("plain"), Contender("sum", "ensemble", members=("plain",)))


def made(n: int = 600):
    rng = np.random.default_rng(0)
    credits = {"plain": rng.random(n) < 0.6, "sum": rng.random(n) < 0.7}
    truth = (rng.random(n) < 0.9).astype(float)
    return {k: v.astype(float) for k, v in credits.items()}, rng.integers(0, 40, n), truth


@pytest.fixture(scope="module")
def compared() -> Comparison:
    credits, reference, truth = made()
    bounds = {"by triple": np.maximum(credits["plain"], credits["sum"])}
    return compare(ROWS, credits, reference, settings=QUICK, truth=truth, bounds=bounds)


def test_it_stands_between_the_models_and_the_oracles(compared):
    kinds = [row.kind for row in compared.rows]
    assert kinds == ["frozen", "ensemble", "truth", "bound", "chance"]


def test_its_numbers_are_those_of_its_own_credits(compared):
    _, reference, truth = made()
    table = by_reference(truth[None], reference)
    weights = statistics.draw_weights(40, QUICK.draws, QUICK.seed)
    low, high = statistics.interval(statistics.bootstrap(table.sums, table.counts, weights))[:, 0]
    row = compared.row(TRUTH)
    assert row.accuracy == pytest.approx(truth.mean())
    assert (row.low, row.high) == pytest.approx((low, high))
    assert row.error == pytest.approx(statistics.cluster_error(table.sums, table.counts)[0])


def test_it_changes_nothing_about_the_rows_that_compete(compared):
    credits, reference, _ = made()
    without = compare(ROWS, credits, reference, settings=QUICK)
    for name in credits:
        assert compared.row(name) == without.row(name)
    assert compared.row("sum").tied
    assert compared.row(TRUTH).tied is None
    assert compared.detectable == without.detectable


def test_no_model_may_bear_its_name_and_no_comparison_be_anchored_to_it():
    credits, reference, truth = made()
    with pytest.raises(BadInput, match="distinct names"):
        compare([Contender(TRUTH)], {TRUTH: truth}, reference)
    anchored = CompareSettings(anchor=TRUTH)
    with pytest.raises(BadInput, match="is none of the rows"):
        compare(ROWS, credits, reference, settings=anchored, truth=truth)


def test_every_text_shows_it_as_a_ceiling_and_says_what_it_is(compared):
    percent = f"{100 * compared.row(TRUTH).accuracy:.1f}"
    for text in (text_table(compared), markdown_table(compared), latex_table(compared)):
        (line,) = [one for one in text.splitlines() if TRUTH in one]
        assert percent in line
        assert "=" not in line  # in no tie group
        assert "the simulated people's noise was added" in text
    assert "noise was added" not in text_table(_without_truth(compared))


def _without_truth(comparison: Comparison) -> Comparison:
    rows = [row for row in comparison.to_dict()["rows"] if row["kind"] != "truth"]
    return Comparison.from_dict({**comparison.to_dict(), "rows": rows})


def test_csv_and_json_name_its_kind_and_keep_every_digit(compared):
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(csv_table(compared)))}
    assert rows[TRUTH]["kind"] == "truth"
    assert float(rows[TRUTH]["accuracy"]) == compared.row(TRUTH).accuracy
    assert (rows[TRUTH]["tied"], rows[TRUTH]["p_holm"]) == ("", "")
    assert Comparison.from_dict(json.loads(json.dumps(compared.to_dict()))) == compared


def test_the_html_file_draws_a_line_and_links_to_no_run(compared):
    page = html_report(compared)
    figure = page[page.index("<svg") : page.index("</svg>")]
    assert ">known truth</text>" in figure
    assert f"<title>{TRUTH}" not in figure  # no point of its own
    assert f">{TRUTH}</a>" not in page


def test_the_forest_plot_has_a_line_and_no_point_for_it(compared):
    figure = plots.forest_plot(compared.to_dict())
    notes, shapes = figure.layout.annotations, figure.layout.shapes
    lines = {note.text: shape.x0 for note, shape in zip(notes, shapes, strict=True)}
    assert lines["known truth"] == pytest.approx(100 * compared.row(TRUTH).accuracy)
    assert lines["chance"] == 100 * compared.row(CHANCE).accuracy
    assert TRUTH not in [name for trace in figure.data for name in trace.customdata]


def test_every_point_whisker_and_line_of_the_forest_plot_lies_inside_its_axis(compared):
    figure = plots.forest_plot(compared.to_dict())
    low, high = figure.layout.xaxis.range
    rows = [row for row in compared.rows if row.kind in plots.KINDS]
    shown = [100 * x for row in rows for x in (row.low, row.high)]
    shown += [shape.x0 for shape in figure.layout.shapes]
    assert low + 0.9 < min(shown) < max(shown) < high - 0.9


def test_words_above_lines_of_the_html_figure_never_stand_on_each_other():
    rows = [Row("m", "frozen", accuracy=0.6, low=0.55, high=0.65)]
    for kind, accuracy in (("chance", 0.5), ("ceiling", 0.8), ("truth", 0.81)):
        rows.append(Row(kind, kind, accuracy=accuracy))
    page = html_report(Comparison(CompareSettings(), tuple(rows)))
    words = r'<text x="([\d.]+)" y="(\d+)" text-anchor="middle">(chance|human ceiling|known truth)<'
    found = {name: (float(x), int(y)) for x, y, name in re.findall(words, page)}
    assert len(found) == 3
    (ceiling, y), (truth, higher) = found["human ceiling"], found["known truth"]
    assert truth - ceiling < 80
    assert y - higher >= 13  # the size of the letters
    assert higher >= 13
