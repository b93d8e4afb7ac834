"""LaTeX that compiles as far as its structure tells: environments, braces, cells, escapes."""

import re

import pytest

from cssim.evaluation.latex import escaped, latex_table
from cssim.evaluation.report import CompareSettings, Comparison, Row
from tests.evaluation.test_tables import BY_HAND

HARD = r'50 % of {a}_b & c # d $e$ ~f^g \\ <h> "i" |j|'


def structure(text: str) -> list[str]:
    """Commands of the table in order; environments and braces must close in order."""
    found, opened = [], []
    code = re.sub(r"(?m)^%.*$", "", text)
    for command, argument in re.findall(r"\\(begin|end)\{(\w+)\}", code):
        if command == "begin":
            opened.append(argument)
        else:
            assert opened.pop() == argument
        found.append(f"{command} {argument}")
    assert opened == []
    plain = code.replace(r"\{", "").replace(r"\}", "")
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    return found


def body(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.endswith(r" \\")]


def test_it_is_a_booktabs_table_with_caption_and_notes():
    text = latex_table(BY_HAND, "Held-out references")
    assert structure(text) == ["begin table", "begin tabular", "end tabular", "end table"]
    lines = text.splitlines()
    assert r"\begin{tabular}{llrrrrrrrrrlll}" in lines
    rules = [lines.index(rf"\{rule}rule") for rule in ("top", "mid", "bottom")]
    assert rules == sorted(rules)
    assert rules[1] - rules[0] == 2
    assert rules[2] - rules[1] == 1 + len(BY_HAND.rows)
    assert r"\caption{Held-out references. Accuracy: share" in text
    assert r"95 \% interval" in body(text)[0]
    assert "Mind the gap." in lines
    assert lines[0].startswith("% needs")


def test_every_line_has_as_many_cells_as_columns():
    for comparison in (
        BY_HAND,
        Comparison(CompareSettings(), (Row("x", accuracy=0.5, kind="cs"),)),
    ):
        text = latex_table(comparison)
        columns = re.search(r"begin\{tabular\}\{([lr]+)\}", text)
        assert columns is not None
        cells = {line.replace(r"\&", "").count("&") + 1 for line in body(text)}
        assert cells == {len(columns[1])}
    assert r"a\textbar{}b\_c & plain + sea & " in latex_table(BY_HAND)


@pytest.mark.parametrize("name", [HARD, "a\nb", "%", "\\end{table}"])
def test_whatever_people_name_things_it_stays_a_table(name):
    rows = (
        Row(name, "cs", (name,), name, name, "7", accuracy=0.7),
        Row("far", reason=name, kind="cs"),
    )
    text = latex_table(Comparison(CompareSettings(), rows, notes=(name,)), name)
    assert structure(text) == ["begin table", "begin tabular", "end tabular", "end table"]
    assert len({line.replace(r"\&", "").count("&") for line in body(text)}) == 1
    code = "\n".join(line for line in text.splitlines() if not line.startswith("% needs"))
    assert not re.search(r"(?<!\\)%", code)
    assert not re.search(r"(?<!\\)[#$_]", code)


def test_special_characters_are_escaped_by_hand():
    assert escaped(HARD) == (
        r"50 \% of \{a\}\_b \& c \# d \$e\$ \textasciitilde{}f\textasciicircum{}g "
        r"\textbackslash{}\textbackslash{} \textless{}h\textgreater{} "
        r"\textquotedbl{}i\textquotedbl{} \textbar{}j\textbar{}"
    )
