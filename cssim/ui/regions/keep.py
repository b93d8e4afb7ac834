"""Selections kept: a name and a note, files to take away, and the way back to labelling."""

from __future__ import annotations

from typing import Any

import streamlit as st

from cssim.errors import CSSimError
from cssim.services import plans, selections
from cssim.services.inspecting import Inspection
from cssim.services.regions import View
from cssim.services.selecting import Ints
from cssim.services.selections import Selection
from cssim.services.workspace import Workspace
from cssim.types import ClusterKind, Person
from cssim.ui import widgets, words
from cssim.ui.regions import state

_HOW = {
    "repeat": "the same pages again, to the people who answered them, sides swapped",
    "more": "the same pages to more annotators",
    "new": "new pages around these references",
}


def draw(ws: Workspace, person: Person, inspection: Inspection, view: View, chosen: Ints) -> None:
    """What can be done with a selection, and the ones that were saved before."""
    kept = selections.list_selections(ws)
    if kept:
        _saved(ws, kept)
    if not len(chosen):
        st.caption(
            "Select references on the map, with the lasso, the box or a click, to name and save "
            "them, take them away, or send them back to labelling."
        )
        return
    ids = inspection.reference[chosen].tolist()
    _save(ws, person, inspection, view, ids)
    _files(ws, ids)
    _send(ws, person, ids)


def _saved(ws: Workspace, kept: list[Selection]) -> None:
    names = {one.id: f"{one.name} ({len(one.reference_ids)})" for one in kept}
    by_id = {one.id: one for one in kept}
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        number = st.selectbox(
            "Saved selections", list(names), format_func=names.__getitem__, key="regions_open",
            width=240,
        )  # fmt: skip
        one = by_id[int(number)]
        st.button("Open", key="regions_do_open", on_click=_open, args=(one,))
        st.button("Delete", key="regions_do_delete", on_click=_delete, args=(ws, one))
    about = [one.note, f"by {one.by}" if one.by else "", words.ago(one.created_at)]
    st.caption(words.plain_markdown(" · ".join(part for part in about if part)))


def _open(one: Selection) -> None:
    state.pick(one.reference_ids, saved=one.id)
    st.session_state["regions_title"] = one.name


def _delete(ws: Workspace, one: Selection) -> None:
    try:
        selections.delete(ws, one.id)
    except CSSimError as error:
        st.session_state[state.FAULT] = str(error)
    if state.saved() == one.id:
        state.pick(state.picked())


def _save(
    ws: Workspace, person: Person, inspection: Inspection, view: View, ids: list[int]
) -> None:
    with st.form("regions_save", border=True):
        st.markdown("**Save this selection**")
        st.text_input("Name", key="regions_name", max_chars=selections.MAX_NAME)
        st.text_area(
            "Note",
            key="regions_note",
            height=68,
            max_chars=selections.MAX_NOTE,
            placeholder="What is remarkable about these references?",
        )
        shown = state.address(inspection.info.id, view)
        st.form_submit_button("Save", on_click=_keep, args=(ws, person, ids, shown))


def _keep(ws: Workspace, person: Person, ids: list[int], shown: dict[str, Any]) -> None:
    """Before the rerun, so that the new selection is in the list and in the address."""
    name, note = st.session_state["regions_name"], st.session_state["regions_note"]
    try:
        _open(selections.save(ws, name, ids, note=note, view=shown, by=person.id))
    except CSSimError as error:
        st.session_state[state.FAULT] = str(error)
    else:
        st.session_state["regions_name"] = st.session_state["regions_note"] = ""


def _files(ws: Workspace, ids: list[int]) -> None:
    with st.container(horizontal=True, gap="small"):
        st.download_button(
            "Table (CSV)",
            lambda: selections.export_csv(ws, ids),
            file_name="selection.csv",
            mime="text/csv",
            key="regions_csv",
            on_click="ignore",
            icon=":material/download:",
        )
        st.download_button(
            "Image ids",
            "\n".join(map(str, ids)) + "\n",
            file_name="selection-ids.txt",
            mime="text/plain",
            key="regions_txt",
            on_click="ignore",
            icon=":material/download:",
        )


def _send(ws: Workspace, person: Person, ids: list[int]) -> None:
    with st.container(border=True):
        st.markdown("**Send back to labelling**")
        how = str(
            st.radio("What to ask", list(_HOW), format_func=_HOW.__getitem__, key="regions_how")
        )
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            people = 1
            if how != "repeat":
                people = int(st.number_input("People", 1, 50, 1, key="regions_people", width=110))
            per = 10
            if how == "new":
                per = int(st.number_input("Pages each", 1, 500, 10, key="regions_per", width=120))
        if how == "new" and plans.kind_of_new(ws, ids) is ClusterKind.TEST:
            st.caption(
                "Some of these references belong to a test set, so the new pages do, too: nothing "
                "is trained on them. Select among the references of other sets to learn more."
            )
        name = st.text_input(
            "Called", key="regions_plan", max_chars=100, placeholder=_suggested(ids)
        )
        if st.button("Send back", key="regions_send", type="primary", icon=":material/send:"):
            with widgets.errors():
                made = plans.send_back(
                    ws, ids, how, people=people, per_reference=per,
                    name=name.strip() or _suggested(ids), by=person.id,
                )  # fmt: skip
                wanted = made.counts.choose + made.counts.rank
                st.success(
                    f"{words.count(wanted, 'answer')} wanted for "
                    f"“{words.plain_markdown(made.name)}”: the pages are in the annotators' queue.",
                    icon=":material/outgoing_mail:",
                )


def _suggested(ids: list[int]) -> str:
    """A name that is taken only by the same references."""
    code = selections.encode(ids)[-6:]
    return f"again: {words.count(len(ids), 'reference')} {code}"
