"""The survey of a project: what it found, or how to make one."""

from __future__ import annotations

import streamlit as st

from cssim.services import surveys
from cssim.services.surveys import Survey
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import jobs_view, widgets, words
from cssim.ui.data import kept


def survey(ws: Workspace, user: Person, *, key: str, tells: str) -> Survey | None:
    """The newest survey; where there is none, how to get one, and None.

    Args:
        ws: the workspace.
        user: who asks.
        key: put before the keys of widgets.
        tells: what the part of the page would show.
    """
    found = kept.survey(ws)
    if surveys.pending_survey(ws) is not None:
        st.info(
            "A survey of the project is on its way: its progress stands at the end of the page.",
            icon=":material/hourglass_top:",
        )
        return found
    if found is None:
        widgets.empty(
            "Not surveyed yet",
            f"A survey looks at all pictures and answers once and tells {tells}.",
            icon=":material/travel_explore:",
        )
        _button(ws, user, key, "Survey the project", primary=True)
        return None
    if found.stale:
        st.warning(
            f"Out of date: {words.plain_markdown(found.stale)}. This is the survey of "
            f"{words.ago(found.job.finished_at)}.",
            icon=":material/update:",
        )
        _button(ws, user, key, "Survey again", primary=False)
    return found


def _button(ws: Workspace, user: Person, key: str, label: str, *, primary: bool) -> None:
    if st.button(
        label,
        key=f"{key}_survey",
        type="primary" if primary else "secondary",
        icon=":material/travel_explore:",
    ):
        jobs_view.start(ws, lambda: surveys.request_survey(ws, by=user.id), "The survey is queued.")


def footnotes(found: Survey) -> None:
    """What the survey says of itself."""
    for note in found.job.result["notes"]:
        st.caption(words.plain_markdown(note))
    absent = found.job.result["without_pixels"]
    missing = f"; {words.count(absent, 'picture')} of them not on this machine" if absent else ""
    st.caption(
        f"Survey by job {found.job.id}, {words.ago(found.job.finished_at)}: "
        f"{words.count(found.job.result['images'], 'picture')}{missing}."
    )
