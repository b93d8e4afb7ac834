"""Sessions: signing in and out, and which browsers are signed in as whom.

A browser's session is a random token in a cookie; the database keeps only its SHA-256.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from cssim import words
from cssim.errors import Conflict, NotAllowed, NotFound, Throttled
from cssim.services.accounts import common, passwords
from cssim.services.accounts.common import audit, token_hash
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from db import sign_ins, users

WINDOW = timedelta(minutes=15)
"""Tries to sign in are counted over this time."""
TRIES, TRIES_OF_NAME, TRIES_FROM_ADDRESS = 8, 100, 100
"""Tries within `WINDOW`: of one name from one address; of one name; from one address."""
SEEN = timedelta(minutes=10)
"""A session's last use is written down at most so often."""
OWNER = "Owner"
"""Name of the person whom single-user mode makes where there is no administrator yet."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A browser that is signed in, as its owner sees it."""

    handle: str
    """Names the session to `end_session`; opens nothing."""
    device: str
    """E.g. `Firefox on Linux`."""
    address: str
    created_at: datetime
    seen_at: datetime | None
    """Its last request, to within `SEEN`."""
    expires_at: datetime
    current: bool
    """Whether it is the one that asks."""


def sign_in(ws: Workspace, name: str, password: str, *, address: str = "", device: str = "") -> str:
    """A fresh session's token, to be kept by the browser; valid for `session_days`.

    Raises:
        NotAllowed: the name or the password is wrong (which of them is not said).
        Throttled: too many tries lately.
    """
    name = unicodedata.normalize("NFC", name).strip()
    count_try(ws, name, address)
    with ws.database.reading() as session:
        person = users.find_person(session, name)
        stored = None if person is None else users.password_hash_of(session, person.id)
    # Outside of transactions: hashing takes tens of milliseconds, which no writer should wait for.
    right = passwords.verified(stored, password)
    if not right or stored is None or person is None or not person.active:
        raise NotAllowed("name or password is wrong; try again, or ask an administrator")
    stronger = passwords.renewed(stored, password)
    with ws.database.writing() as session:
        forget_tries(session, name, address)
        if stronger is not None:
            users.change_person(session, person.id, password_hash=stronger)
        return open_session(ws, session, person, address=address, device=device)


def count_try(ws: Workspace, name: str, address: str) -> None:
    """Write a try of a password down, before the password is looked at.

    Raises:
        Throttled: there were too many lately.
    """
    now = common.now()
    with ws.database.writing() as session:
        _throttle(session, name, address, now - WINDOW)
        sign_ins.add_attempt(session, name, address, now)


def forget_tries(session: Session, name: str, address: str) -> None:
    """The password was right: earlier wrong ones no longer count."""
    sign_ins.clear_attempts(session, name, address, common.now() - WINDOW)


