"""The few pages that are not Streamlit's: sign-in, first start, sign-in link, sign-out.

Plain HTML from the server, without scripts but for the one that follows a sign-in link; light and
dark by the visitor's choice, from 320 px up.
"""

from __future__ import annotations

import secrets
from html import escape
from pathlib import Path
from urllib.parse import quote

from starlette.responses import HTMLResponse

_STYLE = (Path(__file__).parent / "style.css").read_text("utf-8")
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Cg fill='%233156c9'%3E%3Crect y='11' width='10' height='10' rx='3'/%3E"
    "%3Crect x='11' y='11' width='10' height='10' rx='3' opacity='.55'/%3E"
    "%3Crect x='22' y='11' width='10' height='10' rx='3' opacity='.25'/%3E%3C/g%3E%3C/svg%3E"
)


def page(title: str, body: str, *, status: int = 200, script: str = "") -> HTMLResponse:
    """A whole page; `body` and `script` are trusted, `title` is escaped."""
    nonce = secrets.token_urlsafe(16)
    scripts = f'<script nonce="{nonce}">{script}</script>' if script else ""
    html = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)} · '
        'CS-Sim</title><meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="{_ICON}"><style nonce="{nonce}">{_STYLE}</style></head><body>'
        '<main><div class="mark" aria-hidden="true"><i></i><i></i><i></i></div>'
        f"{body}</main>{scripts}</body></html>"
    )
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; "
        "img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(
        html,
        status,
        {
            "content-security-policy": policy,
            "cache-control": "no-store",
            "referrer-policy": "same-origin",
        },
    )


def _form(action: str, token: str, fields: str, button: str) -> str:
    return (
        f'<form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="form_token" value="{escape(token)}">'
        f'{fields}<button type="submit">{escape(button)}</button></form>'
    )


def _error(text: str) -> str:
    return f'<p class="bad" role="alert">{escape(text[:1].upper() + text[1:])}</p>' if text else ""


def sign_in_page(
    token: str,
    *,
    target: str,
    name: str = "",
    error: str = "",
    status: int = 200,
    provider: str = "",
) -> HTMLResponse:
    """Name and password; where there is one, also the way to the identity provider."""
    focus_name, focus_password = ("", " autofocus") if name else (" autofocus", "")
    fields = (
        f'<input type="hidden" name="next" value="{escape(target)}">'
        '<label for="name">Name</label><input id="name" name="name" autocomplete="username" '
        f'autocapitalize="none" maxlength="200" required value="{escape(name)}"{focus_name}>'
        '<label for="password">Password</label><input id="password" name="password" '
        f'type="password" autocomplete="current-password" maxlength="1000" required'
        f"{focus_password}>"
    )
    intro = "" if error else "<p>Welcome. Your answers wait where you left them.</p>"
    body = (
        f"<h1>Sign in to CS&#8209;Sim</h1>{intro}{_error(error)}{_provider_link(provider, target)}"
    )
    return page("Sign in", body + _form("/sign-in", token, fields, "Sign in"), status=status)


def _provider_link(provider: str, target: str) -> str:
    if not provider:
        return ""
    return (
        f'<a class="button" href="/oidc/start?next={escape(quote(target, safe=""))}">'
        f'Sign in with {escape(provider)}</a><p class="or"><span>or with a password</span></p>'
    )


def _name_field(name: str) -> str:
    return (
        '<label for="name">Your name</label><input id="name" name="name" autocomplete="username" '
        f'autocapitalize="none" maxlength="200" required autofocus value="{escape(name)}">'
    )


def _new_password_fields(*, focus: bool = False) -> str:
    autofocus = " autofocus" if focus else ""
    return (
        '<label for="password">Password</label><input id="password" name="password" '
        f'type="password" autocomplete="new-password" minlength="8" maxlength="1000" '
        f"required{autofocus}>"
        '<p class="hint">At least 8 characters; a few words are best.</p>'
        '<label for="again">Password again</label><input id="again" name="again" '
        'type="password" autocomplete="new-password" minlength="8" maxlength="1000" required>'
    )


def first_page(token: str, *, name: str = "", error: str = "", status: int = 200) -> HTMLResponse:
    """The administrator of a fresh installation."""
    body = (
        "<h1>Welcome to CS&#8209;Sim</h1><p>Nobody is here yet. You will be the administrator, "
        f"who can add everybody else.</p>{_error(error)}"
    )
    fields = _name_field(name) + _new_password_fields()
    return page("Welcome", body + _form("/sign-in", token, fields, "Start"), status=status)


_MAY = {
    "annotator": "As an annotator you will say which pictures are closer to each other.",
    "researcher": "As a researcher you will label, import answers, train models and compare them.",
    "administrator": "As an administrator you will be able to do everything, people included.",
}


def invite_page(
    token: str, *, link: str, role: str, name: str = "", error: str = "", status: int = 200
) -> HTMLResponse:
    """An invitation: the invited person picks name and password."""
    body = (
        f"<h1>You are invited to CS&#8209;Sim</h1><p>{escape(_MAY[role])} Choose the name under "
        f"which your answers are kept, and a password.</p>{_error(error)}"
    )
    form = _form(f"/invite/{link}", token, _name_field(name) + _new_password_fields(), "Join")
    return page("Invitation", body + form, status=status)


def reset_page(
    token: str, *, link: str, name: str, error: str = "", status: int = 200
) -> HTMLResponse:
    """A link with which somebody chooses a new password."""
    user = (
        '<input class="quiet" name="username" autocomplete="username" readonly tabindex="-1" '
        f'aria-label="Name" value="{escape(name)}">'
    )
    body = (
        f"<h1>Choose a new password</h1><p>For {escape(name)}. You are signed out everywhere "
        f"else.</p>{_error(error)}"
    )
    form = _form(f"/reset/{link}", token, user + _new_password_fields(focus=True), "Set password")
    return page("New password", body + form, status=status)


def not_from_here_page() -> HTMLResponse:
    """The first start, seen from another machine."""
    return page(
        "Not set up yet",
        "<h1>Not set up yet</h1><p>Nobody is here yet, and the first administrator can only be "
        "made on the machine that CS-Sim runs on: open this page there, at "
        "<code>http://localhost</code> with its port, or run</p>"
        "<p><code>python -m cssim users add NAME --role administrator</code></p>",
        status=403,
    )


def enter_page(token: str, link: str) -> HTMLResponse:
    """A sign-in link, sent on by a script: a mail scanner that only reads does not use it up."""
    body = "<h1>One moment</h1><p>This link signs you in once.</p>"
    form = _form(f"/enter/{link}", token, "", "Continue")
    return page("Sign in", body + form, script="document.forms[0].submit()")


def refused_page(text: str, status: int) -> HTMLResponse:
    """What did not work, with the way on."""
    way = (
        "" if status == 429 else '<p class="hint"><a href="/sign-in">Go to the sign-in page</a></p>'
    )
    return page("Not possible", f"<h1>This did not work</h1>{_error(text)}{way}", status=status)


def sign_out_page(token: str) -> HTMLResponse:
    """Asks before signing out; shown when another site sent the visitor here."""
    body = "<h1>Sign out?</h1><p>You stay signed in on your other devices.</p>"
    return page("Sign out", body + _form("/sign-out", token, "", "Sign out"))
