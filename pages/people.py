"""Who may come in and what they may do."""

from __future__ import annotations

import streamlit as st

from cssim.services import accounts, gallery
from cssim.ui import runtime, session, tables, widgets
from cssim.ui.people import everybody, history, invitations, links

user = session.require("administrator")

ws = runtime.workspace()
widgets.header("People", "Who may sign in, what each may do, and what was done.")
PARTS = ("Everybody", "Invitations", "What was done")
part = st.segmented_control(
    "Part", PARTS, default=PARTS[0], key="people_part", label_visibility="collapsed", required=True
)
links.draw_shown()
with widgets.errors():
    people = accounts.list_people(ws)
    if part == PARTS[0]:
        left, right = st.columns([3, 2], gap="large")
        with left:
            everybody.draw_list(people, gallery.answers_by_person(ws), user)
        with right:
            tables.section("Change somebody")
            everybody.draw_change(ws, people, user)
    elif part == PARTS[1]:
        left, right = st.columns([2, 3], gap="large")
        with left:
            tables.section("Invite somebody")
            invitations.draw_new(ws, user)
            invitations.draw_by_hand(ws, user)
        with right:
            invitations.draw_list(ws, accounts.list_invitations(ws), user)
    else:
        history.draw(ws, people)
