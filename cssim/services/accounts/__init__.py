"""People and how they get in: accounts, passwords, sessions, links, identity providers, the log.

people        who there is, what each may do
passwords     what they must be, how they are stored
sessions      signing in and out
links         sign-in links, new passwords, invitations
identities    accounts at an identity provider
history       what was done to people and data
"""

from cssim.services.accounts.common import token_hash
from cssim.services.accounts.history import (
    BY_COMMAND_LINE,
    AuditEntry,
    audit_actions,
    audit_csv,
    list_audit,
)
from cssim.services.accounts.identities import Claims, enter_by_claims, link_identity
from cssim.services.accounts.links import (
    Invitation,
    InvitationState,
    accept,
    enter,
    invitation_of,
    invite,
    list_invitations,
    make_link,
    make_reset,
    person_to_reset,
    reset_password,
    withdraw_invitation,
)
from cssim.services.accounts.passwords import MAX_PASSWORD, MIN_PASSWORD
from cssim.services.accounts.people import (
    add_first_administrator,
    add_person,
    change_own_password,
    clean_email,
    clean_name,
    deactivate,
    has_password,
    list_people,
    needs_first_person,
    set_active,
    set_email,
    set_password,
    set_role,
)
from cssim.services.accounts.sessions import (
    OWNER,
    TRIES,
    TRIES_FROM_ADDRESS,
    TRIES_OF_NAME,
    WINDOW,
    SessionInfo,
    end_session,
    end_sessions,
    enter_as_owner,
    list_sessions,
    person_of_token,
    sign_in,
    sign_out,
    sign_out_everywhere,
)

__all__ = [
    "BY_COMMAND_LINE",
    "MAX_PASSWORD",
    "MIN_PASSWORD",
    "OWNER",
    "TRIES",
    "TRIES_FROM_ADDRESS",
    "TRIES_OF_NAME",
    "WINDOW",
    "AuditEntry",
    "Claims",
    "Invitation",
    "InvitationState",
    "SessionInfo",
    "accept",
    "add_first_administrator",
    "add_person",
    "audit_actions",
    "audit_csv",
    "change_own_password",
    "clean_email",
    "clean_name",
    "deactivate",
    "end_session",
    "end_sessions",
    "enter",
    "enter_as_owner",
    "enter_by_claims",
    "has_password",
    "invitation_of",
    "invite",
    "link_identity",
    "list_audit",
    "list_invitations",
    "list_people",
    "list_sessions",
    "make_link",
    "make_reset",
    "needs_first_person",
    "person_of_token",
    "person_to_reset",
    "reset_password",
    "set_active",
    "set_email",
    "set_password",
    "set_role",
    "sign_in",
    "sign_out",
    "sign_out_everywhere",
    "token_hash",
    "withdraw_invitation",
]
