"""Links that let somebody in once: to sign in, to choose a new password, to become a person."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy.orm import Session

from cssim.errors import BadInput, NotAllowed, NotFound
from cssim.services.accounts import common
from cssim.services.accounts.common import audit, must_be_real, token_hash
from cssim.services.accounts.passwords import hash_password
from cssim.services.accounts.people import clean_email, clean_name
from cssim.services.accounts.sessions import open_session
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from db import sign_ins, users
from db.sign_ins import Link

SIGN_IN, RESET, INVITATION = "sign-in", "reset", "invitation"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,100}")
_GONE = "this link was used already or has expired; ask for a new one"


class InvitationState(StrEnum):
    """What has become of an invitation."""

    OPEN = "open"
    USED = "used"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation as administrators see it; the link itself is shown once, when it is made."""

    id: int
    role: Role
    note: str
    email: str | None
    state: InvitationState
    made_by: str | None
    """None is the owner by command line."""
    created_at: datetime
    expires_at: datetime
    became: str | None
    """Name of the person who came in by it."""


# --- signing in -----------------------------------------------------------------------------


def make_link(ws: Workspace, name: str, *, hours: int = 24, by: Person | None = None) -> str:
    """A token that signs its person in once, at the address `/enter/<token>`.

    Raises:
        NotFound: there is nobody of that name.
        BadInput: the person cannot sign in, or `hours` is not within 1 to 720.
    """
    return _link_for(ws, SIGN_IN, name, hours, by, "make sign-in link")


def enter(ws: Workspace, link_token: str, *, address: str = "", device: str = "") -> str:
    """Use a sign-in link up and open a session: its token.

    Raises:
        NotAllowed: the link was used, has expired, or never was.
    """
    with ws.database.writing() as session:
        person = _person_of(session, _taken(session, link_token, SIGN_IN))
        return open_session(ws, session, person, address=address, device=device)


# --- a new password -------------------------------------------------------------------------


def make_reset(ws: Workspace, name: str, *, hours: int = 24, by: Person | None = None) -> str:
    """A token with which a person chooses a new password once, at `/reset/<token>`.

    Their old password and sessions stay until then; earlier links of theirs no longer work.

    Raises:
        NotFound: there is nobody of that name.
        BadInput: the person cannot sign in, or `hours` is not within 1 to 720.
    """
    return _link_for(ws, RESET, name, hours, by, "make password link", alone=True)


def person_to_reset(ws: Workspace, link_token: str) -> Person:
    """Whose password a link resets.

    Raises:
        NotAllowed: the link was used, has expired, or never was.
    """
    with ws.database.reading() as session:
        return _person_of(session, _found(session, link_token, RESET))


def reset_password(
    ws: Workspace, link_token: str, password: str, *, address: str = "", device: str = ""
) -> str:
    """Use a link up: the new password counts, all sessions end, and a new one opens: its token.

    Raises:
        BadInput: the password is unfit; the link still works.
        NotAllowed: the link was used, has expired, or never was.
    """
    hashed = hash_password(password, name=person_to_reset(ws, link_token).name)
    with ws.database.writing() as session:
        person = _person_of(session, _taken(session, link_token, RESET))
        users.change_person(session, person.id, password_hash=hashed)
        sign_ins.delete_sign_ins_of(session, person.id)
        sign_ins.withdraw_links_of(session, person.id, common.now())
        audit(session, person, "choose password by link", name=person.name)
        return open_session(ws, session, person, address=address, device=device)


# --- invitations ----------------------------------------------------------------------------


def invite(
    ws: Workspace,
    *,
    role: Role = Role.ANNOTATOR,
    days: int = 7,
    note: str = "",
    email: str | None = None,
    by: Person | None = None,
) -> str:
    """A token with which somebody becomes a person once, at the address `/invite/<token>`.

    Args:
        ws: the workspace.
        role: what they will be able to do.
        days: for how long the link works, 1 to 90.
        note: for whom it is meant, for your own list; up to 200 characters.
        email: their address, if an identity provider is to know them by it.
        by: who invites; None is the owner by command line.

    Raises:
        BadInput: `days`, `note` or `email` is unfit.
        Conflict: somebody has this address already.
    """
    if not 1 <= days <= 90:
        raise BadInput(f"an invitation lasts 1 to 90 days, got {days}")
    note = " ".join(note.split())
    if len(note) > 200 or not note.isprintable():
        raise BadInput(f"a note has up to 200 printable characters, got {len(note)}")
    email = clean_email(email)
    token = common.new_token()
    with ws.database.writing() as session:
        users.check_email_is_free(session, email)
        sign_ins.add_link(
            session,
            token_hash(token),
            INVITATION,
            common.now() + timedelta(days=days),
            role=role,
            email=email,
            note=note,
            made_by=None if by is None else by.id,
        )
        audit(session, by, "invite", role=role.value, note=note)
    return token


