"""A model's card as Markdown: for a file beside the weights, a report, or the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from cssim.services.cards import Accuracy, Card

KINDS = {"cs": "CS model", "global": "global model", "frozen": "frozen backbone"}
DATA = {
    "triples": "triples",
    "pages": "pages",
    "references": "references",
    "images": "images",
    "ties": "ties",
    "one_vote": "triples with one vote",
    "several_votes": "triples with several votes",
    "equal_classes": "pairs in the same class",
    **{f"class_gap_{gap}": f"pairs {gap} class{'es' * (gap > 1)} apart" for gap in range(1, 5)},
    "no_classes": "pairs without classes",
}
"""What the counts of `training.data.composition` are called."""


def markdown(card: Card) -> str:
    """What, on what data, how trained, how it did, what it takes, and what is amiss."""
    model = card.model
    kind = KINDS.get(model.kind.value, model.kind.value)
    made = f", {model.created_at:%Y-%m-%d %H:%M} UTC" if model.created_at else ""
    parts = [f"## Card of {_plain(model.name)}\n\nA {kind} on {_plain(model.backbone)}{made}."]
    parts += [f"**Problem:** {_plain(problem)}" for problem in card.problems]
    found = [one for one in (card.local, *card.elsewhere) if one is not None]
    if found:
        columns = ("Agreement with people", "%", "95 % interval", "Triples", "References")
        parts.append(_table(columns, [_accuracy(one) for one in found]))
    data = [("trained on", ", ".join(card.trained_on)), ("fingerprint", model.data_fingerprint)]
    data += [(DATA.get(name, name), f"{count:,}") for name, count in card.data.items()]
    parts += _section("Data", data)
    facts = {"size in bytes": card.bytes, "fingerprint of the weights": model.fingerprint}
    parts += _section("Training", [*card.facts.items(), *facts.items()])
    parts += _section("Settings", model.config.items())
    if card.curve:
        keys = [k for k in CURVE if any(epoch.get(k) is not None for epoch in card.curve)]
        rows = [[_value(epoch.get(key)) for key in keys] for epoch in card.curve]
        parts += ["### Epochs", _table([CURVE[key] for key in keys], rows)]
    return "\n\n".join(parts) + "\n"


CURVE = {
    "number": "Epoch",
    "train_loss": "Loss, training",
    "loss": "Loss, held out",
    "accuracy": "Accuracy, distance",
    "ranking_accuracy": "Accuracy, ranking block",
    "lr": "Learning rate",
    "images": "Images",
    "seconds": "Seconds",
}
"""Headings of the numbers of an epoch."""


def _section(title: str, rows: Iterable[tuple[str, Any]]) -> list[str]:
    known = [(name, value) for name, value in rows if value not in (None, "", [], ())]
    lines = [[name.replace("_", " "), _value(value)] for name, value in known]
    return [f"### {title}", _table(("What", "Value"), lines)] if lines else []


def _accuracy(one: Accuracy) -> list[str]:
    span = (
        ""
        if one.low is None or one.high is None
        else f"{100 * one.low:.1f} to {100 * one.high:.1f}"
    )
    references = "" if one.references is None else f"{one.references:,}"
    return [one.where, f"{100 * one.value:.1f}", span, f"{one.triples:,}", references]


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([_plain(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _value(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_value(inner)}" for key, inner in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(_value, value))
    return str(value)


def _plain(text: str) -> str:
    """Text that Markdown shows as it stands, also in a cell of a table."""
    one = " ".join(text.split())
    return "".join(f"\\{sign}" if sign in "\\`*_[]<>|#" else sign for sign in one)
