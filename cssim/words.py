"""How a number meets its noun: written once, for pages, commands, errors and reports."""

from __future__ import annotations


def count(number: float, one: str, many: str = "") -> str:
    """`1 page`, `2,345 pages`, `0.5 votes`.

    Args:
        number: how many; whole numbers of any size are written out.
        one: what follows the number 1, e.g. `page`, `file was`.
        many: what follows all others; empty adds an s.
    """
    written = f"{int(number):,}" if number == int(number) else f"{number:,g}"
    return f"{written} {one if number == 1 else many or one + 's'}"
