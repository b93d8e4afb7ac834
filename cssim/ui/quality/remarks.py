"""What annotators say is wrong with pages, and what may be done about such a page."""

from __future__ import annotations

import streamlit as st

from cssim.services import remarks
from cssim.services.remarks import Remark, RemarkedPage
from cssim.services.workspace import Workspace
from cssim.types import JudgementKind, Person
from cssim.ui import widgets, words
from cssim.ui.quality import pictures

AT_ONCE = 10
"""Pages that are shown before more are asked for."""
_DID = {
    JudgementKind.ANSWER: "answered it",
    JudgementKind.TIE: "could not say",
    JudgementKind.SKIP: "skipped it",
}


def draw(ws: Workspace, user: Person) -> None:
    """Pages with remarks, or that several people skipped, each with its pictures."""
    st.caption(
        "Annotators flag a page and say what is wrong with it, or skip it. Here are the pages with "
        "a remark, and those that two or more people skipped; the newest first."
    )
    waiting = st.toggle("Only pages that wait for answers", key="remarks_open")
    shown = st.session_state.setdefault("remarks_shown", AT_ONCE)
    found = remarks.remarked_pages(ws, only_open=waiting, limit=min(shown + 1, remarks.MOST))
    if not found:
        widgets.empty(
            "No remarks",
            "Nobody has flagged a page that waits for answers."
            if waiting
            else "Nobody has flagged a page. On the labelling page the key f does so.",
            icon=":material/flag:",
        )
        return
    for page in found[:shown]:
        _card(ws, page, user)
    if len(found) > shown and st.button(f"Show {AT_ONCE} more", key="remarks_more"):
        st.session_state["remarks_shown"] = shown + AT_ONCE
        st.rerun()


def _card(ws: Workspace, found: RemarkedPage, user: Person) -> None:
    with st.container(border=True, key=f"remarks_{found.page.id}"):
        said, action = st.columns([4, 1])
        with said:
            for one in found.remarks:
                st.markdown(_line(one))
        with action:
            _button(ws, found, user)
        names = [found.images[image].name for image in found.page.candidates]
        pictures.row(found.page, found.images, names, small=True)
        st.caption(
            f"Set {words.plain_markdown(found.cluster)} · page {found.page.id} · reference "
            f"{words.plain_markdown(found.images[found.page.reference].name)} · {_state(found)}"
        )


def _line(one: Remark) -> str:
    who = words.plain_markdown(one.person or "somebody")
    when = words.ago(one.at)
    if not one.text:
        return f"{who} {_DID[one.kind]}, {when}"
    return f"**{words.plain_markdown(one.text)}**  \n{who} {_DID[one.kind]}, {when}"


def _state(found: RemarkedPage) -> str:
    if found.is_check:
        return "a page that checks people"
    if found.is_open:
        return f"{found.done:,} of {words.count(found.wanted, 'answer')}"
    return f"{words.count(found.done, 'answer')}, handed out no more"


def _button(ws: Workspace, found: RemarkedPage, user: Person) -> None:
    if found.is_check:
        return
    word, act = (
        ("Hand out no more", remarks.stop_page)
        if found.is_open
        else ("Ask one more person", remarks.ask_once_more)
    )
    if st.button(word, key=f"remarks_act_{found.page.id}", width="stretch"):
        with widgets.errors():
            act(ws, found.page.id, by=user)
            st.rerun()
