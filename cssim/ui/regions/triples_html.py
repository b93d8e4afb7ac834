"""References and triples as HTML: pictures, what people said, what each model said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import streamlit as st

from cssim.services.inspecting import InspectedRow
from cssim.services.selecting import SelectedTriple
from cssim.types import Image
from cssim.ui import tables, words

_STYLE = """<style>
.cs-triple { border: 1px solid color-mix(in srgb, currentColor 18%, transparent);
  border-radius: 12px; padding: 0.6rem; display: grid; grid-template-columns: 1fr 1fr 1fr;
  gap: 0.6rem; font-size: 0.82rem; line-height: 1.35; }
.cs-triple figure { margin: 0; min-width: 0; }
.cs-triple img, .cs-triple .cs-blank { width: 100%; aspect-ratio: 4 / 3; object-fit: cover;
  border-radius: 8px; display: block; }
.cs-triple figcaption { overflow-wrap: anywhere; margin-top: 0.25rem; }
.cs-triple .cs-people { font-weight: 600; }
.cs-said { display: flex; flex-wrap: wrap; gap: 0.2rem; margin-top: 0.3rem; }
.cs-said span { border-radius: 1rem; padding: 0 0.45rem; font-size: 0.72rem;
  border: 1px solid color-mix(in srgb, currentColor 22%, transparent); }
.cs-said summary { cursor: pointer; font-size: 0.74rem; }
.cs-said details div { display: flex; flex-wrap: wrap; gap: 0.2rem; margin-top: 0.2rem; }
.cs-said .cs-mine { font-weight: 700; border-width: 2px; }
.cs-said .cs-wrong { border-style: dashed; border-color: #D55E00; }
.cs-head { grid-column: 1 / -1; display: flex; gap: 0.6rem; justify-content: space-between;
  flex-wrap: wrap; }
.cs-refs { display: grid; grid-template-columns: repeat(auto-fill, minmax(112px, 1fr));
  gap: 0.6rem; }
.cs-refs figure { margin: 0; min-width: 0; font-size: 0.76rem; line-height: 1.3; }
.cs-refs img, .cs-refs .cs-blank { width: 100%; aspect-ratio: 4 / 3; object-fit: cover;
  border-radius: 8px; display: block; }
.cs-refs figcaption { overflow-wrap: anywhere; margin-top: 0.2rem; }
.cs-refs a, .cs-triple a { color: inherit; text-decoration: none; }
.cs-refs a:hover, .cs-triple a:hover { text-decoration: underline; }
</style>"""
CHIPS = 5
"""Rows that are named under a candidate at once."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A reference in the gallery."""

    image: Image
    accuracy: float
    """Of the chosen row, 0..1."""
    triples: int


def gallery(cards: Sequence[Shown]) -> None:
    """Thumbnails with name, accuracy and triples; each leads to the reference's own page."""
    st.html(_STYLE + f'<div class="cs-refs">{"".join(map(_card, cards))}</div>')


def triple(
    one: SelectedTriple, images: Mapping[int, Image], rows: Sequence[InspectedRow], row: int
) -> None:
    """One triple: R, A, B; votes and classes; which models say what.

    Args:
        one: the triple.
        images: of its three pictures, by id.
        rows: all rows, in the order of the answers.
        row: the chosen one; a heavy frame marks it.
    """
    credit, mine = one.credits[row], escape(rows[row].name)
    verdict = "agrees with" if credit > 0.5 else "is against" if credit < 0.5 else "divides evenly"
    voters = one.votes_a + one.votes_b
    share = (
        "" if voters == 1 else f" ({100 * credit:.0f} % of {words.count(voters, 'vote')} with it)"
    )
    head = f"<strong>{mine}</strong>&nbsp;{verdict} people{share}"
    body = (
        f'<div class="cs-head"><span>{head}</span><span class="cs-quiet">page {one.page}</span>'
        "</div>"
        + _figure(images.get(one.reference), "Reference", "", link=True)
        + _side("A", one, images, rows, row)
        + _side("B", one, images, rows, row)
    )
    st.html(_STYLE + f'<div class="cs-triple" data-reference="{one.reference}">{body}</div>')


def _side(
    side: str,
    one: SelectedTriple,
    images: Mapping[int, Image],
    rows: Sequence[InspectedRow],
    row: int,
) -> str:
    image, votes, given = (
        (one.a, one.votes_a, one.class_a) if side == "A" else (one.b, one.votes_b, one.class_b)
    )
    voters = one.votes_a + one.votes_b
    about = f", class {given:.2g}" if given is not None else ""
    said = f"{votes:g} of {words.count(voters, 'person', 'people')}{about}"
    people = f'<div class="cs-people">{said}</div>'
    chips = []
    for i, (answer, credit) in enumerate(zip(one.answers, one.credits, strict=True)):
        if answer == side or (answer == "tie" and i == row):
            kinds = ["cs-mine"] * (i == row) + ["cs-wrong"] * (credit < 0.5)
            text = escape(rows[i].name) + (" (tie)" if answer == "tie" else "")
            title = "against most people" if credit < 0.5 else "with most people"
            chips.append(f'<span class="{" ".join(kinds)}" title="{title}">{text}</span>')
    return _figure(images.get(image), f"{side} is closer", people + _said(chips))


def _said(chips: Sequence[str]) -> str:
    """Names of rows in small frames; many of them behind a fold, the chosen row always in sight."""
    if not chips:
        return ""
    ranked = sorted(chips, key=lambda chip: "cs-mine" not in chip)
    shown, rest = ranked[:CHIPS], ranked[CHIPS:]
    more = ""
    if rest:
        fold = "".join(rest)
        more = f"<details><summary>and {len(rest)} more</summary><div>{fold}</div></details>"
    return f'<div class="cs-said">{"".join(shown)}{more}</div>'


def _figure(image: Image | None, title: str, more: str, *, link: bool = False) -> str:
    name = "gone" if image is None else image.name
    caption = f'<span class="cs-quiet">{escape(title)}</span><br>'
    text = escape(name)
    if link and image is not None:
        text = f'<a href="/reference?image={image.id}" target="_self">{text}</a>'
    return f"<figure>{_picture(image)}<figcaption>{caption}{text}{more}</figcaption></figure>"


def _picture(image: Image | None) -> str:
    if image is None or not image.sha256:
        return '<span class="cs-blank"></span>'
    name = escape(image.name)
    return f'<img src="{tables.source(image)}" alt="{name}" loading="lazy">'


def _card(one: Shown) -> str:
    name = escape(one.image.name)
    return (
        f'<figure data-image="{one.image.id}"><a href="/reference?image={one.image.id}" '
        f'target="_self">{_picture(one.image)}<figcaption>{name}<br>'
        f"<strong>{words.percent(one.accuracy, 0)}</strong> of "
        f"{words.count(one.triples, 'triple')}</figcaption></a></figure>"
    )
