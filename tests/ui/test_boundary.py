"""What a person sees, and the log keeps, when a page breaks."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from cssim.ui import boundary


def broken() -> None:
    from cssim.ui import boundary

    boundary.report(ValueError("the secret of /home/ada"))


def refused() -> None:
    from cssim.errors import BadInput
    from cssim.ui import boundary

    boundary.report(BadInput("name at least one <cluster>"))


def suppressed() -> None:
    import streamlit as st

    from cssim.ui import boundary

    st.text(str(boundary.report(ValueError("x"))))


def test_the_page_gets_plain_words_and_the_log_the_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.ERROR, logger="cssim.ui.boundary"):
        app = AppTest.from_function(broken).run()
    assert not app.exception
    (shown,) = app.error
    assert "secret" not in shown.value
    (record,) = [one for one in caplog.records if one.name == "cssim.ui.boundary"]
    reference = record.getMessage().split()[1].rstrip(":")
    assert f"**{reference}**" in shown.value
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], ValueError)


def test_an_error_of_our_own_is_shown_in_its_words() -> None:
    app = AppTest.from_function(refused).run()
    assert not app.exception
    (shown,) = app.error
    assert shown.value == "name at least one &lt;cluster&gt;"


def test_streamlit_is_told_to_show_nothing_else() -> None:
    app = AppTest.from_function(suppressed).run()
    assert app.text[0].value == "True"


def test_references_are_short_distinct_and_easy_to_read_out() -> None:
    found = {boundary.new_reference() for _ in range(500)}
    assert len(found) == 500
    assert all(len(one) == 9 and not set("01OIL") & set(one) for one in found)


def test_the_server_uses_it() -> None:
    source = (Path(__file__).parents[2] / "app.py").read_text()
    assert "on_script_error=boundary.report" in source
