"""Queries on people, their accounts at identity providers, and the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from cssim.errors import Conflict, NotFound
from cssim.types import Person, Role
from db.models import AuditRow, IdentityRow, PersonRow


def person_from(row: PersonRow) -> Person:
    """The frozen type of a row."""
    return Person(
        id=row.id,
        name=row.name,
        role=Role(row.role),
        active=row.active,
        simulated=row.simulated,
        imported=row.imported,
        email=row.email,
    )


def add_person(
    session: Session,
    name: str,
    *,
    role: Role = Role.ANNOTATOR,
    password_hash: str | None = None,
    simulated: bool = False,
    imported: bool = False,
    email: str | None = None,
) -> Person:
    """The new person.

    Raises:
        Conflict: the name or the e-mail address is taken.
    """
    if find_person(session, name) is not None:
        raise Conflict(f"there is already a person named {name!r}; choose another name")
    check_email_is_free(session, email)
    row = PersonRow(
        name=name,
        role=role.value,
        password_hash=password_hash,
        active=True,
        simulated=simulated,
        imported=imported,
        email=email,
    )
    session.add(row)
    session.flush()
    return person_from(row)


def find_person(session: Session, name: str) -> Person | None:
    """The person of that name, or None."""
    row = session.scalar(select(PersonRow).where(PersonRow.name == name))
    return None if row is None else person_from(row)


def person_by_id(session: Session, person_id: int) -> Person | None:
    """The person with that id, or None."""
    row = session.get(PersonRow, person_id)
    return None if row is None else person_from(row)


def person_by_email(session: Session, email: str) -> Person | None:
    """The person with that address (in small letters), or None."""
    row = session.scalar(select(PersonRow).where(PersonRow.email == email))
    return None if row is None else person_from(row)


def set_email(session: Session, person_id: int, email: str | None) -> None:
    """Give a person another e-mail address, or none.

    Raises:
        Conflict: somebody else has it.
    """
    check_email_is_free(session, email, but=person_id)
    change_person(session, person_id, email=email)


def check_email_is_free(session: Session, email: str | None, *, but: int | None = None) -> None:
    """Refuse an address that somebody has (other than the person of id `but`).

    Raises:
        Conflict: so it is.
    """
    owner = None if email is None else person_by_email(session, email)
    if owner is not None and owner.id != but:
        raise Conflict(f"{email} is the address of {owner.name!r}; each address has one person")


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
    return [person_from(row) for row in session.scalars(select(PersonRow).order_by(PersonRow.id))]


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


def first_administrator(session: Session) -> Person | None:
    """The active administrator who came first, or None."""
    row = session.scalar(
        select(PersonRow)
        .where(PersonRow.role == Role.ADMINISTRATOR.value, PersonRow.active.is_(True))
        .order_by(PersonRow.id)
        .limit(1)
    )
    return None if row is None else person_from(row)


def add_identity(session: Session, person_id: int, issuer: str, subject: str) -> None:
    """Let an identity provider's account sign a person in."""
    session.add(IdentityRow(person_id=person_id, issuer=issuer, subject=subject))


def person_of_identity(session: Session, issuer: str, subject: str) -> Person | None:
    """Whom an identity provider's account signs in, or None."""
    row = session.scalar(
        select(PersonRow)
        .join(IdentityRow, IdentityRow.person_id == PersonRow.id)
        .where(IdentityRow.issuer == issuer, IdentityRow.subject == subject)
    )
    return None if row is None else person_from(row)


def has_identity(session: Session, person_id: int, issuer: str) -> bool:
    """Whether some account of that provider signs the person in."""
    query = select(IdentityRow.id).where(
        IdentityRow.person_id == person_id, IdentityRow.issuer == issuer
    )
    return session.scalar(query.limit(1)) is not None


@dataclass(frozen=True, slots=True)
class Audit:
    """Something that was done to people or data."""

    id: int
    at: datetime
    actor: str | None
    """Name of who did it; None is the owner by command line."""
    action: str
    detail: dict[str, Any]


def add_audit(
    session: Session, actor_id: int | None, action: str, detail: Mapping[str, Any]
) -> None:
    """Write down who did what to people or data; `actor_id` None is the owner by command line."""
    session.add(AuditRow(actor_id=actor_id, action=action, detail=dict(detail)))


def list_audit(
    session: Session,
    limit: int = 100,
    *,
    actor: str | None = None,
    action: str | None = None,
    about: str | None = None,
    since: datetime | None = None,
) -> list[Audit]:
    """The newest entries first.

    Args:
        session: of the database.
        limit: how many at the most.
        actor: only what this person did; the empty name is the owner by command line.
        action: only this action.
        about: only what was done to the person of this name.
        since: only from this moment on.
    """
    query = (
        select(AuditRow, PersonRow.name)
        .outerjoin(PersonRow, PersonRow.id == AuditRow.actor_id)
        .order_by(AuditRow.id.desc())
    )
    if actor == "":
        query = query.where(AuditRow.actor_id.is_(None))
    elif actor is not None:
        query = query.where(PersonRow.name == actor)
    if action is not None:
        query = query.where(AuditRow.action == action)
    if about is not None:
        query = query.where(AuditRow.detail["name"].as_string() == about)
    if since is not None:
        query = query.where(AuditRow.at >= since)
    return [
        Audit(row.id, row.at, name, row.action, row.detail)
        for row, name in session.execute(query.limit(limit))
    ]


def audit_actions(session: Session) -> list[str]:
    """The actions that the audit log knows, in alphabetical order."""
    return list(session.scalars(select(AuditRow.action).distinct().order_by(AuditRow.action)))
