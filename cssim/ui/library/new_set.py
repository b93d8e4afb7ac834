"""A new set of open pages, drawn from the project's images, with its cost before it is made."""

from __future__ import annotations

import streamlit as st

from cssim.errors import BadInput
from cssim.services import gallery
from cssim.services.library import draw_cluster
from cssim.services.workspace import Workspace
from cssim.types import MAX_CANDIDATES, MIN_CANDIDATES, ClusterKind, Image, PageMode
from cssim.ui import tables, widgets, words

PAGES_OF_A_CONTEXT = 334
"""As in CoSIS: about a thousand triples for one reference."""
_RANDOM = "Draw one at random"
_ANY = "All images"
_PURPOSES = {
    ClusterKind.CONTEXT: "Context: one reference, to train a CS model",
    ClusterKind.VALIDATION: "Validation: many references, to choose models and fit ensembles",
    ClusterKind.TEST: "Test: many references, to report only",
    ClusterKind.GOLD: "Gold: many references, to check people",
}
_OFFERED = 50
"""References offered by name at once; a search narrows them."""


def draw(ws: Workspace) -> None:
    """The questions, the cost, and the button."""
    if gallery.find_pictures(ws, available=True, limit=1).total <= MIN_CANDIDATES:
        widgets.empty(
            "Too few images",
            "A set is drawn from images whose pixels are here, and a page needs at least three. "
            "Open **Import** and add pictures first.",
            icon=":material/add_photo_alternate:",
        )
        return
    st.caption(
        "Pages that are asked as they are. For repeats, gold pages and more people where they "
        "disagree, make a plan on the page **Plans**."
    )
    left, right = st.columns([3, 2], gap="large")
    with left:
        kind = st.selectbox(
            "What it is for", list(_PURPOSES), format_func=_PURPOSES.__getitem__, key="new_set_kind"
        )
        name = st.text_input("Name", key="new_set_name", placeholder="e.g. ocean")
        tag, references, context = _references(ws, kind)
        pages, candidates, mode, people = _pages(kind)
        seed = st.number_input(
            "Seed",
            0,
            2**31 - 1,
            0,
            key="new_set_seed",
            width=160,
            help="The same seed on the same images draws the same pages.",
        )
    count = references if isinstance(references, int) else 1
    with right:
        _cost(ws, count * pages, people, mode)
        if isinstance(references, Image):
            st.caption("The reference")
            tables.grid([references])
        go = st.button("Make the set", type="primary", key="new_set_make", width="stretch")
        if go:
            with widgets.errors():
                if not name.strip():
                    raise BadInput("a set needs a name; give it one")
                cluster = draw_cluster(
                    ws,
                    name.strip(),
                    kind,
                    references=references if isinstance(references, int) else [references.id],
                    pages_per_reference=pages,
                    candidates=candidates,
                    mode=mode,
                    wanted=people,
                    tag=tag,
                    context=context,
                    seed=int(seed),
                )
                st.success(
                    f"**{words.plain_markdown(cluster.name)}** is there: "
                    f"{words.count(count * pages, 'page')} wait to be answered.",
                    icon=":material/check_circle:",
                )
                widgets.page_link("annotate", "Label now", icon=":material/touch_app:")


def _references(ws: Workspace, kind: ClusterKind) -> tuple[str | None, int | Image, str | None]:
    """(tag to draw among, how many references or the one that was chosen, its context)."""
    tags = gallery.tag_counts(ws)
    chosen = st.selectbox(
        "References from",
        [_ANY, *tags],
        format_func=lambda tag: (
            f"{tag} ({words.count(tags[tag], 'image')})" if tag in tags else tag
        ),
        key="new_set_tag",
        help="Candidates are always drawn from all images.",
    )
    tag = None if chosen == _ANY else chosen
    if kind is not ClusterKind.CONTEXT:
        return tag, int(st.number_input("References", 1, 100_000, 50, key="new_set_count")), None
    search = st.text_input(
        "Find a reference by name", key="new_set_search", icon=":material/search:"
    )
    found = gallery.find_pictures(ws, tag=tag, search=search, available=True, limit=_OFFERED)
    by_name = {image.name: image for image in found.images}
    name = st.selectbox(
        "Reference",
        [_RANDOM, *by_name],
        key="new_set_reference",
        help=f"The first {_OFFERED} of {found.total:,} that fit are offered; search for others.",
    )
    return tag, by_name.get(name, 1), tag


def _pages(kind: ClusterKind) -> tuple[int, int, PageMode, int]:
    """(pages for each reference, candidates, how they are answered, people for each page)."""
    default = PAGES_OF_A_CONTEXT if kind is ClusterKind.CONTEXT else 1
    first, second, third = st.columns(3)
    pages = first.number_input(
        "Pages per reference", 1, 100_000, default, key=f"new_set_pages_{kind.value}"
    )
    candidates = second.number_input(
        "Candidates",
        MIN_CANDIDATES,
        MAX_CANDIDATES,
        3,
        key="new_set_candidates",
        help="A page with k candidates gives k (k − 1) / 2 triples.",
    )
    people = third.number_input(
        "People per page",
        1,
        100,
        1,
        key="new_set_people",
        help="How many people are to answer each page.",
    )
    mode = PageMode.RANK
    if candidates == 2:
        choose = st.checkbox(
            "Only ask which is closer, without classes", True, key="new_set_choose"
        )
        mode = PageMode.CHOOSE if choose else PageMode.RANK
    return int(pages), int(candidates), mode, int(people)


def _cost(ws: Workspace, pages: int, people: int, mode: PageMode) -> None:
    seconds, answers = gallery.seconds_per_page(ws, mode)
    with st.container(border=True):
        st.metric("Labelling time, all people together", words.duration(pages * people * seconds))
        basis = (
            f"the mean of the last {words.count(answers, 'answer')}"
            if answers
            else "a guess so far"
        )
        times = f" × {words.count(people, 'person', 'people')}" if people > 1 else ""
        st.caption(f"{words.count(pages, 'page')}{times} × {seconds:.1f} s ({basis})")
