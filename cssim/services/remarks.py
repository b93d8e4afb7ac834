"""Remarks: what annotators say is wrong with a page, and what becomes of such a page.

An annotator flags a page with a reason, or skips it. A researcher sees the page and the reason, and
takes the page out of the round, or has one more person look at it. Answers stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cssim.errors import BadInput, NotFound
from cssim.services.accounts.common import audit
from cssim.services.workspace import Workspace
from cssim.types import Image, JudgementKind, Page, Person
from db import annotations as records
from db import library, users
from db import remarks as rows

MOST = 1000
"""Pages that are listed at once, at most."""


@dataclass(frozen=True, slots=True)
class Remark:
    """What one person says about a page."""

    person: str
    """Their name; empty where the source names nobody."""
    kind: JudgementKind
    """What they said about the page itself: `answer`, `tie` or `skip`."""
    text: str
    """Empty where they only skipped it."""
    at: datetime


@dataclass(frozen=True, slots=True)
class RemarkedPage:
    """A page with remarks, or that several people skipped."""

    page: Page
    cluster: str
    """Name of its set."""
    images: dict[int, Image]
    """The page's images by id."""
    remarks: tuple[Remark, ...]
    """Newest first."""
    wanted: int
    """Answers that it wants, and those that it has:"""
    done: int
    is_check: bool
    """A gold page or a repeat: handed out to check people, whatever it wants."""

    @property
    def is_open(self) -> bool:
        """Whether it waits for answers."""
        return self.done < self.wanted


def remarked_pages(
    ws: Workspace, *, only_open: bool = False, limit: int = 100
) -> list[RemarkedPage]:
    """Pages with a remark that stands, or that two or more people skipped; the newest first.

    Args:
        ws: the workspace.
        only_open: leave out those that are handed out no more.
        limit: at most so many, 1..`MOST`.

    Raises:
        BadInput: `limit` is out of its range.
    """
    if not 1 <= limit <= MOST:
        raise BadInput(f"limit must lie in 1..{MOST}, got {limit}")
    with ws.database.reading() as session:
        found = rows.troubled_pages(session, ws.project.id, only_open=only_open, limit=limit)
        pages = records.pages_by_id(session, [one.page_id for one in found])
        wanted = {i for page in pages.values() for i in (page.reference, *page.candidates)}
        images = library.images_by_id(session, wanted)
        clusters = {c.id: c.name for c in library.list_clusters(session, ws.project.id)}
        names = {person.id: person.name for person in users.list_people(session)}
    return [
        RemarkedPage(
            page=page,
            cluster=clusters[one.cluster_id],
            images={i: images[i] for i in (page.reference, *page.candidates)},
            remarks=tuple(
                Remark(names.get(r.person_id or 0, ""), r.kind, r.text, r.at) for r in one.remarks
            ),
            wanted=one.wanted,
            done=one.done,
            is_check=one.is_check,
        )
        for one in found
        for page in [pages[one.page_id]]
    ]


def stop_page(ws: Workspace, page_id: int, *, by: Person | None = None) -> None:
    """Hand a page out no more; its answers stay.

    Raises:
        NotFound: the project has no such page, or it is a gold page or a repeat.
    """
    _want(ws, page_id, 0, "stop page", by)


def ask_once_more(ws: Workspace, page_id: int, *, by: Person | None = None) -> None:
    """Have one more person answer a page, in the turn of its plan.

    Raises:
        NotFound: the project has no such page, or it is a gold page or a repeat.
    """
    _want(ws, page_id, 1, "ask once more", by)


def _want(ws: Workspace, page_id: int, more: int, action: str, by: Person | None) -> None:
    """Want `more` answers than a page has."""
    with ws.database.writing() as session:
        if not rows.want_more(session, ws.project.id, page_id, more):
            raise NotFound(
                f"there is no page {page_id} in this project that waits for answers or has them; "
                "gold pages and repeats are handed out as their plans say"
            )
        audit(session, by, action, page=str(page_id))