def invitation_of(ws: Workspace, link_token: str) -> Invitation:
    """What a link invites to.

    Raises:
        NotAllowed: the link was used, withdrawn, has expired, or never was.
    """
    with ws.database.reading() as session:
        return _invitation(_found(session, link_token, INVITATION), {}, common.now())


def accept(
    ws: Workspace,
    link_token: str,
    name: str,
    password: str,
    *,
    address: str = "",
    device: str = "",
) -> str:
    """Use an invitation up: a new person of its role, and a session of theirs: its token.

    Raises:
        BadInput: the name or the password is unfit; the link still works.
        Conflict: the name is taken; the link still works.
        NotAllowed: the link was used, withdrawn, has expired, or never was.
    """
    invitation_of(ws, link_token)  # before the costly hash: a made-up link costs nothing
    name = clean_name(name)
    hashed = hash_password(password, name=name)
    with ws.database.writing() as session:
        link = _taken(session, link_token, INVITATION)
        role = link.role or Role.ANNOTATOR
        person = users.add_person(session, name, role=role, password_hash=hashed, email=link.email)
        sign_ins.set_link_person(session, link.id, person.id)
        audit(session, person, "accept invitation", name=name, role=role.value, note=link.note)
        return open_session(ws, session, person, address=address, device=device)


def withdraw_invitation(ws: Workspace, invitation_id: int, *, by: Person | None = None) -> None:
    """Make an open invitation useless.

    Raises:
        NotFound: there is no open invitation of that id.
    """
    with ws.database.writing() as session:
        link = sign_ins.withdraw_link(session, invitation_id, common.now())
        if link is None or link.kind != INVITATION:
            raise NotFound(f"there is no open invitation {invitation_id}")
        audit(session, by, "withdraw invitation", role=str(link.role), note=link.note)


def list_invitations(ws: Workspace) -> list[Invitation]:
    """The invitations of this installation, the newest first."""
    with ws.database.reading() as session:
        names = {person.id: person.name for person in users.list_people(session)}
        links = sign_ins.list_links(session, INVITATION)
    now = common.now()
    return [_invitation(link, names, now) for link in links]


def _invitation(link: Link, names: dict[int, str], now: datetime) -> Invitation:
    return Invitation(
        id=link.id,
        role=link.role or Role.ANNOTATOR,
        note=link.note,
        email=link.email,
        state=_state(link, now),
        made_by=None if link.made_by is None else names.get(link.made_by),
        created_at=link.created_at,
        expires_at=link.expires_at,
        became=None if link.person_id is None else names.get(link.person_id),
    )


def _state(link: Link, now: datetime) -> InvitationState:
    if link.used_at is not None:
        return InvitationState.USED
    if link.withdrawn_at is not None:
        return InvitationState.WITHDRAWN
    return InvitationState.OPEN if link.expires_at > now else InvitationState.EXPIRED


# --- what the three kinds share -------------------------------------------------------------


def _link_for(
    ws: Workspace,
    kind: str,
    name: str,
    hours: int,
    by: Person | None,
    action: str,
    *,
    alone: bool = False,
) -> str:
    if not 1 <= hours <= 720:
        raise BadInput(f"such a link lasts 1 to 720 hours, got {hours}")
    token, now = common.new_token(), common.now()
    with ws.database.writing() as session:
        person = users.get_person(session, name)
        must_be_real(person)
        if not person.active:
            raise BadInput(f"{name!r} was deactivated; activate them first")
        if alone:
            sign_ins.withdraw_links_of(session, person.id, now)
        sign_ins.add_link(
            session,
            token_hash(token),
            kind,
            now + timedelta(hours=hours),
            person_id=person.id,
            made_by=None if by is None else by.id,
        )
        audit(session, by, action, name=person.name)
    return token


def _found(session: Session, token: str, kind: str) -> Link:
    return _there(
        sign_ins.find_link(session, token_hash(token), kind, common.now())
        if _TOKEN.fullmatch(token)
        else None
    )


def _taken(session: Session, token: str, kind: str) -> Link:
    return _there(
        sign_ins.take_link(session, token_hash(token), kind, common.now())
        if _TOKEN.fullmatch(token)
        else None
    )


def _there(link: Link | None) -> Link:
    if link is None:
        raise NotAllowed(_GONE)
    return link


def _person_of(session: Session, link: Link) -> Person:
    person = None if link.person_id is None else users.person_by_id(session, link.person_id)
    if person is None or not person.active:
        raise NotAllowed(_GONE)
    return person
