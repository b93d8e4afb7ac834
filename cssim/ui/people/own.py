"""One's own account: where one is signed in, and the password."""

from __future__ import annotations

import streamlit as st

from cssim.errors import BadInput
from cssim.services import accounts
from cssim.services.accounts import SessionInfo
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import session, tables, widgets, words

_COLUMNS = ("Device", "Address", "Signed in", "Last used")


def draw_sign_out() -> None:
    """The way out, in this tab (`st.link_button` would open another one)."""
    st.html(
        "<style>.cs-out { display: inline-block; padding: 0.4rem 0.9rem; color: inherit; "
        "text-decoration: none; border-radius: 0.6rem; border: 1px solid "
        "color-mix(in srgb, currentColor 25%, transparent); } "
        ".cs-out:hover { border-color: currentColor; }</style>"
        '<a class="cs-out" href="/sign-out" target="_self">Sign out on this device</a>'
    )


def draw_sessions(ws: Workspace, user: Person) -> None:
    """Where this person is signed in, and buttons that sign out."""
    token = session.token()
    standing = accounts.list_sessions(ws, user, token)
    rows = [
        [
            tables.words(
                one.device or "unknown device", tables.tag("this one") if one.current else ""
            ),
            one.address or tables.quiet("unknown"),
            words.ago(one.created_at),
            "now" if one.current else words.ago(one.seen_at) or tables.quiet("never"),
        ]
        for one in standing
    ]
    tables.table(_COLUMNS, rows, caption="Where you are signed in")
    others = {one.handle: one for one in standing if not one.current}
    if not others:
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        handle = st.selectbox(
            "Device",
            list(others),
            format_func=lambda key: _name(others[key]),
            key="account_session",
            width=320,
        )
        if st.button("Sign it out", key="account_end"):
            with widgets.errors():
                accounts.end_session(ws, user, handle)
                st.rerun()
        if st.button(
            "Sign out everywhere else", icon=":material/logout:", key="account_end_others"
        ):
            accounts.sign_out_everywhere(ws, user, but=token)
            st.rerun()


def _name(one: SessionInfo) -> str:
    parts = (one.device or "unknown device", one.address, words.ago(one.created_at))
    return ", ".join(part for part in parts if part)


def draw_password(ws: Workspace, user: Person) -> None:
    """A form for a new password; the present one is asked for where there is one."""
    has_one = accounts.has_password(ws, user)
    with st.form("password", width=420, enter_to_submit=True, clear_on_submit=True):
        if not has_one:
            st.caption("You have none: you come in by links or by your organisation's account.")
        old = _field("Present password", "current-password", "account_old") if has_one else ""
        new = _field(
            f"New password, at least {accounts.MIN_PASSWORD} characters",
            "new-password",
            "account_new",
        )
        again = _field("Once more", "new-password", "account_again")
        if st.form_submit_button("Change password" if has_one else "Set password", type="primary"):
            with widgets.errors():
                if new != again:
                    raise BadInput("the two passwords differ; type them again")
                token, address = session.token(), session.address()
                accounts.change_own_password(ws, user, old, new, keep=token, address=address)
                st.success("Changed. You are signed out everywhere but here.")


def _field(label: str, autocomplete: str, key: str) -> str:
    return st.text_input(label, type="password", autocomplete=autocomplete, key=key)
