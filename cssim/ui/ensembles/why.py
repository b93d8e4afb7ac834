"""Why an ensemble weighs its members as it does about a reference: what speaks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from cssim.services import offers
from cssim.services.vectors import Shelf
from cssim.ui import tables, words

BEST = 5
"""Members that have a column, those with the most weight: more do not fit beside each other."""


def draw(shelf: Shelf, explanation: Mapping[str, Any]) -> None:
    """In words, then the validation references that look most like it.

    Args:
        shelf: for the pictures of the references.
        explanation: plain values of an `Explanation`.
    """
    tables.section("Why")
    title = offers.strategy_titles().get(explanation["strategy"], (explanation["strategy"],))[0]
    if not explanation["by_reference"]:
        st.markdown(
            f"*{words.plain_markdown(title)}* weighs its members the same for every reference; "
            "the references below only show how they did on what looks similar."
        )
    elif explanation["references"] is None:
        st.markdown(
            f"*{words.plain_markdown(title)}* makes its weights from what the reference looks "
            f"like to {words.plain_markdown(explanation['encoder'])}."
        )
    else:
        st.markdown(
            f"*{words.plain_markdown(title)}* weighs by what it expects of each member here, from "
            f"{words.count(explanation['references'], 'validation reference')} with "
            f"{words.count(explanation['triples'], 'triple')}."
        )
    if explanation["nearest"]:
        _nearest(shelf, explanation)
    else:
        st.caption("It was built without validation answers, so it knows of no similar references.")


def _nearest(shelf: Shelf, explanation: Mapping[str, Any]) -> None:
    overall = explanation["overall"] or {}
    weights = explanation["weights"]
    members = sorted(weights, key=lambda name: -abs(weights[name]))
    shown = members[:BEST]
    columns = ["Similar reference", "Distance", "Triples", *shown]
    rows = []
    for one in explanation["nearest"]:
        image = (
            shelf.images[shelf.place[one["image_id"]]] if one["image_id"] in shelf.place else None
        )
        name = link(one["image_id"], one["name"]) if image is not None else one["name"]
        rows.append(
            [
                tables.named(image, name),
                f"{one['distance']:.3f}",
                f"{one['triples']:,}",
                *(words.percent(one["accuracy"][member], 0) for member in shown),
            ]
        )
    rows.append(
        [tables.Markup("<em>all validation references</em>"), "", ""]
        + [words.percent(overall.get(member), 0) for member in shown]
    )
    tables.table(columns, rows, numbers=columns[1:], caption="Similar validation references")
    st.caption(
        f"Near by the embedding of {words.plain_markdown(explanation['encoder'])}. The shares say "
        "how often each member agreed with people there"
        + (
            f"; shown are the {words.count(len(shown), 'member')} with the most weight."
            if shown != members
            else "."
        )
        + " A reference with few triples says little by itself."
    )


def link(image_id: int, name: str) -> tables.Markup:
    """A link to the page of one reference."""
    return tables.Markup(
        f'<a href="/reference?image={int(image_id)}" target="_self">{tables.markup(name)}</a>'
    )
