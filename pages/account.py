"""The signed-in person: name, role, password, sign-out."""

from __future__ import annotations

import streamlit as st

from cssim.services import accounts
from cssim.ui import runtime, session, widgets

user = session.require("annotator")

widgets.header(user.name, f"You are signed in as {user.role}.")
st.html('<a href="/sign-out" target="_self">Sign out on this device</a>')
with st.form("password", width=420, enter_to_submit=True):
    st.markdown("**Change your password**")
    old = st.text_input("Present password", type="password", autocomplete="current-password")
    new = st.text_input(
        f"New password, at least {accounts.MIN_PASSWORD} characters",
        type="password",
        autocomplete="new-password",
    )
    if st.form_submit_button("Change", type="primary"):
        with widgets.errors():
            accounts.change_own_password(runtime.workspace(), user, old, new)
            st.success("Changed. You are signed out everywhere; sign in with the new password.")
