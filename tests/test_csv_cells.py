"""A name in a table is no formula, and comes back as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cssim.csv_cells import guarded, unguarded


@pytest.mark.parametrize(
    "text", ["=1+1", "+1+1", "-2+cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "'=1", "-", "-inf"]
)
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert guarded(text) == f"'{text}"


@pytest.mark.parametrize(
    "value", ["-0.5", "+3", "-1e-7", "a=b", "1.jpg", "'s", "", None, -2.0, 0, True]
)
def test_numbers_and_plain_words_stay(value: object) -> None:
    assert guarded(value) is value


@given(st.text(alphabet="'=+-@\t\ra1.e"))
def test_what_was_guarded_comes_back_as_it_was(text: str) -> None:
    once = guarded(text)
    assert isinstance(once, str)
    assert unguarded(once) == text
