"""A comparison written by hand, and what each format makes of it."""

import csv
import io
from dataclasses import replace

import pytest

from cssim.evaluation.accuracy import Ceiling
from cssim.evaluation.context import ContextTest
from cssim.evaluation.latex import latex_table
from cssim.evaluation.leakage import Overlap
from cssim.evaluation.report import CompareSettings, Comparison, EvaluatedSet, Row
from cssim.evaluation.tables import (
    caption,
    csv_table,
    decimals,
    markdown_table,
    text_table,
)

BY_HAND = Comparison(
    settings=CompareSettings(anchor="plain"),
    rows=(
        Row("plain", "frozen", leakage="none", source="model 1", triples=10005, references=1010,
            accuracy=0.78512, error=0.0083, low=0.76888, high=0.8, macro=0.78, tied=False),
        Row("a|b_c", "ensemble", ("plain", "sea"), leakage="trained on this set", run="12",
            source="ensemble 3", context=ContextTest(0.004, 0.25, 19, "Stacking", "on tuning"),
            triples=10005, references=1010, accuracy=0.80512, error=0.0081, low=0.7888, high=0.82,
            macro=0.8, difference=0.02, difference_error=0.005, difference_low=0.0101,
            difference_high=0.0299, p=0.0001, p_holm=0.0002, tied=True),
        Row("far", "frozen", reason="weights not on this machine"),
        Row("Oracle, by triple", "bound", accuracy=0.97, macro=0.96),
        Row("Chance", "chance", accuracy=0.5, macro=0.5),
    ),
    sets=(
        EvaluatedSet("held out", "test", 10005, 1010, looks=3),
        EvaluatedSet("tuning", "validation", 20, 4),
    ),
    overlaps=(Overlap("train", "held out", 4, 1, 2, 9, 3),),
    ceiling=Ceiling(9000, 0.744, 0.7132, 0.837),
    detectable=0.014,
    notes=("Mind the gap.",),
)  # fmt: skip


def test_percentages_show_one_digit_beyond_the_standard_error():
    def with_error(error: float | None) -> Comparison:
        row = Row("x", "frozen", accuracy=0.5, error=error)
        return Comparison(settings=CompareSettings(), rows=(row,))

    errors = [0.31, 0.031, 0.012, 0.0083, 0.00083, 0.000001, None]
    assert [decimals(with_error(error)) for error in errors] == [0, 1, 1, 2, 3, 3, 1]


def test_the_terminal_table_is_aligned_and_complete():
    lines = text_table(BY_HAND).splitlines()
    assert lines[0].split("  ")[0] == "model"
    assert lines[2].split()[-3:] == ["none", "model", "1"]
    columns = [lines[0].index(word) for word in ("accuracy", "Holm p")]
    assert lines[2][columns[0] + 3 : columns[0] + 13].strip().startswith("78.51")
    good = lines[3].split()
    for word in ("80.51", "78.88", "82.00", "+2.00", "+1.01", "+2.99", "<.001", "=", ".250", "12"):
        assert word in good
    assert "not available" in lines[4]
    assert not any(character.isdigit() for character in lines[4])
    assert lines[5].split() == ["Oracle,", "by", "triple", "97.00", "96.00"]
    assert lines[6].split() == ["Chance", "50.00", "50.00"]


def test_what_rounds_to_zero_has_no_minus():
    rows = (Row("x", "frozen", accuracy=0.5, error=0.02, difference=-0.00001),)
    table = text_table(Comparison(settings=CompareSettings(anchor="y"), rows=rows))
    assert "+0.0" in table.splitlines()[2].split()


def test_the_caption_says_how_where_and_how_often():
    text = "\n".join(caption(BY_HAND))
    for words in (
        "5,000 bootstrap draws of whole references",
        "95 % intervals",
        "difference of 1.40 points would be found 80 %",
        "held out: test set, 10,005 triples, 1,010 references; test set opened 3 times.",
        "tuning: validation set, 20 triples, 4 references.",
        "held out shares 4 of its 9 images and 1 of its 3 references with train.",
        "agrees with one left out 74.40 % of the time (9,000 triples",
        "another 71.32 %; no answers can earn more than 83.70 %",
        "far is not available: weights not on this machine.",
        "a|b_c: looking at the reference gains +0.40 points over Stacking (on tuning); p = 0.25 "
        "against 19 shuffles of the references: not shown to be context-sensitive.",
        "Oracle: the best of all ensembles' members",
        "Mind the gap.",
    ):
        assert words in text
    assert "cross-fitted" not in text
    folded = replace(BY_HAND, settings=replace(BY_HAND.settings, cross_fit=5))
    assert "their weights come from 4 of 5 parts of the evaluated" in "\n".join(caption(folded))


