"""The form in which a researcher writes what annotators read."""

from __future__ import annotations

import streamlit as st

from cssim.services import projects
from cssim.services.workspace import Workspace
from cssim.types import Project
from cssim.ui import widgets, words

_EXAMPLE = """Look at the **reference**, then at the candidates. Ask yourself: *which would I \
rather be shown when I had asked for something like the reference?*

- The scene counts more than colours.
- Ignore watermarks and frames.
"""


def edit_instructions(ws: Workspace) -> None:
    """Criterion, instructions and options of the project, with a button that saves them."""
    project = projects.current(ws)
    widgets.header(
        "Instructions for annotators",
        "The criterion stands above every page. The instructions are shown before the first page, "
        "again when they change, and by `?` at any time.",
    )
    left, right = st.columns([3, 2], gap="large")
    with left, st.form("instructions", border=False):
        criterion = st.text_input(
            "Criterion of similarity, as a question",
            project.criterion,
            max_chars=projects.MAX_CRITERION,
            placeholder="Which is closer in meaning?",
        )
        text = st.text_area(
            "Instructions (Markdown)",
            project.instructions,
            height=320,
            max_chars=projects.MAX_INSTRUCTIONS,
            placeholder=_EXAMPLE,
            help="Headings, lists, bold, italics, links, and pictures of this project as "
            "`![what it shows](/images/<sha256>)`.",
        )
        cannot = st.checkbox('Offer "cannot say" on pages to choose on', project.cannot_say)
        minutes = st.number_input(
            "Suggest a break after so many minutes of work (0: never)",
            min_value=0,
            max_value=projects.MAX_BREAK,
            value=project.break_minutes,
            step=5,
        )
        if st.form_submit_button("Save", type="primary"):
            with widgets.errors():
                project = projects.set_instructions(
                    ws,
                    criterion=criterion,
                    instructions=text,
                    cannot_say=cannot,
                    break_minutes=int(minutes),
                )
                st.success("Saved. Annotators see it when they open or reload the page.")
    with right:
        _preview(project)
    widgets.page_link("annotate", "Back to labelling", icon=":material/touch_app:")


def _preview(project: Project) -> None:
    """What is saved, as it reads."""
    st.caption("As annotators read it now")
    with st.container(border=True):
        question = project.criterion or "Which is closer to the reference?"
        st.markdown(f"#### {words.plain_markdown(question)}")
        st.markdown(project.instructions or "*None yet: annotators see a short default.*")
