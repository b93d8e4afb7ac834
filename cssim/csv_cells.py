"""Cells of CSV files that a spreadsheet computes nothing from: guarded by an apostrophe.

A name that begins with `=`, `+`, `-` or `@` is a formula to a spreadsheet, and may be one that
somebody else made up to read files or send them off; see OWASP's page on CSV injection.
"""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_RISKY = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guarded(value: object) -> object:
    """What to write for a value: text that looks like a formula with an apostrophe before it.

    Numbers, also those written as text, and None stay what they are.
    """
    if not isinstance(value, str) or _NUMBER.fullmatch(value) or not _RISKY.match(value):
        return value
    return f"'{value}"


def unguarded(text: str) -> str:
    """The text of a cell that `guarded` wrote; any other as it stands."""
    return text[1:] if _GUARDED.match(text) else text
