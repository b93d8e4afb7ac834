"""What the type checker cannot know about values, said in one place."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


def present(value: T | None) -> T:
    """The value, which must not be None here."""
    assert value is not None
    return value
