"""What lies behind a comparison on its page: analyses, runs, addresses, learning curves, files."""

from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from cssim.plots.breakdown import breakdown_table, by_row
from cssim.services import analyses, comparison_files, jobs
from cssim.services.evaluation import StoredComparison
from cssim.services.workspace import Workspace
from cssim.types import JobState
from cssim.ui.compare import runs
from cssim.ui.figures import rows_csv
from db import annotations as records
from db import library
from db.annotations import NewJudgement
from tests.ui.looking import look, markup, said
from tests.ui.test_compare_page import compare, filled, ws  # noqa: F401

WHERE = "Where it is right"


def open_part(name: str) -> AppTest:
    def choose(app: AppTest) -> None:
        app.session_state["compare_part"] = name

    return look("compare", choose)


def spec(chart: Any) -> dict[str, Any]:
    return dict(json.loads(chart.proto.spec or chart.proto.figure.spec))


def numbers(figure: dict[str, Any]) -> list[str]:
    """What stands in the cells of a heat map."""
    return [note["text"] for note in figure["layout"]["annotations"]]


@pytest.fixture
def stored(filled: Workspace) -> StoredComparison:  # noqa: F811
    return compare(filled, "w-test", draws=200)


@pytest.fixture
def analysed(filled: Workspace, stored: StoredComparison) -> dict[str, Any]:  # noqa: F811
    done = jobs.run_here(filled, analyses.analysis_request_of(filled, stored.info))
    assert done.state is JobState.DONE, done.error
    return dict(done.result)


def test_an_analysis_is_asked_for_run_and_drawn(
    filled: Workspace,  # noqa: F811
    stored: StoredComparison,
) -> None:
    app = open_part(WHERE)
    words = said(app)
    assert "Not analysed yet" in words
    assert "opens w\\-test once more" in words
    app.button(key="breakdowns_analyse").click().run()
    (job,) = jobs.list_jobs(filled, states=[JobState.QUEUED])
    assert analyses.belongs(job.params, stored.info.settings)
    assert "on its way" in said(app)
    jobs.run_worker(filled, limit=1)
    app = app.run()
    found = analyses.find_analysis(filled, stored.info)
    assert found is not None
    cells = found.result["breakdown"]["people's agreement"]
    app.button_group[0].set_value("people's agreement").run()
    drawn = numbers(spec(app.get("plotly_chart")[0]))
    expected = [
        "few" if cell["accuracy"][i] is None else f"{100 * cell['accuracy'][i]:.0f}"
        for i in range(len(found.result["rows"]))
        for cell in cells
    ]
    assert drawn == expected
    assert f"Analysis by job {job.id}" in said(app)


def test_a_stale_analysis_says_why_and_offers_another(
    filled: Workspace,  # noqa: F811
    analysed: dict[str, Any],
) -> None:
    with filled.database.writing() as session:
        found = library.get_cluster(session, filled.project.id, "w-test")
        page = records.pages_of(session, [found.id])[0]
        (old, *_) = [
            one for one in records.judgements_of(session, [found.id]) if one.page_id == page.id
        ]
        records.add_judgements(session, [NewJudgement(page_id=page.id, answer=old.answer)])
    app = open_part(WHERE)
    assert sum("the answers have changed" in one.value for one in app.warning) == 2
    assert app.button(key="breakdowns_analyse").label == "Analyse again"


def test_without_cs_models_or_ensembles_the_parts_say_what_they_need(
    filled: Workspace,  # noqa: F811
    analysed: dict[str, Any],
) -> None:
    assert "No matrix yet" in said(open_part("Across clusters"))
    assert "No ensemble in this comparison" in said(open_part("Ensembles"))


