"""People and who they are: accounts, passwords, sessions, sign-in links.

A browser's session is a random token in a cookie; the database keeps only its SHA-256. Passwords
are kept as Argon2id hashes. Whatever changes people leaves a row in the audit log.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from datetime import UTC, datetime, timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.orm import Session

from cssim.errors import BadInput, Conflict, NotAllowed, Throttled
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from db import users

MIN_PASSWORD, MAX_PASSWORD = 8, 1000
"""Length of a password in characters."""
WINDOW = timedelta(minutes=15)
"""Tries to sign in are counted over this time."""
TRIES, TRIES_OF_NAME, TRIES_FROM_ADDRESS = 8, 100, 100
"""Tries within `WINDOW`: of one name from one address; of one name; from one address."""

_HASHER = PasswordHasher()  # Argon2id with the parameters of RFC 9106 (low memory)
_NOBODY = _HASHER.hash(secrets.token_hex(16))
"""Verified where there is nobody of that name, so that names cannot be told from timing."""


def clean_name(name: str) -> str:
    """The name as it is stored: trimmed, in Unicode's composed form.

    Raises:
        BadInput: it is empty, longer than 200 characters, or holds control characters.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= 200:
        raise BadInput(f"a name has 1 to 200 characters, got {len(name)}")
    if any(unicodedata.category(letter).startswith("C") for letter in name):
        raise BadInput(f"a name holds no control characters, got {name!r}")
    return name


def _hash(password: str) -> str:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadInput(
            f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters, got {len(password)}"
        )
    return _HASHER.hash(unicodedata.normalize("NFC", password))


