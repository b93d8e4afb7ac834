"""What was done to people and data: who, what, when; filtered, and as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from cssim.services import accounts
from cssim.services.accounts import BY_COMMAND_LINE
from cssim.services.workspace import Workspace
from cssim.types import Person
from cssim.ui import tables, widgets, words

SHOWN = 100
"""Entries on the page; the file has all that fit the filters."""
MOST = 20_000
_ANY = "all"
_PERIODS = {"a day": 1, "a week": 7, "a month": 30, "a year": 365, "all time": None}
_COLUMNS = ("What", "To whom", "By", "When (UTC)")


def draw(ws: Workspace, people: Sequence[Person]) -> None:
    """The log with its filters."""
    found = _filtered(ws, people)
    if not found:
        widgets.empty(
            "Nothing was done",
            "Nothing fits these filters. Choose a longer time, or all people and actions.",
            icon=":material/history:",
        )
        return
    rows = [
        [
            tables.lines(one.action, tables.quiet(one.detail)),
            one.about,
            one.actor,
            f"{one.at:%Y-%m-%d %H:%M:%S}",
        ]
        for one in found[:SHOWN]
    ]
    tables.table(_COLUMNS, rows, caption="What was done")
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            "Download as CSV",
            accounts.audit_csv(found),
            file_name="people-log.csv",
            mime="text/csv",
            icon=":material/download:",
            key="people_log_csv",
        )
        if len(found) > SHOWN:
            st.caption(
                f"The newest {SHOWN} of {words.count(len(found), 'entry', 'entries')}; the file "
                "has them all."
            )


def _filtered(ws: Workspace, people: Sequence[Person]) -> list[accounts.AuditEntry]:
    names = [person.name for person in people if not person.simulated and not person.imported]
    who, whom, what, when = st.columns(4)
    actor = who.selectbox("By", [_ANY, BY_COMMAND_LINE, *names], key="people_log_by")
    about = whom.selectbox("To whom", [_ANY, *names], key="people_log_about")
    action = what.selectbox("What", [_ANY, *accounts.audit_actions(ws)], key="people_log_action")
    period = when.selectbox("Within", list(_PERIODS), index=2, key="people_log_period")
    days = _PERIODS[period]
    return accounts.list_audit(
        ws,
        actor=None if actor == _ANY else actor,
        about=None if about == _ANY else about,
        action=None if action == _ANY else action,
        since=None if days is None else datetime.now(UTC) - timedelta(days=days),
        limit=MOST,
    )