@pytest.mark.parametrize(
    ("test", "words"),
    [
        (ContextTest(0.01, 0.05, 19, "Stacking", "here"), "null (not corrected for other rows)"),
        (ContextTest(0.01, 0.1, 19, "Stacking", "here"), "not shown to be context-sensitive"),
        (ContextTest(-0.01, 0.05, 19, "Stacking", "here"), "references: no better than Stacking"),
        (ContextTest(untested="4 references"), "was not tested: 4 references"),
    ],
)
def test_a_strategy_that_looks_says_whether_looking_helps(test, words):
    assert test.sentence("x").endswith(words)
    row = Row("x", "ensemble", accuracy=0.5, context=test)
    table = text_table(Comparison(settings=CompareSettings(), rows=(row,)))
    assert ("not tested" in table.splitlines()[2]) == bool(test.untested)


def test_many_members_are_counted_in_the_table_and_named_once_below_it():
    many = tuple(f"m{i}" for i in range(4))
    rows = tuple(Row(name, "ensemble", many, accuracy=0.5) for name in ("x", "y"))
    comparison = Comparison(
        settings=CompareSettings(), rows=(*rows, Row("z", "ensemble", many[:3]))
    )
    table = text_table(comparison).splitlines()
    assert [line.split()[1:3] for line in table[2:4]] == [["4", "members"]] * 2
    assert "m0 + m1 + m2" in table[4]
    assert "The 4 members of x, y: m0 + m1 + m2 + m3." in caption(comparison)
    csv_rows = list(csv.DictReader(io.StringIO(csv_table(comparison))))
    assert csv_rows[0]["members"] == "m0 + m1 + m2 + m3"


def test_the_name_of_a_row_is_no_formula_of_a_spreadsheet():
    rows = (Row("=1+1", "ensemble", ("=a", "b"), accuracy=0.5),)
    (line,) = csv.DictReader(io.StringIO(csv_table(Comparison(CompareSettings(), rows))))
    assert (line["name"], line["members"], line["accuracy"]) == ("'=1+1", "'=a + b", "0.5")


def test_every_row_leads_to_its_run_in_every_format():
    for text in (text_table(BY_HAND), markdown_table(BY_HAND), latex_table(BY_HAND)):
        lines = [line for line in text.splitlines() if "ensemble 3, job 12" in line]
        assert len(lines) == 1
        assert "80.51" in lines[0]
        assert any("model 1" in line and "78.51" in line for line in text.splitlines())
    rows = {row["name"]: row for row in csv.DictReader(io.StringIO(csv_table(BY_HAND)))}
    assert (rows["a|b_c"]["source"], rows["a|b_c"]["run"]) == ("ensemble 3", "12")
    assert (rows["plain"]["source"], rows["plain"]["run"]) == ("model 1", "")


@pytest.mark.parametrize(("looks", "words"), [(1, "once"), (2, "twice"), (3, "3 times")])
def test_looks_are_counted_in_words(looks, words):
    one = EvaluatedSet("s", "test", 1, 1, looks=looks)
    found = caption(Comparison(settings=CompareSettings(), rows=(), sets=(one,)))
    assert found[-1].endswith(f"test set opened {words}.")


def test_columns_about_an_anchor_need_one():
    plain = Comparison(settings=CompareSettings(), rows=(Row("x", "frozen", accuracy=0.5),))
    header = text_table(plain).splitlines()[0]
    assert "95 % interval" in header
    for word in ("vs", "Holm p", "members", "trained on", "run", "context p"):
        assert word not in header.split("  ")


def test_markdown_has_as_many_cells_in_each_line_and_escapes_bars():
    lines = [line for line in markdown_table(BY_HAND).splitlines() if line.startswith("|")]
    assert {line.replace("\\|", "").count("|") for line in lines} == {15}
    assert lines[1].count("---:") == 9
    assert "a\\|b_c" in lines[3]
    assert "- Mind the gap." in markdown_table(BY_HAND)


def test_csv_carries_every_digit_and_no_number_where_there_is_none():
    rows = list(csv.DictReader(io.StringIO(csv_table(BY_HAND))))
    assert float(rows[0]["accuracy"]) == 0.78512
    assert float(rows[1]["difference_low"]) == 0.0101
    assert rows[1]["members"] == "plain + sea"
    assert (rows[2]["accuracy"], rows[2]["reason"]) == ("", "weights not on this machine")
    assert [rows[1][f"context_{name}"] for name in ("gain", "p", "draws", "blind")] == [
        "0.004", "0.25", "19", "Stacking",
    ]  # fmt: skip
    assert rows[0]["context_p"] == ""
