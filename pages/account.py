"""The signed-in person: name, role, where they are signed in, password, sign-out."""

from __future__ import annotations

import streamlit as st

from cssim.ui import runtime, session, tables, widgets
from cssim.ui.people import own

user = session.require("annotator")

ws = runtime.workspace()
widgets.header(user.name, f"You are signed in as {user.role}.")
if user.email:
    tables.style()
    st.html(tables.quiet(f"Your address here is {user.email}."))  # Markdown would make it a link
if ws.settings.single_user:
    st.info(
        "Single-user mode: whoever opens CS-Sim on this machine is its owner, without a password.",
        icon=":material/person:",
    )
else:
    own.draw_sign_out()
tables.section("Where you are signed in")
with widgets.errors():
    own.draw_sessions(ws, user)
tables.section("Password")
with widgets.errors():
    own.draw_password(ws, user)