def test_every_row_leads_to_its_run(
    filled: Workspace,  # noqa: F811
    stored: StoredComparison,
) -> None:
    html = markup(look("compare"))
    for name in ("histogram", "hog"):
        address = runs.address(stored.info.id, name).replace("&", "&amp;")
        assert f'<a href="{address}" target="_self">' in html

    def ask(app: AppTest) -> None:
        app.query_params["run"] = "hog"
        app.query_params["comparison"] = str(stored.info.id)

    app = look("compare", ask)
    words = said(app)
    assert "Run of hog" in words
    assert "Fingerprint hog-1" in words
    assert "the same weights" in words
    app.button(key="compare_run_close").click().run()
    assert "Run of hog" not in said(app)


def test_a_name_in_the_address_is_text_and_no_markup(
    filled: Workspace,  # noqa: F811
    stored: StoredComparison,
) -> None:
    def ask(app: AppTest) -> None:
        app.query_params["run"] = "[hog](//evil.example)"
        app.query_params["comparison"] = str(stored.info.id)

    app = look("compare", ask)
    assert "Run of \\[hog\\]\\(//evil.example\\)" in [h.value for h in app.header]
    assert "This comparison has no such row." in said(app)


def test_a_run_that_is_no_row_is_said(
    filled: Workspace,  # noqa: F811
    stored: StoredComparison,
) -> None:
    def ask(app: AppTest) -> None:
        app.query_params["run"] = "<b>nobody</b>"

    assert "no such row" in said(look("compare", ask))


def test_the_address_names_a_comparison_until_a_newer_one_is_made(
    filled: Workspace,  # noqa: F811
    stored: StoredComparison,
) -> None:
    compare(filled, "w-validation", draws=200)

    def ask(app: AppTest) -> None:
        app.query_params["comparison"] = str(stored.info.id)

    app = look("compare", ask)
    assert "**w\\-test** (test set" in said(app)
    compare(filled, "w-validation", draws=200)
    assert "**w\\-validation** (validation set" in said(app.run())


def test_without_backbones_learning_curves_say_what_they_need(
    filled: Workspace,  # noqa: F811
) -> None:
    words = said(open_part("Learning curves"))
    assert "No learning curves yet" in words
    assert "and a frozen backbone" in words


class _Cells(HTMLParser):
    """The rows of the first table of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag == "tr":
            self.rows.append([])
        self._open = tag in ("td", "th") or (self._open and tag not in ("tr", "table"))
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if self._open and self.rows and self.rows[-1]:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag in ("td", "th"):
            self._open = False


def test_the_files_of_a_comparison_read_back_as_its_numbers(stored: StoredComparison) -> None:
    files = {f.suffix: f.text for f in comparison_files.comparison_files(stored.comparison, "x")}
    rows = {row.name: row for row in stored.comparison.rows}
    table = {line["name"]: line for line in csv.DictReader(io.StringIO(files[".csv"]))}
    assert set(table) == set(rows)
    for name, line in table.items():
        assert float(line["accuracy"]) == pytest.approx(rows[name].accuracy)
    digits = comparison_files.decimals(stored.comparison)
    written = f"{100 * (rows['hog'].accuracy or 0):.{digits}f}"
    markdown = next(line for line in files[".md"].splitlines() if line.startswith("| hog"))
    assert written in [part.strip() for part in markdown.split("|")]
    latex = next(line for line in files[".tex"].splitlines() if line.startswith("hog"))
    assert written in latex
    parser = _Cells()
    parser.feed(files[".html"])
    (found,) = [row for row in parser.rows if row and row[0].strip().startswith("hog")]
    assert any(written in cell for cell in found)


def test_the_numbers_of_a_figure_read_back(analysed: dict[str, Any]) -> None:
    names = [row["name"] for row in analysed["rows"]]
    found = by_row(analysed["breakdown"], names, "people's agreement")
    back = list(csv.DictReader(io.StringIO(rows_csv(breakdown_table(found)))))
    expected = [cell for cells in found.values() for cell in cells]
    assert len(back) == len(expected)
    for line, cell in zip(back, expected, strict=True):
        assert int(line["triples"]) == cell["triples"]
        number = line["accuracy"]
        assert (float(number) if number else None) == cell["accuracy"]
