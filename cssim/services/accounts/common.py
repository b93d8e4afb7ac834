"""What all use cases of accounts share: the clock, tokens, the audit log, who may sign in."""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from cssim.errors import BadInput
from cssim.types import Person
from db import users


def now() -> datetime:
    """This moment; tests put another clock here."""
    return datetime.now(UTC)


def new_token() -> str:
    """A token of 256 random bits, fit for cookies and addresses."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """What the database keeps of a token: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def audit(session: Session, by: Person | None, action: str, **detail: str) -> None:
    """Write down what was done; `by` None is the owner by command line."""
    users.add_audit(session, None if by is None else by.id, action, detail)


def must_be_real(person: Person) -> None:
    """Refuse people who never sign in.

    Raises:
        BadInput: the person is simulated or only named by imported answers.
    """
    if person.simulated or person.imported:
        kind = "simulated" if person.simulated else "only named by imported answers"
        raise BadInput(f"{person.name!r} is {kind} and cannot sign in; add a person instead")
