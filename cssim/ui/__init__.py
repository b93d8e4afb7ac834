"""Streamlit's side: who is here, what they see, and what all pages share.

How to write a page (`pages/<name>.py`):

    import streamlit as st
    from cssim.ui import runtime, session, widgets

    user = session.require("researcher")      # the first statement, always

    ws = runtime.workspace()
    widgets.header("Library", "What is in the project.")
    with widgets.errors():                    # CSSimError becomes a calm message
        ...

Then add one line to `PAGES` in `cssim/ui/shell.py`: it says who sees the page in the navigation.
"""