def _throttle(session: Session, name: str, address: str, since: datetime) -> None:
    counts = (
        (sign_ins.count_attempts(session, since, name=name, address=address), TRIES),
        (sign_ins.count_attempts(session, since, name=name), TRIES_OF_NAME),
        (sign_ins.count_attempts(session, since, address=address), TRIES_FROM_ADDRESS),
    )
    if any(count >= limit for count, limit in counts):
        minutes = int(WINDOW.total_seconds() // 60)
        raise Throttled(
            f"too many tries to sign in; wait {words.count(minutes, 'minute')} and try again",
            seconds=minutes * 60,
        )


def open_session(
    ws: Workspace, session: Session, person: Person, *, address: str = "", device: str = ""
) -> str:
    """The token of a new session of somebody who has shown who they are."""
    token, now = common.new_token(), common.now()
    sign_ins.purge_sign_ins(session, now)
    sign_ins.add_sign_in(
        session,
        token_hash(token),
        person.id,
        now + timedelta(days=ws.settings.session_days),
        address=address,
        device=device_name(device),
    )
    return token


def enter_as_owner(ws: Workspace, *, address: str = "", device: str = "") -> str:
    """A session of the owner, who need not say who they are: for single-user mode only.

    The owner is the first administrator; an empty installation gets one named `OWNER`.

    Raises:
        NotAllowed: single-user mode is off.
        Conflict: there are people, but no administrator among them.
    """
    if not ws.settings.single_user:
        raise NotAllowed("single-user mode is off; sign in with name and password")
    with ws.database.writing() as session:
        owner = users.first_administrator(session)
        if owner is None:
            if users.anybody_real(session):
                raise Conflict("there is no active administrator; `users role` makes one")
            owner = users.add_person(session, OWNER, role=Role.ADMINISTRATOR)
            audit(session, owner, "add first administrator", name=owner.name)
        return open_session(ws, session, owner, address=address, device=device)


def sign_out(ws: Workspace, token: str) -> None:
    """End one session; an unknown token is no error."""
    with ws.database.writing() as session:
        sign_ins.delete_sign_in(session, token_hash(token))


def person_of_token(ws: Workspace, token: str | None, *, seen: bool = False) -> Person | None:
    """Who holds this token; None where it is unknown or expired, or the person was deactivated.

    Args:
        ws: the workspace.
        token: what the browser's cookie holds.
        seen: write down that the session was used now.
    """
    if not token or len(token) > 200:
        return None
    hashed, now = token_hash(token), common.now()
    with ws.database.reading() as session:
        found = sign_ins.person_signed_in(session, hashed, now)
    if found is None:
        return None
    person, last = found
    if seen and (last is None or now - last > SEEN):
        with ws.database.writing() as session:
            sign_ins.touch_sign_in(session, hashed, now)
    return person


def list_sessions(ws: Workspace, person: Person, token: str | None = None) -> list[SessionInfo]:
    """A person's standing sessions, the newest first; `token` is that of the one that asks."""
    current = token_hash(token) if token else None
    with ws.database.reading() as session:
        found = sign_ins.sign_ins_of(session, person.id, common.now())
    return [
        SessionInfo(
            handle=one.token_hash[:16],
            device=one.device,
            address=one.address,
            created_at=one.created_at,
            seen_at=one.seen_at,
            expires_at=one.expires_at,
            current=one.token_hash == current,
        )
        for one in found
    ]


def end_session(ws: Workspace, person: Person, handle: str) -> None:
    """Sign one browser of a person out.

    Raises:
        NotFound: the person has no such session.
    """
    with ws.database.writing() as session:
        mine = sign_ins.sign_ins_of(session, person.id, common.now())
        found = [one for one in mine if one.token_hash[:16] == handle]
        if len(found) != 1:
            raise NotFound("this session has ended already")
        sign_ins.delete_sign_in(session, found[0].token_hash, person_id=person.id)


def sign_out_everywhere(ws: Workspace, person: Person, *, but: str | None = None) -> int:
    """End all sessions of a person, except the one of the token `but`: how many ended."""
    with ws.database.writing() as session:
        kept = token_hash(but) if but else None
        return sign_ins.delete_sign_ins_of(session, person.id, but=kept)


def end_sessions(ws: Workspace, name: str, *, by: Person | None = None) -> int:
    """Sign a person out on all devices, for an administrator: how many sessions ended.

    Raises:
        NotFound: there is nobody of that name.
    """
    with ws.database.writing() as session:
        person = users.get_person(session, name)
        ended = sign_ins.delete_sign_ins_of(session, person.id)
        audit(session, by, "sign out everywhere", name=person.name, sessions=str(ended))
    return ended


_BROWSERS = (("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"),
             ("Chrom", "Chrome"), ("CriOS", "Chrome"), ("Safari", "Safari"))  # fmt: skip
_SYSTEMS = (("Android", "Android"), ("iPhone", "iPhone"), ("iPad", "iPad"), ("Windows", "Windows"),
            ("Mac OS", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


def device_name(agent: str) -> str:
    """What a `User-Agent` header stands for, such as `Firefox on Linux`; cut where unknown."""
    browser = next((name for sign, name in _BROWSERS if sign in agent), "")
    system = next((name for sign, name in _SYSTEMS if sign in agent), "")
    if browser and system:
        return f"{browser} on {system}"
    clean = "".join(c for c in agent if c.isprintable())
    return browser or system or clean[:60]
