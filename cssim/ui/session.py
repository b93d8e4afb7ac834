"""Who looks at a page: read from the session cookie with each rerun, never from anything else."""

from __future__ import annotations

import streamlit as st

from cssim.services import accounts
from cssim.types import Person, Role
from cssim.ui import runtime, words

COOKIE = "cssim_session"
"""Name of the session cookie without HTTPS; the same as in `cssim.web.http`, by a test."""
_OWNER = "_session_owner"


def current() -> Person | None:
    """Who is signed in; None for a session that has ended meanwhile."""
    return accounts.person_of_token(runtime.workspace(), token())


def token() -> str | None:
    """The session's token, as this browser's cookie holds it."""
    found: str | None = st.context.cookies.get(runtime.workspace().settings.session_cookie)
    return found


def address() -> str:
    """From where this browser comes; empty where Streamlit does not say."""
    found = st.context.ip_address
    return found if isinstance(found, str) else ""


def require(role: str) -> Person:
    """The signed-in person if they may do what `role` may; else a message, and the page stops.

    Each page calls this first: on a fresh server a deep link may run a page before the shell.

    Args:
        role: `annotator`, `researcher` or `administrator`.
    """
    person = current()
    if person is None:
        st.html(
            '<div style="text-align:center;padding:12vh 0"><h2>You are signed out</h2>'
            '<p>Nothing is lost.</p><p><a href="/sign-in" target="_self">Sign in again</a></p>'
            "</div>"
        )
        st.stop()
    _forget_others(person)
    if not person.role.may(Role(role)):
        st.info(
            f"This page is for {role}s, and you are signed in as "
            f"**{words.plain_markdown(person.name)}**, {person.role}. "
            "Ask an administrator if you need it.",
            icon=":material/lock:",
        )
        st.stop()
    return person


def _forget_others(person: Person) -> None:
    """A browser tab that changes hands keeps nothing of the one before."""
    if st.session_state.get(_OWNER, person.id) != person.id:
        st.session_state.clear()
    st.session_state[_OWNER] = person.id
