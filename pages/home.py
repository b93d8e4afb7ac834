"""The start page: the first visit, work for annotators, the steps of the loop for researchers."""

from __future__ import annotations

import streamlit as st

from cssim.services import annotating
from cssim.services.first_visit import visit
from cssim.types import Role
from cssim.ui import first_visit, loop_view, runtime, session, widgets, words

user = session.require("annotator")

ws = runtime.workspace()
own = annotating.progress(ws, user)
widgets.header(f"Hello, {words.plain_markdown(user.name)}", ws.project.criterion)
tours = visit(ws, user)
if not tours.put_away:
    first_visit.panel(ws, user, tours)

with st.container(border=True):
    left, right = st.columns([3, 2], vertical_alignment="center", gap="large")
    with left:
        if own.wanted > own.done:
            answers = words.count(own.wanted - own.done, "answer is", "answers are")
            st.markdown(f"**{answers} still wanted.**")
        elif own.wanted:
            st.markdown("**Every page has the answers that are wanted. Thank you.**")
        else:
            st.markdown("**There are no pages to label yet.**")
        if own.wanted:
            st.progress(own.done / own.wanted, f"{own.done:,} of {own.wanted:,} by everybody")
        wanted = own.wanted > own.done
        if st.button(
            "Start labelling",
            type="primary" if wanted else "secondary",
            icon=":material/touch_app:",
        ):
            widgets.go_to("annotate")
    with right:
        today, total = st.columns(2)
        today.metric("Your answers today", f"{own.own_today:,}")
        total.metric("In all", f"{own.own_total:,}")

if user.role.may(Role.RESEARCHER):
    st.header("The loop", anchor=False)
    with widgets.errors():
        loop_view.draw(loop_view.steps(ws))
if tours.put_away:
    first_visit.recall(ws, user)
