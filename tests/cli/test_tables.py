"""Tables as they are printed."""

from __future__ import annotations

from typing import Any

import pytest

from cssim.cli.base import say_table


def test_rows_stand_under_their_headings(capsys: pytest.CaptureFixture[str]) -> None:
    rows: list[dict[str, Any]] = [
        {"name": "a", "share": 0.123456, "of": ["x", "y"]},
        {"name": "long one", "of": None},
    ]
    say_table(rows, ("name", "share", "of"), "none")
    assert capsys.readouterr().out.splitlines() == [
        "name      share   of",
        "a         0.1235  x, y",
        "long one  -       -",
    ]
    say_table([], ("name",), "none")
    assert capsys.readouterr().out == "none\n"


def test_a_name_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "sea\x1b]0;title\x07\x1b[2J\u202ejpg\nÜbung 海.jpg"
    say_table([{"name": name, "tags": [name]}], ("name", "tags"), "none")
    line = capsys.readouterr().out.splitlines()[1]
    assert line == "sea]0;title[2Jjpg Übung 海.jpg  sea]0;title[2Jjpg Übung 海.jpg"
