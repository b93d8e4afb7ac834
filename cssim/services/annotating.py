"""Handing pages out and taking answers in: what the labelling page does.

A page is handed out as a lease that runs out, so that a page which somebody walked away from comes
back by itself. An answer is never turned away for being late or sent twice: late ones are kept
and marked, and the browser's own id makes a second copy of an answer the same answer.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cssim import __version__, words
from cssim.errors import BadInput, Conflict, NotAllowed, NotFound
from cssim.services import overlap
from cssim.services.workspace import Workspace
from cssim.types import Answer, Image, JudgementKind, Page, Person
from db import annotations as log
from db import claiming, leases, library
from db.engine import Database
from db.leases import Lease

MAX_WANT = 12
"""How many pages one request may ask for."""
MAX_OPEN = 36
"""How many open leases one person may hold, over all tabs and devices."""
MAX_FLAG = 500
"""Longest remark on a page, in characters."""
MAX_RESPONSE_MS = 24 * 3600 * 1000
"""Longest response time that is believed, in milliseconds."""

_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


@dataclass(frozen=True, slots=True)
class Handout:
    """A page as a person gets it."""

    lease_id: str
    page: Page
    shown: tuple[int, ...]
    """Positions of the candidates as they stand on screen, left to right."""
    images: dict[int, Image]
    """The page's images by id."""
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Queue:
    """What a browser has after asking for pages."""

    pages: tuple[Handout, ...]
    """New ones, in the order in which to show them."""
    kept: tuple[str, ...]
    """Those of its leases that still hold; the browser lets go of the others."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person says about a page that was handed out to them."""

    client_id: str
    """Made by the browser, unique for ever: 8 to 64 letters, digits, `-` or `_`."""
    lease_id: str
    answer: Answer
    response_ms: int | None = None
    """From painted to answered, in milliseconds."""
    answered_at: datetime | None = None
    """By the clock of the person's device."""
    flag: str | None = None
    """A remark that something is wrong with the page."""

    def __post_init__(self) -> None:
        if not _CLIENT_ID.fullmatch(self.client_id):
            raise BadInput(
                f"client_id must have 8 to 64 letters, digits, - or _, got {self.client_id[:80]!r}"
            )
        if self.response_ms is not None and not 0 <= self.response_ms <= MAX_RESPONSE_MS:
            raise BadInput(f"response_ms must lie in 0..{MAX_RESPONSE_MS}, got {self.response_ms}")
        if self.flag is not None and not 1 <= len(self.flag.strip()) <= MAX_FLAG:
            raise BadInput(f"a remark has 1 to {MAX_FLAG} characters, got {len(self.flag)}")


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that an answer is in the database."""

    judgement_id: int
    late: bool
    """True where its lease had run out; it counts all the same."""
    repeated: bool
    """True where this answer was stored before."""


@dataclass(frozen=True, slots=True)
class Given:
    """An own answer that stands, with its page."""

    judgement_id: int
    handout: Handout
    answer: Answer
    flag: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a person, and everybody together, got."""

    own_today: int
    own_total: int
    done: int
    wanted: int
    """Answers given and wanted over all pages that are handed out."""


def next_pages(
    ws: Workspace,
    person: Person,
    *,
    have: Sequence[str] = (),
    want: int = 6,
    now: datetime | None = None,
    rng: random.Random | None = None,
) -> Queue:
    """Top a browser's queue up.

    Args:
        ws: the workspace.
        person: for whom.
        have: lease ids that the browser holds, answers on their way included; they are prolonged
            and not handed out again.
        want: how many more it would like, 0 to `MAX_WANT`.
        now: this moment; another only in tests.
        rng: draws the order on screen; the operating system's by default.

    Raises:
        BadInput: `want` or `have` is out of its range.
    """
    if not 0 <= want <= MAX_WANT:
        raise BadInput(f"want must lie in 0..{MAX_WANT}, got {want}")
    if len(have) > 10 * MAX_OPEN:
        raise BadInput(f"have may name {words.count(10 * MAX_OPEN, 'lease')}, got {len(have)}")
    now = now or datetime.now(UTC)
    expires = now + timedelta(minutes=ws.settings.lease_minutes)
    project, who = ws.project.id, person.id
    with ws.database.writing() as session:
        kept = leases.renew(session, project, who, have, now, expires)
        held = leases.open_leases(session, project, who, now)
        fresh = claiming.claim(
            session,
            project,
            who,
            want=max(0, min(want, MAX_OPEN - len(held))),
            now=now,
            expires_at=expires,
            rng=rng or random.SystemRandom(),
        )
        # Nothing new: what another tab of this person left behind need not wait to run out.
        left = [lease for lease in held if lease.id not in set(have)][: want - len(fresh)]
        leases.renew(session, project, who, [lease.id for lease in left], now, expires)
    return Queue(_handouts(ws.database, [*fresh, *left]), tuple(sorted(kept)))


def own_leases(ws: Workspace, person: Person, *, now: datetime | None = None) -> list[Handout]:
    """The pages that a person holds at this moment, over all tabs and devices."""
    with ws.database.reading() as session:
        held = leases.open_leases(session, ws.project.id, person.id, now or datetime.now(UTC))
    return list(_handouts(ws.database, held))


def give_back(ws: Workspace, person: Person, lease_ids: Sequence[str]) -> int:
    """Return pages unanswered, so that they can be handed out at once: how many were open."""
    if len(lease_ids) > MAX_OPEN:
        raise BadInput(f"one request may return {MAX_OPEN} leases, got {len(lease_ids)}")
    with ws.database.writing() as session:
        return leases.give_back(session, person.id, lease_ids)


