"""Who may come in and what they may do."""

from __future__ import annotations

import streamlit as st

from cssim.services import accounts, gallery
from cssim.ui import people_view, runtime, session, tables, widgets

user = session.require("administrator")

ws = runtime.workspace()
widgets.header("People", "Who may sign in, and what each may do.")
people_view.draw_link()
with widgets.errors():
    people = accounts.list_people(ws)
    left, right = st.columns([3, 2], gap="large")
    with left:
        people_view.draw_list(people, gallery.answers_by_person(ws), user)
    with right:
        tables.section("Add somebody")
        people_view.draw_new(ws, user)
        tables.section("Change somebody")
        people_view.draw_change(ws, people, user)
