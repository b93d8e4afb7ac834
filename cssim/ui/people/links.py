"""Links that let somebody in once: made here, shown once, handed over by who made them."""

from __future__ import annotations

from urllib.parse import urlsplit

import streamlit as st

from cssim.config import is_loopback
from cssim.errors import CSSimError
from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import widgets, words

_SHOWN = "people_link"


def draw_shown() -> None:
    """The link that was just made; it is shown until it is put away, and stored nowhere else."""
    kept = st.session_state.get(_SHOWN)
    if kept is None:
        return
    title, explanation, address = kept
    with st.container(border=True):
        st.markdown(
            f"**{title}** {explanation} Hand it over yourself; it works once and cannot be shown "
            "again."
        )
        st.code(address, language=None, wrap_lines=True)
        if is_loopback(urlsplit(address).hostname or ""):
            st.caption(
                "This address leads to the app on this machine only. For others, start it with "
                "`python -m cssim app --host 0.0.0.0`, or behind a proxy with `CSSIM_PUBLIC_URL`, "
                "and open this page under the address that they use."
            )
        st.button("Put it away", on_click=_put_away, key="people_link_away")


def _put_away() -> None:
    st.session_state.pop(_SHOWN, None)


def show(ws: Workspace, kind: str, token: str, title: str, explanation: str) -> None:
    """Remember a fresh link for `draw_shown`, and draw the page anew."""
    st.session_state[_SHOWN] = (title, explanation, f"{_site(ws)}/{kind}/{token}")
    st.rerun()


def draw_makers(ws: Workspace, person: Person, user: Person) -> None:
    """Buttons that make a sign-in link and a password link for a person."""
    name = words.plain_markdown(person.name)
    sign_in = st.button(
        "Make sign-in link",
        icon=":material/link:",
        disabled=not person.active,
        key="people_make_link",
        help="Signs them in once, within a day.",
    )
    reset = st.button(
        "Make password link",
        icon=":material/lock_reset:",
        disabled=not person.active,
        key="people_make_reset",
        help="They choose a new password with it, within a day; for one that was forgotten.",
    )
    try:
        if sign_in:
            token = accounts.make_link(ws, person.name, by=user)
            text = "Whoever opens it first, within 24 hours, is signed in as them."
            show(ws, "enter", token, f"Sign-in link for {name}.", text)
        if reset:
            token = accounts.make_reset(ws, person.name, by=user)
            text = "Whoever opens it first, within 24 hours, chooses their new password."
            show(ws, "reset", token, f"Password link for {name}.", text)
    except CSSimError as error:
        widgets.problem(error)


def _site(ws: Workspace) -> str:
    """The address under which people reach the app, or the administrator sees it."""
    parts = urlsplit(st.context.url or "")
    if not ws.settings.public_url and parts.scheme and parts.netloc:
        return f"{parts.scheme}://{parts.netloc}"
    return ws.settings.site
