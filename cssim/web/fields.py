"""Reading the fields of a JSON body or a query: each is there and of its type, or a `BadInput`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cssim.errors import BadInput
from cssim.types import Answer, JudgementKind

Body = Mapping[str, Any]


def answer_of(body: Body) -> Answer:
    """What the fields `kind`, `order` and `classes` say."""
    kind = text(body, "kind")
    if kind not in list(JudgementKind):
        raise BadInput(f"kind must be one of {', '.join(JudgementKind)}, got {kind[:80]!r}")
    return Answer(JudgementKind(kind), digits(body, "order"), digits(body, "classes"))


def only(body: Body, what: str, *known: str) -> None:
    """Refuse fields that are not among the known ones."""
    unknown = sorted(set(body) - set(known))
    if unknown:
        raise BadInput(f"{what} has no field {unknown[0][:80]!r}")


def text(body: Body, name: str) -> str:
    """A text that can be stored: no null characters, no half of a surrogate pair."""
    value = body.get(name)
    if not isinstance(value, str) or not _storable(value):
        raise BadInput(f"{name} must be a text, got {_shown(value)}")
    return value


def texts(body: Body, name: str) -> list[str]:
    """A list of lease ids; empty where the field is missing."""
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(v, str) and len(v) <= 64 for v in value):
        raise BadInput(f"{name} must be a list of lease ids, got {_shown(value)}")
    return [one for one in value if _storable(one)]


def whole(body: Body, name: str, default: int) -> int:
    """A whole number."""
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{name} must be a whole number, got {_shown(value)}")
    return value


def digits(body: Body, name: str) -> tuple[int, ...]:
    """Up to five whole numbers; none where the field is missing."""
    value = body.get(name, [])
    fine = isinstance(value, list) and len(value) <= 5
    if not fine or not all(isinstance(v, int) and not isinstance(v, bool) for v in value):
        raise BadInput(f"{name} must be a list of up to 5 whole numbers, got {_shown(value)}")
    return tuple(value)


def number(given: str, name: str) -> int:
    """The whole number that a parameter of the query spells."""
    if not (given.isascii() and given.isdigit() and len(given) < 10):
        raise BadInput(f"{name} must be a whole number, got {given[:40]!r}")
    return int(given)


def moment(value: Any, name: str) -> datetime | None:
    """A moment with its time zone, as UTC; None where there is none."""
    if value is None:
        return None
    try:
        found = datetime.fromisoformat(value)
        if found.tzinfo is None:
            raise ValueError("no time zone")
        return found.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise BadInput(
            f"{name} must be a moment such as 2026-05-04T12:00:00+00:00, got {_shown(value)}"
        ) from None


def _storable(text: str) -> bool:
    return "\x00" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)


def _shown(value: Any) -> str:
    return repr(value)[:80]