def _verified(stored: str | None, password: str) -> bool:
    if len(password) > MAX_PASSWORD:
        return False
    try:
        _HASHER.verify(stored or _NOBODY, unicodedata.normalize("NFC", password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def token_hash(token: str) -> str:
    """What the database keeps of a token: 64 hexadecimal digits."""
    return hashlib.sha256(token.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)


# --- people ---------------------------------------------------------------------------------


def list_people(ws: Workspace) -> list[Person]:
    """Everybody, in the order in which they came."""
    with ws.database.reading() as session:
        return users.list_people(session)


def add_person(
    ws: Workspace,
    name: str,
    *,
    role: Role = Role.ANNOTATOR,
    password: str | None = None,
    simulated: bool = False,
    by: Person | None = None,
) -> Person:
    """The new person; without a password only a sign-in link lets them in.

    Args:
        ws: the workspace.
        name: 1 to 200 characters, unique.
        role: what they may do.
        password: `MIN_PASSWORD` characters or more.
        simulated: one of the demo world's people; they never sign in.
        by: who adds them; None is the owner by command line.

    Raises:
        BadInput: the name or the password is unfit.
        Conflict: the name is taken.
    """
    name = clean_name(name)
    hashed = None if password is None else _hash(password)
    with ws.database.writing() as session:
        person = users.add_person(
            session, name, role=role, password_hash=hashed, simulated=simulated
        )
        _audit(session, by, "add person", name=name, role=role.value)
    return person


def needs_first_person(ws: Workspace) -> bool:
    """Whether nobody is here yet who could sign in."""
    with ws.database.reading() as session:
        return not users.anybody_real(session)


def add_first_administrator(ws: Workspace, name: str, password: str) -> Person:
    """The administrator of a fresh installation.

    Raises:
        BadInput: the name or the password is unfit.
        Conflict: somebody is there already.
    """
    name, hashed = clean_name(name), _hash(password)
    with ws.database.writing() as session:
        if users.anybody_real(session):
            raise Conflict("there is an administrator already; sign in instead")
        person = users.add_person(session, name, role=Role.ADMINISTRATOR, password_hash=hashed)
        _audit(session, person, "add first administrator", name=name)
    return person


def set_password(ws: Workspace, name: str, password: str, *, by: Person | None = None) -> None:
    """Give a person a new password and end all their sessions.

    Raises:
        BadInput: the password is unfit.
        NotFound: there is nobody of that name.
    """
    hashed = _hash(password)
    with ws.database.writing() as session:
        person = users.get_person(session, name)
        _must_be_real(person)
        users.change_person(session, person.id, password_hash=hashed)
        users.delete_sign_ins_of(session, person.id)
        _audit(session, by, "set password", name=person.name)


def change_own_password(ws: Workspace, person: Person, old: str, new: str) -> None:
    """Let a person replace their password; all their sessions end.

    Raises:
        NotAllowed: the old password is wrong.
        BadInput: the new one is unfit.
    """
    with ws.database.reading() as session:
        stored = users.password_hash_of(session, person.id)
    if stored is not None and not _verified(stored, old):
        raise NotAllowed("the present password is wrong; nothing was changed")
    set_password(ws, person.name, new, by=person)


def set_role(ws: Workspace, name: str, role: Role, *, by: Person | None = None) -> None:
    """Change what a person may do.

    Raises:
        NotFound: there is nobody of that name.
        Conflict: the last administrator would be gone.
    """
    with ws.database.writing() as session:
        users.lock_people(session)
        person = users.get_person(session, name)
        _must_be_real(person)
        users.change_person(session, person.id, role=role.value)
        _keep_an_administrator(session, person)
        _audit(session, by, "set role", name=person.name, role=role.value)


def set_active(ws: Workspace, name: str, active: bool, *, by: Person | None = None) -> None:
    """Let a person in again, or keep them out: their sessions end, their answers stay.

    Raises:
        NotFound: there is nobody of that name.
        Conflict: the last administrator would be gone.
    """
    with ws.database.writing() as session:
        users.lock_people(session)
        person = users.get_person(session, name)
        users.change_person(session, person.id, active=active)
        _keep_an_administrator(session, person)
        if not active:
            users.delete_sign_ins_of(session, person.id)
        _audit(session, by, "activate" if active else "deactivate", name=person.name)


def deactivate(ws: Workspace, name: str, *, by: Person | None = None) -> None:
    """Keep a person out; see `set_active`."""
    set_active(ws, name, False, by=by)


def _must_be_real(person: Person) -> None:
    if person.simulated or person.imported:
        kind = "simulated" if person.simulated else "only named by imported answers"
        raise BadInput(f"{person.name!r} is {kind} and cannot sign in; add a person instead")


def _keep_an_administrator(session: Session, changed: Person) -> None:
    was_one = changed.role is Role.ADMINISTRATOR and changed.active
    if was_one and users.count_administrators(session) == 0:
        raise Conflict(f"{changed.name!r} is the last administrator; make somebody else one first")


def _audit(session: Session, by: Person | None, action: str, **detail: str) -> None:
    users.add_audit(session, None if by is None else by.id, action, detail)


# --- sessions -------------------------------------------------------------------------------


def sign_in(ws: Workspace, name: str, password: str, *, address: str = "") -> str:
    """A fresh session's token, to be kept by the browser; valid for `session_days`.

    Raises:
        NotAllowed: the name or the password is wrong (which of them is not said).
        Throttled: too many tries lately.
    """
    name, now = unicodedata.normalize("NFC", name).strip(), _now()
    with ws.database.writing() as session:
        _throttle(session, name, address, now)
        users.add_attempt(session, name, address, now)
        person = users.find_person(session, name)
        stored = None if person is None else users.password_hash_of(session, person.id)
    # Outside the transaction: hashing takes tens of milliseconds, which no writer should wait for.
    if not _verified(stored, password) or person is None or not person.active:
        raise NotAllowed("name or password is wrong; try again, or ask an administrator")
    with ws.database.writing() as session:
        users.clear_attempts(session, name, address, now - WINDOW)
        return _open_session(ws, session, person, now)


def _throttle(session: Session, name: str, address: str, now: datetime) -> None:
    since = now - WINDOW
    counts = (
        (users.count_attempts(session, since, name=name, address=address), TRIES),
        (users.count_attempts(session, since, name=name), TRIES_OF_NAME),
        (users.count_attempts(session, since, address=address), TRIES_FROM_ADDRESS),
    )
    if any(count >= limit for count, limit in counts):
        minutes = int(WINDOW.total_seconds() // 60)
        raise Throttled(f"too many tries to sign in; wait {minutes} minutes and try again")


def _open_session(ws: Workspace, session: Session, person: Person, now: datetime) -> str:
    token = secrets.token_urlsafe(32)
    users.purge_sign_ins(session, now)
    expires = now + timedelta(days=ws.settings.session_days)
    users.add_sign_in(session, token_hash(token), person.id, expires, one_time=False)
    return token


def sign_out(ws: Workspace, token: str) -> None:
    """End one session; an unknown token is no error."""
    with ws.database.writing() as session:
        users.delete_sign_in(session, token_hash(token))


def person_of_token(ws: Workspace, token: str | None) -> Person | None:
    """Who holds this token; None where it is unknown or expired, or the person was deactivated."""
    if not token or len(token) > 200:
        return None
    with ws.database.reading() as session:
        return users.person_signed_in(session, token_hash(token), _now())


def make_link(ws: Workspace, name: str, *, hours: int = 24, by: Person | None = None) -> str:
    """A token that signs its person in once, at the address `/enter/<token>`.

    Raises:
        NotFound: there is nobody of that name.
        BadInput: the person cannot sign in, or `hours` is not within 1 to 720.
    """
    if not 1 <= hours <= 720:
        raise BadInput(f"a sign-in link lasts 1 to 720 hours, got {hours}")
    token = secrets.token_urlsafe(32)
    with ws.database.writing() as session:
        person = users.get_person(session, name)
        _must_be_real(person)
        if not person.active:
            raise BadInput(f"{name!r} was deactivated; activate them first")
        expires = _now() + timedelta(hours=hours)
        users.add_sign_in(session, token_hash(token), person.id, expires, one_time=True)
        _audit(session, by, "make sign-in link", name=person.name)
    return token


def enter(ws: Workspace, link_token: str) -> str:
    """Use a sign-in link up and open a session: its token.

    Raises:
        NotAllowed: the link was used, has expired, or never was.
    """
    now = _now()
    with ws.database.writing() as session:
        person = users.take_one_time(session, token_hash(link_token), now)
        if person is None:
            raise NotAllowed("this link was used already or has expired; ask for a new one")
        return _open_session(ws, session, person, now)
