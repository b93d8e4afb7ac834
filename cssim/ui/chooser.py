"""Choose one picture: of the library, by name or tag and seen before it is taken, or an upload.

What was chosen lies in the session state under the chooser's key, as an `Asked`.
"""

from __future__ import annotations

import base64
from pathlib import Path

import streamlit as st

from cssim.services import gallery, uploads
from cssim.services.uploads import Asked
from cssim.services.workspace import Workspace
from cssim.types import Image
from cssim.ui import tables, widgets, words

SHOWN = 24
"""Pictures on a page of the grid."""

_GRID = st.components.v2.component(
    "cssim_chooser",
    html='<div class="grid" role="group" aria-label="Pictures"></div>',
    css="""
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(96px, 1fr)); gap: 0.6rem; }
button { font: inherit; color: inherit; background: none; border: 2px solid transparent;
  border-radius: 10px; padding: 3px; cursor: pointer; min-width: 0; text-align: center; }
button:hover, button:focus-visible { border-color: var(--st-primary-color); outline: none; }
img { width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 7px; display: block;
  background: var(--st-secondary-background-color); }
span { display: block; font-size: 0.72rem; opacity: 0.8; overflow: hidden; white-space: nowrap;
  text-overflow: ellipsis; margin-top: 2px; }
""",
    js=(Path(__file__).parent / "chooser.js").read_text("utf-8"),
)


def choose(ws: Workspace, key: str, title: str, *, with_uploads: bool = True) -> None:
    """Open the dialog in which a picture is chosen; the page runs again when one is."""
    _opened(ws, key, title, with_uploads)


@st.dialog("Choose a picture", width="large")
def _opened(ws: Workspace, key: str, title: str, with_uploads: bool) -> None:
    st.caption(title)
    if not with_uploads:
        _library(ws, key)
        return
    library, upload = st.tabs(["From the library", "Upload"])
    with library:
        _library(ws, key)
    with upload:
        _upload(ws, key)


def _library(ws: Workspace, key: str) -> None:
    left, right = st.columns([3, 2])
    search = left.text_input(
        "Name contains", key=f"{key}_search", placeholder="e.g. ocean/00", max_chars=200
    )
    tags = gallery.tag_counts(ws)
    tag = right.selectbox(
        "Tag",
        [None, *tags],
        format_func=lambda name: "any" if name is None else f"{name} ({tags[name]:,})",
        key=f"{key}_tag",
    )
    page = int(st.session_state.get(f"{key}_page", 1))
    found = gallery.find_pictures(
        ws, tag=tag, search=search, available=True, offset=SHOWN * (page - 1), limit=SHOWN
    )
    if not found.images and page > 1:
        page = 1
        found = gallery.find_pictures(ws, tag=tag, search=search, available=True, limit=SHOWN)
    if not found.total:
        st.caption("No picture with pixels fits. Try fewer letters or another tag.")
        return
    result = _GRID(
        key=f"{key}_grid",
        data={"pictures": [_entry(image) for image in found.images]},
        on_chosen_change=lambda: None,
    )
    pages = -(-found.total // SHOWN)
    if pages > 1:
        st.number_input(
            f"Page, of {pages:,}", 1, pages, value=min(page, pages), key=f"{key}_page", width=160
        )
    st.caption(words.count(found.total, "picture"))
    if result.chosen is not None:
        images = {image.id: image for image in found.images}
        image = images.get(int(result.chosen))
        if image is not None:
            take(key, Asked(image.name, image_id=image.id))
            st.rerun()


def _upload(ws: Workspace, key: str) -> None:
    file = st.file_uploader(
        "A picture file",
        max_upload_size=ws.settings.max_upload_mb,
        key=f"{key}_file",
        help="It is looked at, not added to the project, and forgotten after a week.",
    )
    if file is None:
        return
    with widgets.errors():
        taken = uploads.take(ws, file.getvalue(), file.name)
        st.html(figure(ws, taken, side="11rem"))
        if st.button("Use this picture", key=f"{key}_use", type="primary"):
            take(key, taken)
            st.rerun()


def take(key: str, asked: Asked) -> None:
    """Remember a choice."""
    st.session_state[key] = asked


def taken(key: str) -> Asked | None:
    """What was chosen; None where nothing was."""
    found = st.session_state.get(key)
    return found if isinstance(found, Asked) else None


def figure(ws: Workspace, asked: Asked, *, side: str = "100%") -> str:
    """HTML of a chosen picture; uploads travel within the page, for no address serves them."""
    data = base64.b64encode(uploads.thumbnail(ws, asked, 512)).decode("ascii")
    return (
        f'<img src="data:image/jpeg;base64,{data}" alt="{tables.markup(asked.name)}" '
        f'style="width:{side};max-width:100%;aspect-ratio:1;object-fit:contain;'
        'border-radius:10px;display:block">'
    )


def _entry(image: Image) -> dict[str, object]:
    return {"id": image.id, "name": image.name, "src": tables.source(image)}
