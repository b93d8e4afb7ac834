"""Queries on how people get in: sessions, links that work once, and failed tries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from cssim.types import Person, Role
from db.models import LinkRow, PersonRow, SignInAttemptRow, SignInRow
from db.users import person_from


@dataclass(frozen=True, slots=True)
class SignIn:
    """A standing session."""

    token_hash: str
    address: str
    device: str
    """What the browser said it is."""
    created_at: datetime
    seen_at: datetime | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """A link that lets somebody in once."""

    id: int
    kind: str
    """`sign-in`, `reset` or `invitation`."""
    person_id: int | None
    role: Role | None
    email: str | None
    note: str
    made_by: int | None
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    withdrawn_at: datetime | None


# --- sessions -------------------------------------------------------------------------------


def add_sign_in(
    session: Session,
    token_hash: str,
    person_id: int,
    expires_at: datetime,
    *,
    address: str = "",
    device: str = "",
) -> None:
    """Remember that the holder of a token is this person."""
    session.add(
        SignInRow(
            token_hash=token_hash,
            person_id=person_id,
            expires_at=expires_at,
            address=address[:100],
            device=device[:300],
        )
    )


def person_signed_in(
    session: Session, token_hash: str, now: datetime
) -> tuple[Person, datetime | None] | None:
    """The active person of a standing session and when it was last seen; None for anything else."""
    row = session.execute(
        select(PersonRow, SignInRow.seen_at)
        .join(SignInRow, SignInRow.person_id == PersonRow.id)
        .where(
            SignInRow.token_hash == token_hash,
            SignInRow.expires_at > now,
            PersonRow.active.is_(True),
        )
    ).first()
    return None if row is None else (person_from(row[0]), row[1])


def touch_sign_in(session: Session, token_hash: str, now: datetime) -> None:
    """Remember that a session was used at this moment."""
    session.execute(update(SignInRow).where(SignInRow.token_hash == token_hash).values(seen_at=now))


def sign_ins_of(session: Session, person_id: int, now: datetime) -> list[SignIn]:
    """A person's standing sessions, the newest first."""
    rows = session.scalars(
        select(SignInRow)
        .where(SignInRow.person_id == person_id, SignInRow.expires_at > now)
        .order_by(SignInRow.created_at.desc(), SignInRow.token_hash)
    )
    return [
        SignIn(r.token_hash, r.address, r.device, r.created_at, r.seen_at, r.expires_at)
        for r in rows
    ]


def delete_sign_in(session: Session, token_hash: str, *, person_id: int | None = None) -> bool:
    """Forget one session, where `person_id` is given only if it is theirs: whether it was there."""
    query = delete(SignInRow).where(SignInRow.token_hash == token_hash)
    if person_id is not None:
        query = query.where(SignInRow.person_id == person_id)
    return session.scalar(query.returning(SignInRow.person_id)) is not None


def delete_sign_ins_of(session: Session, person_id: int, *, but: str | None = None) -> int:
    """Forget the sessions of a person, but for the one of this token hash: how many there were."""
    query = delete(SignInRow).where(SignInRow.person_id == person_id)
    if but is not None:
        query = query.where(SignInRow.token_hash != but)
    return len(session.scalars(query.returning(SignInRow.token_hash)).all())


def purge_sign_ins(session: Session, now: datetime) -> None:
    """Forget the sessions that have expired."""
    session.execute(delete(SignInRow).where(SignInRow.expires_at <= now))


# --- links ----------------------------------------------------------------------------------


def add_link(
    session: Session,
    token_hash: str,
    kind: str,
    expires_at: datetime,
    *,
    person_id: int | None = None,
    role: Role | None = None,
    email: str | None = None,
    note: str = "",
    made_by: int | None = None,
) -> Link:
    """The new link of that kind."""
    row = LinkRow(
        token_hash=token_hash,
        kind=kind,
        expires_at=expires_at,
        person_id=person_id,
        role=None if role is None else role.value,
        email=email,
        note=note,
        made_by=made_by,
    )
    session.add(row)
    session.flush()
    return _link(row)


