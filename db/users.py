"""Queries on people, their sign-ins, failed tries and the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.orm import Session

from cssim.errors import Conflict, NotFound
from cssim.types import Person, Role
from db.models import AuditRow, PersonRow, SignInAttemptRow, SignInRow


def _person(row: PersonRow) -> Person:
    return Person(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        active=row.active,
        simulated=row.simulated,
        imported=row.imported,
    )


def add_person(
    session: Session,
    name: str,
    *,
    role: Role = Role.ANNOTATOR,
    password_hash: str | None = None,
    simulated: bool = False,
    imported: bool = False,
) -> Person:
    """The new person.

    Raises:
        Conflict: the name is taken.
    """
    if find_person(session, name) is not None:
        raise Conflict(f"there is already a person named {name!r}; choose another name")
    row = PersonRow(
        name=name,
        role=role.value,
        password_hash=password_hash,
        active=True,
        simulated=simulated,
        imported=imported,
    )
    session.add(row)
    session.flush()
    return _person(row)


def find_person(session: Session, name: str) -> Person | None:
    """The person of that name, or None."""
    row = session.scalar(select(PersonRow).where(PersonRow.name == name))
    return None if row is None else _person(row)


def get_person(session: Session, name: str) -> Person:
    """The person of that name.

    Raises:
        NotFound: there is nobody of that name.
    """
    found = find_person(session, name)
    if found is None:
        raise NotFound(f"there is nobody named {name!r}; `users list` shows the names")
    return found


def list_people(session: Session) -> list[Person]:
    """All people, in the order in which they came."""
    return [_person(row) for row in session.scalars(select(PersonRow).order_by(PersonRow.id))]


def password_hash_of(session: Session, person_id: int) -> str | None:
    """The person's password hash; None where no password is set."""
    return session.scalar(select(PersonRow.password_hash).where(PersonRow.id == person_id))


def change_person(session: Session, person_id: int, **values: Any) -> None:
    """Set columns of `people`: `role` (its text), `active`, `password_hash`."""
    session.execute(update(PersonRow).where(PersonRow.id == person_id).values(**values))


def lock_people(session: Session) -> None:
    """Hold all rows of administrators until the transaction ends (SQLite holds the whole file)."""
    session.execute(
        select(PersonRow.id).where(PersonRow.role == Role.ADMINISTRATOR.value).with_for_update()
    )


def count_administrators(session: Session) -> int:
    """How many active administrators there are."""
    query = select(func.count()).where(
        PersonRow.role == Role.ADMINISTRATOR.value, PersonRow.active.is_(True)
    )
    return int(session.scalar(query) or 0)


def anybody_real(session: Session) -> bool:
    """Whether there is a person who is neither simulated nor only named by imported answers."""
    query = select(PersonRow.id).where(
        PersonRow.simulated.is_(False), PersonRow.imported.is_(False)
    )
    return session.scalar(query.limit(1)) is not None


def add_sign_in(
    session: Session, token_hash: str, person_id: int, expires_at: datetime, *, one_time: bool
) -> None:
    """Remember that the holder of a token is this person."""
    session.add(
        SignInRow(
            token_hash=token_hash, person_id=person_id, expires_at=expires_at, one_time=one_time
        )
    )


def person_signed_in(session: Session, token_hash: str, now: datetime) -> Person | None:
    """The active person of a standing session; None for anything else."""
    row = session.scalar(
        select(PersonRow)
        .join(SignInRow, SignInRow.person_id == PersonRow.id)
        .where(
            SignInRow.token_hash == token_hash,
            SignInRow.one_time.is_(False),
            SignInRow.expires_at > now,
            PersonRow.active.is_(True),
        )
    )
    return None if row is None else _person(row)


def take_one_time(session: Session, token_hash: str, now: datetime) -> Person | None:
    """Use a sign-in link up: its active person, or None; a second call gives None."""
    person_id = session.scalar(
        delete(SignInRow)
        .where(
            SignInRow.token_hash == token_hash,
            SignInRow.one_time.is_(True),
            SignInRow.expires_at > now,
        )
        .returning(SignInRow.person_id)
    )
    if person_id is None:
        return None
    row = session.get(PersonRow, person_id)
    return None if row is None or not row.active else _person(row)


def delete_sign_in(session: Session, token_hash: str) -> None:
    """Forget one session."""
    session.execute(delete(SignInRow).where(SignInRow.token_hash == token_hash))


def delete_sign_ins_of(session: Session, person_id: int) -> None:
    """Forget all sessions and links of a person."""
    session.execute(delete(SignInRow).where(SignInRow.person_id == person_id))


def purge_sign_ins(session: Session, now: datetime) -> None:
    """Forget what has expired."""
    session.execute(delete(SignInRow).where(SignInRow.expires_at <= now))


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


def add_audit(
    session: Session, actor_id: int | None, action: str, detail: Mapping[str, Any]
) -> None:
    """Write down who did what to people or data; `actor_id` None is the owner by command line."""
    session.add(AuditRow(actor_id=actor_id, action=action, detail=dict(detail)))


def list_audit(session: Session, limit: int = 100) -> list[dict[str, Any]]:
    """The newest entries first: `at`, `actor_id`, `action`, `detail`."""
    rows = session.scalars(select(AuditRow).order_by(AuditRow.id.desc()).limit(limit))
    return [
        {"at": r.at, "actor_id": r.actor_id, "action": r.action, "detail": r.detail} for r in rows
    ]
