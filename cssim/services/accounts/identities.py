"""Accounts at an identity provider (OpenID Connect): which person each of them signs in.

An account is known by issuer and subject. The first time, it finds its person by an e-mail address
that the provider has verified; where `CSSIM_OIDC_PROVISION` is on, an unknown account becomes a
person. Everybody else is refused.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from cssim.config import Settings
from cssim.errors import BadInput, Conflict, NotAllowed
from cssim.services.accounts.common import audit, must_be_real
from cssim.services.accounts.people import change_role, clean_email, clean_name
from cssim.services.accounts.sessions import open_session
from cssim.services.workspace import Workspace
from cssim.types import Person, Role
from db import users


@dataclass(frozen=True, slots=True)
class Claims:
    """What a verified ID token says of somebody."""

    issuer: str
    subject: str
    email: str | None = None
    """Only where the provider says that it has verified it."""
    name: str = ""
    groups: tuple[str, ...] | None = None
    """Values of the claim that stands for roles; None where the token has no such claim."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.subject) <= 255 or not 1 <= len(self.issuer) <= 300:
            raise BadInput("an ID token names issuer and subject, of at most 300 and 255 letters")


def enter_by_claims(ws: Workspace, claims: Claims, *, address: str = "", device: str = "") -> str:
    """Open a session of the person whom an account stands for: its token.

    Where `CSSIM_OIDC_ROLE_CLAIM` is set, the person's role follows the provider each time.

    Raises:
        NotAllowed: nobody here has this account or address, the person was deactivated, or the
            provider gives them no role here.
        Conflict: the provider would take the last administrator's role away.
    """
    role = role_of(ws.settings, claims.groups)
    with ws.database.writing() as session:
        person = _known(session, claims) or _provisioned(ws, session, claims, role)
        if not person.active:
            raise NotAllowed("your account here was deactivated; ask an administrator")
        must_be_real(person)
        if role is not None and role is not person.role:
            change_role(session, person, role, by=None, why="identity provider")
        return open_session(ws, session, person, address=address, device=device)


def role_of(settings: Settings, groups: tuple[str, ...] | None) -> Role | None:
    """The highest role that the groups give; None where roles are not the provider's business.

    Raises:
        NotAllowed: none of the groups has a role here.
    """
    if not settings.oidc_role_claim:
        return None
    mapping = settings.oidc_role_map
    found = [Role(mapping[group]) for group in groups or () if group in mapping]
    if not found:
        raise NotAllowed(
            "your account has no role here; ask whoever runs the identity provider for a group "
            "that CS-Sim knows"
        )
    return max(found, key=list(Role).index)


def _known(session: Session, claims: Claims) -> Person | None:
    person = users.person_of_identity(session, claims.issuer, claims.subject)
    if person is not None:
        return person
    email = clean_email(claims.email)
    person = None if email is None else users.person_by_email(session, email)
    if person is not None:
        # An address can change hands at the provider; a second account must not inherit by it.
        if users.has_identity(session, person.id, claims.issuer):
            raise NotAllowed(
                "another account of your identity provider belongs to the person with this "
                "address; ask an administrator"
            )
        users.add_identity(session, person.id, claims.issuer, claims.subject)
        audit(session, person, "link identity", name=person.name, issuer=claims.issuer)
    return person


def _provisioned(ws: Workspace, session: Session, claims: Claims, role: Role | None) -> Person:
    if not ws.settings.oidc_provision:
        raise NotAllowed(
            "nobody here has this account; ask an administrator to add your e-mail address"
        )
    email = clean_email(claims.email)
    name = _free_name(session, claims, email)
    person = users.add_person(session, name, role=role or Role.ANNOTATOR, email=email)
    users.add_identity(session, person.id, claims.issuer, claims.subject)
    audit(
        session, person, "add person by identity", name=name, role=person.role.value,
        issuer=claims.issuer,
    )  # fmt: skip
    return person


def _free_name(session: Session, claims: Claims, email: str | None) -> str:
    """The provider's name for them, with a number where somebody has it already."""
    printable = "".join(c for c in claims.name if c.isprintable()).strip()
    wanted = clean_name((printable or email or claims.subject)[:180])
    for number in range(1, 1000):
        name = wanted if number == 1 else f"{wanted} ({number})"
        if users.find_person(session, name) is None:
            return name
    raise Conflict(f"there are a thousand people named {wanted!r} already")


def link_identity(
    ws: Workspace, name: str, subject: str, *, issuer: str = "", by: Person | None = None
) -> None:
    """Let an account sign a person in, where no verified e-mail address can tell.

    Args:
        ws: the workspace.
        name: the person's.
        subject: the account's `sub` at the provider.
        issuer: the provider; `CSSIM_OIDC_ISSUER` by default.
        by: who says so; None is the owner by command line.

    Raises:
        NotFound: there is nobody of that name.
        BadInput: the person never signs in, or no provider is named.
        Conflict: the account signs somebody else in.
    """
    issuer = issuer or ws.settings.oidc_issuer
    if not issuer:
        raise BadInput("name the provider: set CSSIM_OIDC_ISSUER first")
    claims = Claims(issuer, subject.strip())
    with ws.database.writing() as session:
        person = users.get_person(session, name)
        must_be_real(person)
        owner = users.person_of_identity(session, issuer, claims.subject)
        if owner is not None and owner.id != person.id:
            raise Conflict(f"this account signs {owner.name!r} in already")
        if owner is None:
            users.add_identity(session, person.id, issuer, claims.subject)
            audit(session, by, "link identity", name=person.name, issuer=issuer)
