"""What was done to people and data, by whom and when, as administrators read it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from cssim.csv_cells import guarded
from cssim.services.workspace import Workspace
from db import users
from db.users import Audit

BY_COMMAND_LINE = "(command line)"
"""Stands where the machine's owner did something by command line."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """Something that was done."""

    at: datetime
    actor: str
    """Who did it."""
    action: str
    """What, e.g. `set role`."""
    about: str
    """The person or thing it was done to; empty where there is none."""
    detail: str
    """The rest, e.g. `role: researcher`."""


def list_audit(
    ws: Workspace,
    *,
    actor: str | None = None,
    action: str | None = None,
    about: str | None = None,
    since: datetime | None = None,
    limit: int = 500,
) -> list[AuditEntry]:
    """The newest entries first.

    Args:
        ws: the workspace.
        actor: only what this person did; `BY_COMMAND_LINE` is the owner by command line.
        action: only this action.
        about: only what was done to the person of this name.
        since: only from this moment on.
        limit: how many at the most.
    """
    who = "" if actor == BY_COMMAND_LINE else actor
    with ws.database.reading() as session:
        found = users.list_audit(session, limit, actor=who, action=action, about=about, since=since)
    return [_entry(one) for one in found]


def _entry(audit: Audit) -> AuditEntry:
    rest = {key: value for key, value in audit.detail.items() if key != "name" and value != ""}
    return AuditEntry(
        at=audit.at,
        actor=audit.actor or BY_COMMAND_LINE,
        action=audit.action,
        about=str(audit.detail.get("name", "")),
        detail=", ".join(f"{key}: {value}" for key, value in rest.items()),
    )


def audit_actions(ws: Workspace) -> list[str]:
    """The actions of the log, in alphabetical order."""
    with ws.database.reading() as session:
        return users.audit_actions(session)


def audit_csv(entries: Iterable[AuditEntry]) -> str:
    """Entries as CSV, moments in UTC; a text that a spreadsheet would compute gets a quote."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(["at", "actor", "action", "about", "detail"])
    for one in entries:
        texts = (one.actor, one.action, one.about, one.detail)
        writer.writerow([one.at.isoformat(), *map(guarded, texts)])
    return buffer.getvalue()
