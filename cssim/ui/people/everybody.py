"""People as administrators see them: the list, and what can be done with one of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import streamlit as st

from cssim.errors import BadInput
from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from cssim.ui import tables, widgets, words
from cssim.ui.people import links

_COLUMNS = ("Name", "Role", "Answers", "Sign-in")


def draw_list(people: Sequence[Person], answers: Mapping[int, int], user: Person) -> None:
    """Everybody, real people first."""
    ordered = sorted(people, key=lambda p: (p.simulated or p.imported, not p.active))
    rows = [
        [
            tables.words(
                person.name,
                tables.tag("you") if person.id == user.id else "",
                tables.tag("simulated") if person.simulated else "",
                tables.tag("imported") if person.imported else "",
            )
            if not person.email
            else tables.lines(
                tables.words(person.name, tables.tag("you") if person.id == user.id else ""),
                tables.quiet(person.email),
            ),
            "" if person.simulated or person.imported else tables.whole(person.role.value),
            f"{answers.get(person.id, 0):,}",
            _sign_in(person),
        ]
        for person in ordered
    ]
    tables.table(_COLUMNS, rows, numbers=("Answers",), caption="People")
    if any(person.simulated or person.imported for person in people):
        st.caption(
            "Simulated people belong to the demo world; imported ones are only named by imported "
            "answers. Neither can sign in."
        )


def _sign_in(person: Person) -> str:
    if person.simulated or person.imported:
        return tables.quiet("cannot sign in")
    return tables.whole("active") if person.active else tables.quiet("deactivated")


def draw_change(ws: Workspace, people: Sequence[Person], user: Person) -> None:
    """What can be done with one person."""
    real = {p.name: p for p in people if not p.simulated and not p.imported}
    name = st.selectbox("Person", list(real), key="people_chosen")
    person = real[name]
    _draw_role(ws, person, user)
    with st.container(horizontal=True):
        links.draw_makers(ws, person, user)
        _draw_sign_out(ws, person, user)
        _draw_active(ws, person, user)
    _draw_email(ws, person, user)
    _draw_password(ws, person, user)


def _draw_role(ws: Workspace, person: Person, user: Person) -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        role = st.selectbox(
            "Role",
            [role.value for role in Role],
            index=list(Role).index(person.role),
            key=f"people_role_{person.id}_{person.role.value}",
            width=200,
        )
        if st.button("Set role", disabled=role == person.role.value, key="people_set_role"):
            with widgets.errors():
                accounts.set_role(ws, person.name, Role(role), by=user)
                st.rerun()


def _draw_sign_out(ws: Workspace, person: Person, user: Person) -> None:
    if st.button(
        "Sign out everywhere",
        icon=":material/logout:",
        key="people_sign_out",
        help="Ends all sessions of this person, on every device.",
    ):
        with widgets.errors():
            ended = accounts.end_sessions(ws, person.name, by=user)
            st.success(f"Ended {words.count(ended, 'session')}.")


def _draw_active(ws: Workspace, person: Person, user: Person) -> None:
    label = "Deactivate" if person.active else "Activate"
    if st.button(
        label,
        icon=":material/person_off:" if person.active else ":material/person_check:",
        key="people_active",
        help="A deactivated person is signed out and kept out; their answers stay.",
    ):
        with widgets.errors():
            accounts.set_active(ws, person.name, not person.active, by=user)
            st.rerun()


def _draw_email(ws: Workspace, person: Person, user: Person) -> None:
    with st.expander("E-mail address"), st.form(f"people_email_{person.id}", border=False):
        email = st.text_input(
            "Address",
            value=person.email or "",
            key=f"people_email_of_{person.id}_{person.email}",
            help="By it the account of an identity provider finds this person. No mail is sent.",
        )
        if st.form_submit_button("Save address"):
            with widgets.errors():
                accounts.set_email(ws, person.name, email or None, by=user)
                st.rerun()


def _draw_password(ws: Workspace, person: Person, user: Person) -> None:
    with (
        st.expander("Set a password for them"),
        st.form("people_password", clear_on_submit=True, border=False),
    ):
        st.caption("Better: a password link, with which they choose one that only they know.")
        new = st.text_input(
            f"New password, at least {accounts.MIN_PASSWORD} characters",
            type="password",
            autocomplete="new-password",
            key="people_password_new",
        )
        again = st.text_input(
            "Once more", type="password", autocomplete="new-password", key="people_password_again"
        )
        if st.form_submit_button("Set password"):
            with widgets.errors():
                if new != again:
                    raise BadInput("the two passwords differ; type them again")
                accounts.set_password(ws, person.name, new, by=user)
                name = words.plain_markdown(person.name)
                st.success(f"{name} has a new password and is signed out.")
