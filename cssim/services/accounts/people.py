"""People: who there is, what each may do, their passwords.

Whatever changes people leaves a row in the audit log.
"""

from __future__ import annotations

import re
import unicodedata

from sqlalchemy.orm import Session

from cssim.errors import BadInput, Conflict, NotAllowed
from cssim.services.accounts import common, passwords, sessions
from cssim.services.accounts.common import audit, must_be_real, token_hash
from cssim.services.accounts.history import BY_COMMAND_LINE
from cssim.services.accounts.passwords import hash_password
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from db import sign_ins, users

_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


def clean_name(name: str) -> str:
    """The name as it is stored: trimmed, in Unicode's composed form.

    Raises:
        BadInput: it is empty, longer than 200 characters, holds control characters, or is what the
            log says of the machine's owner.
    """
    name = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(name) <= 200:
        raise BadInput(f"a name has 1 to 200 characters, got {len(name)}")
    if any(unicodedata.category(letter).startswith("C") for letter in name):
        raise BadInput(f"a name holds no control characters, got {name!r}")
    if name.casefold() == BY_COMMAND_LINE:
        raise BadInput(f"{name} stands for the machine's owner in the log; choose another name")
    return name


def clean_email(email: str | None) -> str | None:
    """The address as it is stored: trimmed, in small letters; None for an empty text.

    Raises:
        BadInput: it is no address.
    """
    email = unicodedata.normalize("NFC", email or "").strip().lower()
    if not email:
        return None
    if not _EMAIL.fullmatch(email) or not email.isprintable():
        raise BadInput(f"an e-mail address looks like name@example.org, got {email[:80]!r}")
    return email


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
    email: str | None = None,
    by: Person | None = None,
) -> Person:
    """The new person; without a password only a sign-in link lets them in.

    Args:
        ws: the workspace.
        name: 1 to 200 characters, unique.
        role: what they may do.
        password: `MIN_PASSWORD` characters or more.
        simulated: one of the demo world's people; they never sign in.
        email: by which an identity provider's account finds them.
        by: who adds them; None is the owner by command line.

    Raises:
        BadInput: the name, the password or the address is unfit.
        Conflict: the name or the address is taken.
    """
    name, email = clean_name(name), clean_email(email)
    hashed = None if password is None else hash_password(password, name=name)
    with ws.database.writing() as session:
        person = users.add_person(
            session, name, role=role, password_hash=hashed, simulated=simulated, email=email
        )
        audit(session, by, "add person", name=name, role=role.value)
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
    name = clean_name(name)
    hashed = hash_password(password, name=name)
    with ws.database.writing() as session:
        if users.anybody_real(session):
            raise Conflict("there is an administrator already; sign in instead")
        person = users.add_person(session, name, role=Role.ADMINISTRATOR, password_hash=hashed)
        audit(session, person, "add first administrator", name=name)
    return person


def set_password(ws: Workspace, name: str, password: str, *, by: Person | None = None) -> None:
    """Give a person a new password and end all their sessions.

    Raises:
        BadInput: the password is unfit.
        NotFound: there is nobody of that name.
    """
    hashed = hash_password(password, name=name)
    with ws.database.writing() as session:
        person = users.get_person(session, name)
        must_be_real(person)
        users.change_person(session, person.id, password_hash=hashed)
        _end_everything(session, person)
        audit(session, by, "set password", name=person.name)


def change_own_password(
    ws: Workspace,
    person: Person,
    old: str,
    new: str,
    *,
    keep: str | None = None,
    address: str = "",
) -> None:
    """Let a person replace their password; their sessions end, but for the one of the token `keep`.

    Raises:
        NotAllowed: the old password is wrong.
        Throttled: it was wrong too often lately.
        BadInput: the new one is unfit.
    """
    sessions.count_try(ws, person.name, address)
    with ws.database.reading() as session:
        stored = users.password_hash_of(session, person.id)
    if stored is not None and not passwords.verified(stored, old):
        raise NotAllowed("the present password is wrong; nothing was changed")
    hashed = hash_password(new, name=person.name)
    with ws.database.writing() as session:
        users.change_person(session, person.id, password_hash=hashed)
        _end_everything(session, person, but=token_hash(keep) if keep else None)
        sessions.forget_tries(session, person.name, address)
        audit(session, person, "change own password", name=person.name)


def has_password(ws: Workspace, person: Person) -> bool:
    """Whether the person can sign in with a password."""
    with ws.database.reading() as session:
        return users.password_hash_of(session, person.id) is not None


def set_email(ws: Workspace, name: str, email: str | None, *, by: Person | None = None) -> None:
    """Give a person another e-mail address, or none.

    Raises:
        NotFound: there is nobody of that name.
        BadInput: it is no address.
        Conflict: somebody else has it.
    """
    email = clean_email(email)
    with ws.database.writing() as session:
        person = users.get_person(session, name)
        must_be_real(person)
        users.set_email(session, person.id, email)
        audit(session, by, "set e-mail", name=person.name, email=email or "")


def set_role(ws: Workspace, name: str, role: Role, *, by: Person | None = None) -> None:
    """Change what a person may do.

    Raises:
        NotFound: there is nobody of that name.
        Conflict: the last administrator would be gone.
    """
    with ws.database.writing() as session:
        users.lock_people(session)
        person = users.get_person(session, name)
        must_be_real(person)
        change_role(session, person, role, by=by)


def change_role(
    session: Session, person: Person, role: Role, *, by: Person | None, why: str = ""
) -> None:
    """Change what a person may do, within a transaction.

    Raises:
        Conflict: the last administrator would be gone.
    """
    users.lock_people(session)
    users.change_person(session, person.id, role=role.value)
    _keep_an_administrator(session, person)
    audit(session, by, "set role", name=person.name, role=role.value, why=why)


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
            _end_everything(session, person)
        audit(session, by, "activate" if active else "deactivate", name=person.name)


def deactivate(ws: Workspace, name: str, *, by: Person | None = None) -> None:
    """Keep a person out; see `set_active`."""
    set_active(ws, name, False, by=by)


def _end_everything(session: Session, person: Person, *, but: str | None = None) -> None:
    """End the person's sessions, and let no link of theirs work any more."""
    sign_ins.delete_sign_ins_of(session, person.id, but=but)
    sign_ins.withdraw_links_of(session, person.id, common.now())


def _keep_an_administrator(session: Session, changed: Person) -> None:
    was_one = changed.role is Role.ADMINISTRATOR and changed.active
    if was_one and users.count_administrators(session) == 0:
        raise Conflict(f"{changed.name!r} is the last administrator; make somebody else one first")
