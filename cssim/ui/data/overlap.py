"""What sets share, and which pictures are nearly the same."""

from __future__ import annotations

import math
from collections.abc import Sequence

import streamlit as st

from cssim.plots.holdings import shared_figure
from cssim.services.surveys import Near, Survey
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import figures, jobs_view, tables, widgets, words
from cssim.ui.data import asking, kept

SHOWN = 24
"""Pairs on the page at first; more on demand."""
NAMED = 3
"""Sets that are named with a pair."""


def draw_sets(ws: Workspace, user: Person) -> None:
    """The matrix of what each two sets have in common."""
    if len(kept.clusters(ws)) < 2:
        widgets.empty(
            "Nothing to hold against each other",
            "With two sets or more this shows which pictures they share: what a model was trained "
            "on must not be what it is judged on.",
            icon=":material/join_inner:",
        )
        return
    found = asking.survey(
        ws, user, key="data_overlap", tells="which sets hold nearly the same pictures"
    )
    _matrix(ws, found)
    if found is not None:
        asking.footnotes(found)


@st.fragment
def _matrix(ws: Workspace, found: Survey | None) -> None:
    shared = kept.shared(ws, found)
    kinds = {
        "images": "Shared pictures",
        "references": "References seen",
        **({"near": "Near duplicates"} if shared.near is not None else {}),
    }
    kind = st.segmented_control(
        "What they share",
        list(kinds),
        default="images",
        required=True,
        format_func=kinds.__getitem__,
        key="data_overlap_kind",
    )
    tells = {
        "images": "Share of the column's pictures that are in the row's set, too.",
        "references": "Share of the column's references that occur anywhere in the row's set: a "
        "model trained on the row has seen them.",
        "near": "Share of the column's pictures, not in the row's set, that nearly duplicate one "
        "of it.",
    }
    st.caption(f"In per cent. {tells[str(kind)]}")
    own = [int(shared.images[i, i]) for i in range(len(shared.names))]
    asked = [int(shared.references[i, i]) for i in range(len(shared.names))]
    counts = {"images": shared.images, "references": shared.references, "near": shared.near}
    chosen, sizes = counts[str(kind)], asked if kind == "references" else own
    if chosen is None:
        return
    figures.figure(
        shared_figure(
            shared.names,
            chosen,
            sizes,
            "references" if kind == "references" else "pictures",
            dark=jobs_view.is_dark(),
        ),
        key="data_overlap_matrix",
        name=f"{kinds[str(kind)]} between sets",
        data=[
            {
                "in": row,
                "of": column,
                "pictures": own[j],
                "shared pictures": int(shared.images[i, j]),
                "references seen": int(shared.references[i, j]),
                "near duplicates": "" if shared.near is None else int(shared.near[i, j]),
            }
            for i, row in enumerate(shared.names)
            for j, column in enumerate(shared.names)
            if i != j
        ],
        alt=_alt(shared.names, chosen, sizes, kinds[str(kind)]),
    )


def _alt(names: Sequence[str], counts: object, sizes: Sequence[int], title: str) -> str:
    table = [list(map(int, row)) for row in counts]  # type: ignore[attr-defined]
    pairs = [
        (table[i][j] / sizes[j], names[i], names[j])
        for i in range(len(names))
        for j in range(len(names))
        if i != j and sizes[j]
    ]
    share, row, column = max(pairs, default=(0.0, "", ""))
    if not share:
        return f"{title} between {words.count(len(names), 'set')}: none."
    return (
        f"{title} between {words.count(len(names), 'set')}; most: {share:.0%} of {column} in {row}."
    )


def draw_pairs(ws: Workspace, user: Person) -> None:
    """Near duplicates side by side."""
    found = asking.survey(
        ws, user, key="data_pairs", tells="which pictures of the project are nearly the same"
    )
    if found is None:
        return
    _pairs(ws, found)
    asking.footnotes(found)


@st.fragment
def _pairs(ws: Workspace, found: Survey) -> None:
    total = len(found.arrays.pairs)
    if not total:
        st.success("No near duplicates were found.", icon=":material/check_circle:")
        return
    across = st.toggle("Only pairs that lie in two sets", key="data_pairs_across")
    limit = SHOWN * int(st.session_state.get("data_pairs_more", 1))
    pairs = kept.near(ws, found, across_sets=across, limit=limit)
    st.caption(
        f"{words.count(total, 'pair')} of near duplicates in the project, the nearest first. They "
        "are marked where they leak, and never refused: look whether they are the same picture. "
        "Prints differ in 0 to 64 bits; the distance is the cosine distance of the embeddings."
    )
    if not pairs:
        st.info("No pair lies in two sets.", icon=":material/info:")
        return
    tables.style()
    st.html(f'<div class="cs-pairs">{"".join(map(_pair, pairs))}</div>')
    if len(pairs) == limit:
        st.button("Show more", key="data_pairs_next", on_click=_more)


def _more() -> None:
    st.session_state["data_pairs_more"] = int(st.session_state.get("data_pairs_more", 1)) + 1


def _pair(pair: Near) -> str:
    distance = "" if math.isnan(pair.distance) else f"distance {pair.distance:.3f}, "
    more = f" and {len(pair.sets) - NAMED} more" if len(pair.sets) > NAMED else ""
    sets = f", in {', '.join(pair.sets[:NAMED])}{more}" if pair.sets else ""
    told = tables.markup(f"{distance}{words.count(pair.bits, 'bit')}{sets}")
    pictures = "".join(
        f'<a href="{tables.source(image, tables.LARGE)}" target="_blank" rel="noopener">'
        f'<img src="{tables.source(image)}" alt="{tables.markup(image.name)}" '
        f'title="{tables.markup(image.name)}" loading="lazy"></a>'
        for image in (pair.one, pair.other)
    )
    return f"<figure>{pictures}<figcaption>{told}</figcaption></figure>"
