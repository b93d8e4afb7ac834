"""The triples of one reference: what people said, what each model says, who is right."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from cssim.services import triple_rows
from cssim.services.one_reference import Judge
from cssim.services.vectors import Shelf, Triples
from cssim.types import Image
from cssim.ui import figures, tables, words

SHOWN = 15
"""Triples on a page of the table."""
COLUMNS = 8
"""Models that have a column at first."""
STYLE = """<style>
.cs-said { display: inline-block; min-width: 1.5rem; text-align: center; font-weight: 700;
  border-radius: 6px; padding: 0 .3rem; border: 2px solid #0072B2; }
.cs-right { background: #0072B2; color: #fff; }
.cs-wrong { border-color: #D55E00; border-style: dashed; }
.cs-triple img { width: 62px; height: 62px; object-fit: cover; border-radius: 8px; display: block; }
.cs-triple { display: inline-block; text-align: left; font-size: .75rem; max-width: 6rem;
  overflow-wrap: anywhere; }
.cs-hear { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
</style>"""


def draw(shelf: Shelf, image: Image, triples: Triples, judges: Sequence[Judge]) -> None:
    """Controls and the table, redrawn by themselves."""
    st.fragment(_drawn)(shelf, image, triples, judges)


def _drawn(shelf: Shelf, image: Image, triples: Triples, judges: Sequence[Judge]) -> None:
    known = {one.name: one for one in judges if one.answered}
    first, second, third = st.columns([2, 2, 3])
    mistaken = first.selectbox(
        "Show",
        [None, *known],
        format_func=lambda name: "all triples" if name is None else f"mistakes of {name}",
        key="reference_mistakes",
    )
    order = second.selectbox("Sorted by", triple_rows.ORDERS, key="reference_order")
    start = [one.name for one in known.values() if one.kind in ("cs", "ensemble")] or list(known)
    columns = third.multiselect(
        "Columns", list(known), default=start[:COLUMNS], key=f"reference_columns_{len(known)}"
    )
    shown = [known[name] for name in columns]
    if mistaken is not None and mistaken not in columns:
        shown.insert(0, known[mistaken])
    at = triple_rows.ordered(triples, known, order, mistakes_of=mistaken)
    if not at:
        st.caption(f"{mistaken} makes no mistake here." if mistaken else "No answers yet.")
        return
    pages = -(-len(at) // SHOWN)
    page = 1
    if pages > 1:
        page = int(
            st.number_input(
                f"Page, of {pages}", 1, pages, 1, width=150,
                key=f"reference_page_{image.id}_{mistaken}_{order}",
            )
        )  # fmt: skip
    _table(shelf, triples, shown, at[SHOWN * (page - 1) : SHOWN * page])
    what = "triple" if mistaken is None else "mistake"
    st.caption(
        f"{words.count(len(at), what)}. A filled letter is an answer that most people share, a "
        "dashed one a mistake; below it the model's distances to A and to B, smaller = closer."
    )
    st.download_button(
        "Triples as CSV",
        lambda: figures.rows_csv(triple_rows.rows_of(shelf, triples, judges)),
        file_name=f"{figures.file_stem(f'triples of {image.name}')}.csv",
        mime="text/csv",
        key="reference_triples_csv",
        on_click="ignore",
        type="tertiary",
        icon=":material/download:",
    )


def _table(shelf: Shelf, triples: Triples, judges: Sequence[Judge], at: Sequence[int]) -> None:
    columns = ["A", "B", "People", *(one.name for one in judges)]
    rows = []
    for row in at:
        cells = [
            _picture(shelf, int(triples.a[row])),
            _picture(shelf, int(triples.b[row])),
            _people(triples, row),
        ]
        rows.append([*cells, *(_answer(one, row) for one in judges)])
    st.html(STYLE)
    tables.table(columns, rows, numbers=columns[3:], caption="Triples of this reference")


def _picture(shelf: Shelf, image_id: int) -> tables.Markup:
    at = shelf.place.get(image_id)
    if at is None:
        return tables.quiet(f"image {image_id}, no pixels")
    image = shelf.images[at]
    name = tables.markup(image.name)
    return tables.Markup(
        f'<span class="cs-triple"><a href="/reference?image={image.id}" target="_self">'
        f'<img src="{tables.source(image, 128)}" alt="{name}" title="{name}" loading="lazy"></a>'
        f'<span class="cs-quiet">{name}</span></span>'
    )


def _people(triples: Triples, row: int) -> tables.Markup:
    """Votes, and the classes where any were given."""
    for_a, for_b = float(triples.votes_a[row]), float(triples.votes_b[row])
    says = "A" if for_a > for_b else "B" if for_b > for_a else "even"
    classes = [float(triples.class_a[row]), float(triples.class_b[row])]
    said = "" if any(map(math.isnan, classes)) else f"classes {classes[0]:.2g} and {classes[1]:.2g}"
    return tables.lines(
        tables.Markup(f"<strong>{says}</strong>"),
        tables.quiet(f"{for_a:g} : {for_b:g}"),
        tables.quiet(said) if said else "",
    )


def _answer(judge: Judge, row: int) -> tables.Markup:
    """The letter it says, whether people agree, and its two distances."""
    to_a, to_b = judge.distances[row]
    if math.isnan(to_a):
        return tables.quiet("not embedded")
    letter = "=" if to_a == to_b else "A" if to_a < to_b else "B"
    credit = judge.credit[row]
    state = "right" if credit > 0.5 else "wrong" if credit < 0.5 else "undecided"
    return tables.lines(
        tables.Markup(
            f'<span class="cs-said cs-{state}" title="{state}">{letter}</span>'
            f'<span class="cs-hear"> {state}</span>'
        ),
        tables.quiet(f"{to_a:.3f}"),
        tables.quiet(f"{to_b:.3f}"),
    )
