"""Invitations: a new one, and what has become of the others."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from cssim.services import accounts
from cssim.services.accounts import Invitation, InvitationState
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from cssim.ui import tables, widgets, words
from cssim.ui.people import links

MAY = {
    Role.ANNOTATOR: "labels pages",
    Role.RESEARCHER: "labels, imports, trains and compares",
    Role.ADMINISTRATOR: "everything, people included",
}
"""What each role may do, in a few words."""
_COLUMNS = ("For", "Role", "State", "Invited by", "Until")
_DAYS = (1, 3, 7, 14, 30, 90)


def role_box(key: str) -> Role:
    """A choice of a role, which says what each may do."""
    chosen = st.selectbox(
        "Role",
        [role.value for role in Role],
        format_func=lambda role: f"{role}: {MAY[Role(role)]}",
        key=key,
    )
    return Role(chosen)


def draw_new(ws: Workspace, user: Person) -> None:
    """A form that makes the link by which somebody joins under a name of their own choice."""
    with st.form("people_invite", clear_on_submit=True):
        role = role_box("people_invite_role")
        left, right = st.columns(2)
        note = left.text_input(
            "For whom", key="people_invite_note", help="For your own list; up to 200 characters."
        )
        days = right.selectbox(
            "Works for",
            _DAYS,
            index=_DAYS.index(7),
            format_func=lambda days: words.count(days, "day"),
            key="people_invite_days",
        )
        email = st.text_input(
            "E-mail address, if an identity provider is to know them by it",
            key="people_invite_email",
        )
        if st.form_submit_button("Make invitation link", type="primary"):
            with widgets.errors():
                token = accounts.invite(
                    ws, role=role, days=days, note=note, email=email or None, by=user
                )
                whom = f" for {words.plain_markdown(note)}" if note else ""
                text = (
                    f"Whoever opens it first, within {words.count(days, 'day')}, picks a name and "
                    f"a password and joins as {role.value}."
                )
                links.show(ws, "invite", token, f"Invitation{whom}.", text)


def draw_by_hand(ws: Workspace, user: Person) -> None:
    """A form that adds somebody under a given name and makes the link with which they come in."""
    with (
        st.expander("Add somebody under a name that you choose"),
        st.form("people_new", clear_on_submit=True, border=False),
    ):
        name = st.text_input("Name", key="people_new_name")
        role = role_box("people_new_role")
        if st.form_submit_button("Add, and make a sign-in link"):
            with widgets.errors():
                person = accounts.add_person(ws, name, role=role, by=user)
                token = accounts.make_link(ws, person.name, by=user)
                shown = words.plain_markdown(person.name)
                text = "Whoever opens it first, within 24 hours, is signed in as them."
                links.show(ws, "enter", token, f"Sign-in link for {shown}.", text)


def draw_list(ws: Workspace, invitations: Sequence[Invitation], user: Person) -> None:
    """What has become of the invitations; open ones can be withdrawn."""
    if not invitations:
        widgets.empty(
            "No invitations yet",
            "Make a link, send it to somebody, and they join under a name of their own choice.",
            icon=":material/mail:",
        )
        return
    rows = [
        [
            tables.lines(one.note or tables.quiet(f"no. {one.id}"), tables.quiet(one.email or "")),
            tables.whole(one.role.value),
            _state(one),
            one.made_by or tables.quiet("command line"),
            f"{one.expires_at:%Y-%m-%d}",
        ]
        for one in invitations
    ]
    tables.table(_COLUMNS, rows, caption="Invitations")
    waiting = {one.id: one for one in invitations if one.state is InvitationState.OPEN}
    if waiting:
        with st.container(horizontal=True, vertical_alignment="bottom"):
            chosen = st.selectbox(
                "Open invitation",
                list(waiting),
                format_func=lambda key: _named(waiting[key]),
                key="people_withdraw_which",
                width=280,
            )
            if st.button("Withdraw", key="people_withdraw"):
                with widgets.errors():
                    accounts.withdraw_invitation(ws, chosen, by=user)
                    st.rerun()


def _named(one: Invitation) -> str:
    return f"{one.note or f'no. {one.id}'}, {one.role.value}, until {one.expires_at:%Y-%m-%d}"


def _state(one: Invitation) -> str:
    if one.state is InvitationState.USED:
        return tables.words("joined as", one.became or "somebody")
    return one.state.value if one.state is InvitationState.OPEN else tables.quiet(one.state.value)