def _handouts(database: Database, held: Sequence[Lease]) -> tuple[Handout, ...]:
    with database.reading() as session:
        pages = log.pages_by_id(session, [lease.page_id for lease in held])
        wanted = {i for page in pages.values() for i in (page.reference, *page.candidates)}
        images = library.images_by_id(session, wanted)
    return tuple(_handout(lease, pages[lease.page_id], images) for lease in held)


def _handout(lease: Lease, page: Page, images: dict[int, Image]) -> Handout:
    own = {id_: images[id_] for id_ in (page.reference, *page.candidates)}
    return Handout(lease.id, page, lease.shown, own, lease.expires_at)


def answer(ws: Workspace, person: Person, reply: Reply, *, now: datetime | None = None) -> Receipt:
    """Store what a person says about a page; when this returns, it is durable.

    What the same person said about the page before is superseded, never changed. Storing the same
    `client_id` again changes nothing and gives the same receipt.

    Raises:
        BadInput: it does not answer the page (`Answer.check`).
        NotFound: there is no such lease.
        NotAllowed: the lease is somebody else's.
        Conflict: the client id was used for another page or person, or there is nothing to retract.
    """
    now = now or datetime.now(UTC)
    with ws.database.writing() as session:
        lease = leases.find_lease(session, ws.project.id, reply.lease_id)
        if lease is None:
            raise NotFound(f"there is no lease {reply.lease_id[:80]!r}; ask for pages anew")
        if lease.person_id != person.id:
            raise NotAllowed("this page was handed out to somebody else; ask for pages of your own")
        leases.lock_page(session, lease.page_id)
        stored = leases.by_client_id(session, reply.client_id)
        if stored is not None:
            return _same(stored, person, lease)
        reply.answer.check(log.pages_by_id(session, [lease.page_id])[lease.page_id])
        before = leases.standing_of(session, person.id, lease.page_id)
        retracts = reply.answer.kind is JudgementKind.RETRACT
        if retracts and (before is None or before[1] is JudgementKind.RETRACT):
            raise Conflict("there is no answer of yours on this page to take back")
        # An answered lease is not late: its answer was in time, and this one corrects it.
        late = lease.state != "answered" and (lease.state == "returned" or lease.expires_at <= now)
        id_ = log.add_judgement(
            session,
            log.NewJudgement(
                page_id=lease.page_id,
                answer=reply.answer,
                person_id=person.id,
                response_ms=reply.response_ms,
                shown=lease.shown,
                supersedes=None if before is None else before[0],
                client_id=reply.client_id,
                late=late,
                flag=None if reply.flag is None else reply.flag.strip(),
                answered_at=reply.answered_at,
                version=__version__,
            ),
        )
        overlap.widen(session, lease.page_id)
        if retracts:  # the page is the person's again, as it was before the answer
            expires = now + timedelta(minutes=ws.settings.lease_minutes)
            leases.set_lease(session, lease.id, "open", expires_at=expires)
        else:
            leases.set_lease(session, lease.id, "answered")
    return Receipt(id_, late, repeated=False)


def _same(stored: tuple[int, int | None, int, bool], person: Person, lease: Lease) -> Receipt:
    id_, person_id, page_id, late = stored
    if person_id != person.id or page_id != lease.page_id:
        raise Conflict("this client_id belongs to another answer; make a new one for each answer")
    return Receipt(id_, late, repeated=True)


def history(
    ws: Workspace, person: Person, *, before: int | None = None, limit: int = 20
) -> list[Given]:
    """A person's standing answers, newest first; any of them can be answered anew by its lease.

    Args:
        ws: the workspace.
        person: whose.
        before: only those with smaller judgement ids, for the next portion.
        limit: 1 to 100.
    """
    if not 1 <= limit <= 100:
        raise BadInput(f"limit must lie in 1..100, got {limit}")
    with ws.database.reading() as session:
        said = leases.said_by(session, ws.project.id, person.id, before=before, limit=limit)
    handouts = _handouts(ws.database, [entry.lease for entry in said])
    return [
        Given(entry.judgement_id, handout, entry.answer, entry.flag, entry.created_at)
        for entry, handout in zip(said, handouts, strict=True)
    ]


def progress(ws: Workspace, person: Person, *, since: datetime | None = None) -> Progress:
    """How far the person and everybody got; `since` is the start of "today", by default in UTC."""
    since = since or datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    project = ws.project.id
    with ws.database.reading() as session:
        done, wanted = leases.count_wanted(session, project)
        return Progress(
            own_today=leases.count_said(session, project, person.id, since=since),
            own_total=leases.count_said(session, project, person.id),
            done=done,
            wanted=wanted,
        )


def picture(ws: Workspace, sha256: str, width: int) -> bytes:
    """A thumbnail (see `cssim.images.THUMBNAIL_TYPE`) of one of the project's images.

    Raises:
        NotFound: the project has no such image, or its file is gone.
        BadImage: its file was damaged after it came in.
    """
    must_have_picture(ws, sha256)
    return ws.store.thumbnail(sha256, width)


def must_have_picture(ws: Workspace, sha256: str) -> None:
    """Raise `NotFound` where none of the project's images has these bytes, or has them any more."""
    with ws.database.reading() as session:
        if not library.has_picture(session, ws.project.id, sha256):
            raise NotFound("this project has no such picture")
