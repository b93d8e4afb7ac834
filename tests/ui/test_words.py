"""Numbers and times as people read them."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from cssim.ui import tables, words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (89, "89 s"), (90, "2 min"), (4008, "67 min"), (5400, "1.5 h")],
)
def test_durations(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "just now"), (119, "1 min ago"), (7300, "2 h ago"), (200_000, "2026-01-01")],
)
def test_moments(seconds: float, text: str) -> None:
    now = datetime(2026, 1, 3, 12, tzinfo=UTC)
    assert words.ago(now - timedelta(seconds=seconds), now) == text
    assert words.ago(None) == ""


def test_counts_and_shares() -> None:
    assert words.count(1, "page") == "1 page"
    assert words.count(2345, "page") == "2,345 pages"
    assert words.count(0, "file was", "files were") == "0 files were"
    assert words.percent(0.1234) == "12.3 %"
    assert words.percent(math.nan) == words.percent(None) == ""


def test_markdown_in_names_means_nothing() -> None:
    assert words.plain_markdown("*a* :red[b] $x$") == r"\*a\* \:red\[b\] \$x\$"


def test_markup_is_escaped_once() -> None:
    assert tables.lines("<b>", "", tables.quiet("a & b")) == (
        '&lt;b&gt;<br><span class="cs-quiet cs-small">a &amp; b</span>'
    )
