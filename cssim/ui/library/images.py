"""The images of a project: found by tag and name, page by page."""

from __future__ import annotations

import streamlit as st

from cssim.services import gallery
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from cssim.ui import tables, widgets
from cssim.ui.library import withdrawn

PER_PAGE = 48
_ALL = "All tags"
_PIXELS = {"All": None, "With pixels": True, "Names only": False}
_AT = "library_images_at"


def draw(ws: Workspace, user: Person) -> None:
    """Filters, thumbnails, the way to the next page of them, and for some the way out."""
    tags = gallery.tag_counts(ws)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        tag = st.selectbox(
            "Tag",
            [_ALL, *tags],
            format_func=lambda name: f"{name} ({tags[name]:,})" if name in tags else name,
            key="library_images_tag",
            on_change=_first_page,
            width=240,
        )
        search = st.text_input(
            "Name contains",
            key="library_images_search",
            on_change=_first_page,
            width=240,
            icon=":material/search:",
        )
        pixels = st.segmented_control(
            "Pixels",
            list(_PIXELS),
            default="All",
            required=True,
            key="library_images_pixels",
            on_change=_first_page,
        )
    start = int(st.session_state.get(_AT, 0))
    found = gallery.find_pictures(
        ws,
        tag=None if tag == _ALL else tag,
        search=search,
        available=_PIXELS[pixels or "All"],
        offset=start,
        limit=PER_PAGE,
    )
    if found.total and not found.images:  # images went away, or a link led past the end
        _first_page()
        st.rerun()
    if not found.total:
        _nothing(filtered=tag != _ALL or bool(search) or pixels != "All")
        return
    tables.grid(found.images)
    _pager(start, len(found.images), found.total)
    if user.role.may(Role.ADMINISTRATOR):
        withdrawn.form(ws, user, found.images)


def _nothing(*, filtered: bool) -> None:
    if filtered:
        widgets.empty("Nothing fits", "Take a filter away to see more images.")
        return
    widgets.empty(
        "No images yet",
        "Open **Import** and drop picture files there, or let an administrator name a folder of "
        "the server. `python -m cssim images add FOLDER` does the same.",
        icon=":material/add_photo_alternate:",
    )


def _pager(start: int, shown: int, total: int) -> None:
    with st.container(horizontal=True, horizontal_alignment="center", vertical_alignment="center"):
        st.button(
            "Earlier",
            icon=":material/chevron_left:",
            disabled=start == 0,
            on_click=_move,
            args=(max(0, start - PER_PAGE),),
            key="library_images_back",
        )
        st.markdown(f"{start + 1:,} to {start + shown:,} of {total:,}", width="content")
        st.button(
            "Later",
            icon=":material/chevron_right:",
            icon_position="right",
            disabled=start + shown >= total,
            on_click=_move,
            args=(start + PER_PAGE,),
            key="library_images_on",
        )


def _first_page() -> None:
    _move(0)


def _move(start: int) -> None:
    st.session_state[_AT] = start
