"""The labelling element: pages, keys and answers in the browser, beside Streamlit's own reruns.

It asks `/api/leases` for pages, decodes their images ahead, and posts answers to `/api/answers`,
so that no key press waits for a rerun. Its script is these files in order, one idea each:
`net.js` (requests), `outbox.js` (answers that are not yet durable), `supply.js` (pages ahead),
`ranking.js` (the answer in the making), `pace.js` (speed and breaks), `markdown.js` (instructions),
`view.js` and `covers.js` (drawing), `keys.js` and `pointer.js` (the person's hands), `status.js`
(the line above), `covering.js` (what lies over the page), `history.js` (earlier answers),
`training.js` (the practice round), `element.js` (which page is on the screen).
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import streamlit as st

from cssim.services.annotating import Progress
from cssim.types import Person, Project, Role

_FOLDER = Path(__file__).parent
SCRIPTS = (
    "net",
    "outbox",
    "supply",
    "ranking",
    "pace",
    "markdown",
    "view",
    "covers",
    "keys",
    "pointer",
    "status",
    "covering",
    "history",
    "training",
    "element",
)
"""The files of the script, without the ending, in the order in which they are joined."""

_element = st.components.v2.component(
    "cssim_labelling",
    html=(_FOLDER / "element.html").read_text("utf-8"),
    css="\n".join((_FOLDER / f"{name}.css").read_text("utf-8") for name in ("element", "covers")),
    js="\n".join((_FOLDER / f"{name}.js").read_text("utf-8") for name in SCRIPTS),
)


def labelling(
    person: Person, project: Project, progress: Progress, *, lease_seconds: int, show: str = ""
) -> None:
    """Put the element on the page; it fills the window below its place.

    Args:
        person: who answers; the outbox in the browser is theirs alone.
        project: its criterion is the question above the pictures, its instructions are shown before
            the first page and one key away afterwards, its options say what may be answered.
        progress: where the person and everybody stood when the page was opened.
        lease_seconds: for so long a page stays theirs; it is prolonged while they are here.
        show: `history` opens the list of their answers at once.
    """
    _element(
        key="labelling",
        data={
            "person": person.id,
            "project": project.id,
            "criterion": project.criterion,
            "instructions": project.instructions,
            "version": _version(project),
            "cannot_say": project.cannot_say,
            "break_minutes": project.break_minutes,
            "edit": "/annotate?instructions=edit" if person.role.may(Role.RESEARCHER) else None,
            "own_today": progress.own_today,
            "done": progress.done,
            "wanted": progress.wanted,
            "lease_seconds": lease_seconds,
            "show": show,
        },
    )


def _version(project: Project) -> str:
    """Changes where people should read the instructions again."""
    text = f"{project.criterion}\n{project.instructions}"
    return sha256(text.encode("utf-8")).hexdigest()[:16]
