"""Two models beside each other: where they differ, and how each one learned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import streamlit as st

from cssim.services import card_text, cards
from cssim.services.cards import Card
from cssim.services.workspace import Workspace
from cssim.types import ModelInfo
from cssim.ui import jobs_view, tables, words
from cssim.ui.models import card as one_card


def draw(ws: Workspace, models: Sequence[ModelInfo], wanted: ModelInfo | None) -> None:
    """Choose two, see what differs."""
    by_id = {model.id: model for model in reversed(models)}
    if len(by_id) < 2:
        st.caption("There is one model so far: train another one to compare it with.")
        return
    ids = list(by_id)
    first = ids.index(wanted.id) if wanted else 0
    left, right = st.columns(2)
    names = {i: model.name for i, model in by_id.items()}
    with left:
        a = st.selectbox("One", ids, index=first, format_func=lambda i: names[i], key="models_one")
    rest = [i for i in ids if i != a]
    with right:
        b = st.selectbox("The other", rest, format_func=lambda i: names[i], key="models_other")
    one, other = (cards.model_card(ws, names[i]) for i in (a, b))
    _table(one, other)
    pairs = ((one, other), (other, one))
    for column, (card, beside) in zip(st.columns(2, gap="large"), pairs, strict=True):
        with column:
            if len(card.curve) > 1:
                st.markdown(f"**{words.plain_markdown(card.model.name)}**")
                key, name = f"models_pair_{card.model.id}", card.model.name
                jobs_view.draw_curves(card.curve, key=key, name=name, beside=beside.curve)


def _table(one: Card, other: Card) -> None:
    found = cards.differences(one, other)
    if not found:
        st.caption("They differ in nothing but their names.")
        return
    found.sort(key=lambda row: not row[0].startswith("accuracy"))  # what was reached, then how
    rows = [[_label(what), _value(what, a), _value(what, b)] for what, a, b in found]
    columns = ("What differs", one.model.name, other.model.name)
    tables.table(columns, rows, numbers=columns[1:], caption="Where two models differ")
    spans = [_span(card) for card in (one, other)]
    if all(spans):
        st.caption(
            f"95 % intervals of the local accuracies: {spans[0]} and {spans[1]}. Whether one model "
            "is better than the other is what **Compare** tells, on the same triples of a set "
            "with many references."
        )


def _span(card: Card) -> str:
    found = card.local
    if found is None or found.low is None or found.high is None:
        return ""
    return f"{100 * found.low:.1f} to {100 * found.high:.1f}"


def _label(what: str) -> str:
    kind, _, rest = what.partition(": ")
    if kind == "data" and rest:
        return f"Data: {card_text.DATA.get(rest, rest)}"
    text = what.replace("_", " ")
    return text[:1].upper() + text[1:]


def _value(what: str, given: Any) -> str:
    if what.startswith("accuracy") and isinstance(given, float):
        return words.percent(given)
    return one_card.value(given)
