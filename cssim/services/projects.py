"""Projects: as lists, what annotators read in them, and their images."""

from __future__ import annotations

from dataclasses import replace

from cssim import words
from cssim.errors import BadInput
from cssim.services.workspace import Workspace
from cssim.types import Image, Project
from db import library

MAX_CRITERION = 200
"""Longest criterion, in characters: it stands in one line above the pictures."""
MAX_INSTRUCTIONS = 20_000
"""Longest instructions, in characters of Markdown."""
MAX_BREAK = 240
"""Longest time of work after which a break can be suggested, in minutes."""


def list_projects(ws: Workspace) -> list[Project]:
    """All projects by name."""
    with ws.database.reading() as session:
        return library.list_projects(session)


def current(ws: Workspace) -> Project:
    """The workspace's project as it is now; `ws.project` is as it was when it was opened."""
    with ws.database.reading() as session:
        return library.get_project(session, ws.project.id)


def set_instructions(
    ws: Workspace,
    *,
    criterion: str | None = None,
    instructions: str | None = None,
    cannot_say: bool | None = None,
    break_minutes: int | None = None,
) -> Project:
    """Change what annotators read and may answer; what is None stays. The project as it is then.

    Args:
        ws: the workspace.
        criterion: the question above the pictures, e.g. "Which is closer in meaning?".
        instructions: Markdown, shown before the first page and one key away afterwards.
        cannot_say: whether a page to choose on offers "cannot say".
        break_minutes: minutes of work without a pause until a break is suggested; 0 for never.

    Raises:
        BadInput: a text is too long or has control characters, or the minutes are out of range.
    """
    new = {
        "criterion": None if criterion is None else _text(criterion, "criterion", MAX_CRITERION),
        "instructions": None
        if instructions is None
        else _text(instructions, "instructions", MAX_INSTRUCTIONS),
        "cannot_say": cannot_say,
        "break_minutes": break_minutes,
    }
    if break_minutes is not None and not 0 <= break_minutes <= MAX_BREAK:
        raise BadInput(f"break_minutes must lie in 0..{MAX_BREAK}, got {break_minutes}")
    with ws.database.writing() as session:
        before = library.get_project(session, ws.project.id)
        changed = {name: value for name, value in new.items() if value is not None}
        after = replace(before, **changed)  # type: ignore[arg-type]
        library.change_project(session, after)
    return after


def _text(value: str, name: str, longest: int) -> str:
    text = value.replace("\r\n", "\n").strip()
    if len(text) > longest:
        raise BadInput(
            f"the {name} may have {words.count(longest, 'character')}, got {len(text):,}"
        )
    if name == "criterion" and "\n" in text:
        raise BadInput("the criterion is one line; put more into the instructions")
    if any(ord(character) < 32 and character not in "\n\t" for character in text):
        raise BadInput(f"the {name} has a control character; type or paste it as plain text")
    return text


def list_images(
    ws: Workspace,
    *,
    tag: str | None = None,
    search: str = "",
    offset: int = 0,
    limit: int | None = None,
) -> list[Image]:
    """Images of the project in the order in which they came.

    Args:
        ws: the workspace.
        tag: only images with this tag.
        search: only images whose name contains this.
        offset: skip so many.
        limit: give so many at most.
    """
    with ws.database.reading() as session:
        return library.list_images(
            session, ws.project.id, tag=tag, search=search, offset=offset, limit=limit
        )