def find_link(session: Session, token_hash: str, kind: str, now: datetime) -> Link | None:
    """The link of that kind as long as it works; None for anything else."""
    row = session.scalar(select(LinkRow).where(*_works(token_hash, kind, now)))
    return None if row is None else _link(row)


def take_link(session: Session, token_hash: str, kind: str, now: datetime) -> Link | None:
    """Use a link up: what it was, or None; a second call gives None."""
    query = update(LinkRow).where(*_works(token_hash, kind, now)).values(used_at=now)
    link_id = session.scalar(query.returning(LinkRow.id))
    row = None if link_id is None else session.get(LinkRow, link_id, populate_existing=True)
    return None if row is None else _link(row)


def set_link_person(session: Session, link_id: int, person_id: int) -> None:
    """Remember who came in by an invitation."""
    session.execute(update(LinkRow).where(LinkRow.id == link_id).values(person_id=person_id))


def withdraw_link(session: Session, link_id: int, now: datetime) -> Link | None:
    """Make an unused link useless: what it was, or None where it no longer worked."""
    query = update(LinkRow).where(
        LinkRow.id == link_id, LinkRow.used_at.is_(None), LinkRow.withdrawn_at.is_(None)
    )
    found = session.scalar(query.values(withdrawn_at=now).returning(LinkRow.id))
    row = None if found is None else session.get(LinkRow, found, populate_existing=True)
    return None if row is None else _link(row)


def withdraw_links_of(session: Session, person_id: int, now: datetime) -> None:
    """Make all unused links of a person useless."""
    session.execute(
        update(LinkRow)
        .where(
            LinkRow.person_id == person_id,
            LinkRow.used_at.is_(None),
            LinkRow.withdrawn_at.is_(None),
        )
        .values(withdrawn_at=now)
    )


def list_links(session: Session, kind: str, *, limit: int = 200) -> list[Link]:
    """Links of a kind, the newest first."""
    rows = session.scalars(
        select(LinkRow).where(LinkRow.kind == kind).order_by(LinkRow.id.desc()).limit(limit)
    )
    return [_link(row) for row in rows]


def _works(token_hash: str, kind: str, now: datetime) -> tuple[ColumnElement[bool], ...]:
    return (
        LinkRow.token_hash == token_hash,
        LinkRow.kind == kind,
        LinkRow.expires_at > now,
        LinkRow.used_at.is_(None),
        LinkRow.withdrawn_at.is_(None),
    )


def _link(row: LinkRow) -> Link:
    return Link(
        id=row.id,
        kind=row.kind,
        person_id=row.person_id,
        role=None if row.role is None else Role(row.role),
        email=row.email,
        note=row.note,
        made_by=row.made_by,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        withdrawn_at=row.withdrawn_at,
    )


# --- failed tries ---------------------------------------------------------------------------


def add_attempt(session: Session, name: str, address: str, at: datetime) -> None:
    """Remember a try to sign in."""
    session.add(SignInAttemptRow(name=name[:200], address=address[:100], at=at))


def count_attempts(
    session: Session, since: datetime, *, name: str | None = None, address: str | None = None
) -> int:
    """How many tries since a moment, of a name, from an address, or both."""
    query = select(func.count()).select_from(SignInAttemptRow).where(SignInAttemptRow.at > since)
    if name is not None:
        query = query.where(SignInAttemptRow.name == name[:200])
    if address is not None:
        query = query.where(SignInAttemptRow.address == address[:100])
    return int(session.scalar(query) or 0)


def clear_attempts(session: Session, name: str, address: str, before: datetime) -> None:
    """Forget the tries of a name from an address, and all that are older than a moment."""
    own = (SignInAttemptRow.name == name[:200]) & (SignInAttemptRow.address == address[:100])
    session.execute(delete(SignInAttemptRow).where(or_(own, SignInAttemptRow.at <= before)))
