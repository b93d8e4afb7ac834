"""Ask people again about this reference."""

from __future__ import annotations

import streamlit as st

from cssim.services import plans
from cssim.services.workspace import Workspace
from cssim.types import Image, Person
from cssim.ui import widgets, words

HOW = {
    "more": "its pages to more people",
    "repeat": "its pages to the same people, sides swapped",
    "new": "new pages around it",
}


def draw(ws: Workspace, user: Person, image: Image, pages: int) -> None:
    """A popover with the ways to send it back; what was sent is in the queue at once."""
    with st.popover("Send back to labelling", icon=":material/reply:"):
        ways = [way for way in HOW if pages or way == "new"]
        how = st.radio("What", ways, format_func=HOW.__getitem__, key="reference_send_how")
        people = per = 1
        if how != "repeat":
            people = st.number_input("People for each page", 1, 50, 1, key="reference_send_people")
        if how == "new":
            per = st.number_input("New pages", 1, 500, 10, key="reference_send_pages")
        name = st.text_input(
            "Name of the plan",
            f"{image.name}: {how}"[:120],
            key=f"reference_send_name_{image.id}_{how}",
        )
        if st.button("Send", key="reference_send", type="primary", disabled=not name.strip()):
            with widgets.errors():
                plan = plans.send_back(
                    ws,
                    [image.id],
                    how,
                    people=int(people),
                    per_reference=int(per),
                    name=name.strip(),
                    by=user.id,
                )
                st.success(
                    f"**{words.plain_markdown(plan.name)}** is in the annotators' queue.",
                    icon=":material/check_circle:",
                )
