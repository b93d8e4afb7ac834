"""The page to choose on, made from Streamlit's own widgets: what the element is compared with.

Run by `tests/benchmarks/labelling.py` as a server of its own, on the same home folder.
"""

from __future__ import annotations

import uuid

import streamlit as st

from cssim.config import load_settings
from cssim.services import accounts, annotating
from cssim.services.annotating import Handout, Reply
from cssim.services.workspace import Workspace, open_workspace
from cssim.types import Answer, JudgementKind, Person


@st.cache_resource
def opened() -> tuple[Workspace, Person]:
    """The workspace, and the person who labels on this page."""
    ws = open_workspace(load_settings())
    (person,) = [one for one in accounts.list_people(ws) if one.name == "Native"]
    return ws, person


def next_page() -> Handout:
    """A page from the queue, topped up when it is empty as the element does."""
    ws, person = opened()
    if not st.session_state.get("queue"):
        st.session_state.queue = list(annotating.next_pages(ws, person, want=6).pages)
    page: Handout = st.session_state.queue.pop(0)
    return page


def choose(place: int) -> None:
    """Store the answer and go on."""
    ws, person = opened()
    page: Handout = st.session_state.page
    order = (page.shown[place], page.shown[1 - place])
    said = Answer(JudgementKind.ANSWER, order)
    annotating.answer(ws, person, Reply(uuid.uuid4().hex, page.lease_id, said))
    st.session_state.page = next_page()


st.set_page_config(layout="wide")
if "page" not in st.session_state:
    st.session_state.page = next_page()
shown: Handout = st.session_state.page
ids = [shown.page.candidates[position] for position in shown.shown]
ids.insert(1, shown.page.reference)
for column, id_ in zip(st.columns(3), ids, strict=True):
    sha256 = shown.images[id_].sha256 or ""
    column.image(opened()[0].store.thumbnail(sha256, 512), width="stretch")
left, right = st.columns(2)
left.button("Left", shortcut="1", on_click=choose, args=(0,), width="stretch")
right.button("Right", shortcut="2", on_click=choose, args=(1,), width="stretch")
