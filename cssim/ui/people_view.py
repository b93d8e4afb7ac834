"""People as administrators see them: the list, a new one, and what can be done with one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import streamlit as st

from cssim.errors import BadInput
from cssim.services import accounts
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from cssim.ui import tables, widgets, words

_COLUMNS = ("Name", "Role", "Answers", "Sign-in")
_LINK = "people_link"
_MAY = {
    Role.ANNOTATOR: "labels pages",
    Role.RESEARCHER: "labels, imports, trains and compares",
    Role.ADMINISTRATOR: "everything, people included",
}


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
            ),
            "" if person.simulated or person.imported else person.role.value,
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
    return "active" if person.active else tables.quiet("deactivated")


def draw_new(ws: Workspace, user: Person) -> None:
    """A form that adds somebody and gives the link with which they come in."""
    with st.form("people_new", clear_on_submit=True):
        name = st.text_input("Name", key="people_new_name")
        role = st.selectbox(
            "Role",
            [role.value for role in Role],
            format_func=lambda role: f"{role}: {_MAY[Role(role)]}",
            key="people_new_role",
        )
        go = st.form_submit_button("Add, and make a sign-in link", type="primary")
    if go:
        with widgets.errors():
            person = accounts.add_person(ws, name, role=Role(role), by=user)
            _make_link(ws, person.name, user)
            st.rerun()


def draw_change(ws: Workspace, people: Sequence[Person], user: Person) -> None:
    """What can be done with one person."""
    real = {p.name: p for p in people if not p.simulated and not p.imported}
    name = st.selectbox("Person", list(real), key="people_chosen")
    person = real[name]
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
                accounts.set_role(ws, name, Role(role), by=user)
                st.rerun()
    with st.container(horizontal=True):
        if st.button(
            "Make sign-in link",
            icon=":material/link:",
            disabled=not person.active,
            key="people_make_link",
            help="Signs them in once, within a day; also the way in for a forgotten password.",
        ):
            with widgets.errors():
                _make_link(ws, name, user)
                st.rerun()
        label = "Deactivate" if person.active else "Activate"
        if st.button(
            label,
            icon=":material/person_off:" if person.active else ":material/person_check:",
            key="people_active",
            help="A deactivated person is signed out and kept out; their answers stay.",
        ):
            with widgets.errors():
                accounts.set_active(ws, name, not person.active, by=user)
                st.rerun()
    with st.expander("Set a new password"), st.form("people_password", clear_on_submit=True):
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
                accounts.set_password(ws, name, new, by=user)
                st.success(f"{words.plain_markdown(name)} has a new password and is signed out.")


def draw_link() -> None:
    """The link that was just made; it is shown until it is put away, and stored nowhere else."""
    kept = st.session_state.get(_LINK)
    if kept is None:
        return
    name, address = kept
    with st.container(border=True):
        st.markdown(
            f"**Sign-in link for {words.plain_markdown(name)}.** Hand it over yourself: whoever "
            "opens it first is signed in as them. It works once, within 24 hours, and cannot be "
            "shown again."
        )
        st.code(address, language=None, wrap_lines=True)
        st.button("Put it away", on_click=_forget_link, key="people_link_away")


def _forget_link() -> None:
    st.session_state.pop(_LINK, None)


def _make_link(ws: Workspace, name: str, user: Person) -> None:
    token = accounts.make_link(ws, name, by=user)
    st.session_state[_LINK] = (name, f"{_site(ws)}/enter/{token}")


def _site(ws: Workspace) -> str:
    """The address under which the administrator sees the app."""
    parts = urlsplit(st.context.url or "")
    if parts.scheme and parts.netloc:
        return f"{parts.scheme}://{parts.netloc}"
    return f"http://{ws.settings.host}:{ws.settings.port}"
