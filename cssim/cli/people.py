"""`users`: who may sign in, and as what."""

from __future__ import annotations

from dataclasses import asdict

import click

from cssim.cli.base import App, json_option, pass_app, say_json, say_table
from cssim.services import accounts
from cssim.types import Role

role_type = click.Choice([role.value for role in Role])
password_option = click.option(
    "--password", envvar="PASSWORD", help="The password; better by the variable PASSWORD."
)


@click.group()
def users() -> None:
    """People: who may sign in, and as what."""


@users.command(epilog='Example: python -m cssim users add "Ada L." --role researcher --ask')
@click.argument("name")
@click.option("--role", type=role_type, default=Role.ANNOTATOR.value, show_default=True)
@password_option
@click.option("--ask", is_flag=True, help="Ask for the password.")
@click.option("--email", help="Their address, by which an identity provider finds them.")
@json_option
@pass_app
def add(
    app: App,
    name: str,
    role: str,
    password: str | None,
    ask: bool,
    email: str | None,
    as_json: bool,
) -> None:
    """Add a person; without a password, a sign-in link lets them in."""
    if ask:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    person = accounts.add_person(app.ws, name, role=Role(role), password=password, email=email)
    if as_json:
        say_json(asdict(person))
    else:
        click.echo(f"added {person.name} ({person.role})")


@users.command("list", epilog="Example: python -m cssim users list")
@json_option
@pass_app
def list_people(app: App, as_json: bool) -> None:
    """List everybody."""
    people = [asdict(person) for person in accounts.list_people(app.ws)]
    if as_json:
        say_json(people)
    else:
        say_table(
            people, ("id", "name", "role", "email", "active", "simulated", "imported"), "nobody yet"
        )


@users.command(epilog='Example: python -m cssim users role "Ada L." administrator')
@click.argument("name")
@click.argument("role", type=role_type)
@pass_app
def role(app: App, name: str, role: str) -> None:
    """Change what a person may do."""
    accounts.set_role(app.ws, name, Role(role))
    click.echo(f"{name} is {role} now")


@users.command(epilog='Example: python -m cssim users password "Ada L."')
@click.argument("name")
@password_option
@pass_app
def password(app: App, name: str, password: str | None) -> None:
    """Give a person a new password; asks for it. All their sessions end."""
    if password is None:
        password = str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    accounts.set_password(app.ws, name, password)
    click.echo(f"{name} has a new password; all their sessions have ended")


@users.command(epilog='Example: python -m cssim users link "Ada L." --hours 48')
@click.argument("name")
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, 720))
@pass_app
def link(app: App, name: str, hours: int) -> None:
    """Print an address that signs a person in once."""
    token = accounts.make_link(app.ws, name, hours=hours)
    click.echo(f"{app.settings.site}/enter/{token}")


@users.command("reset-link", epilog='Example: python -m cssim users reset-link "Ada L." --hours 48')
@click.argument("name")
@click.option("--hours", default=24, show_default=True, type=click.IntRange(1, 720))
@pass_app
def reset_link(app: App, name: str, hours: int) -> None:
    """Print an address at which a person chooses a new password, once."""
    token = accounts.make_reset(app.ws, name, hours=hours)
    click.echo(f"{app.settings.site}/reset/{token}")


@users.command(
    epilog='Example: python -m cssim users invite --role researcher --days 14 --note "Ada L."'
)
@click.option("--role", type=role_type, default=Role.ANNOTATOR.value, show_default=True)
@click.option("--days", default=7, show_default=True, type=click.IntRange(1, 90))
@click.option("--note", default="", help="For whom it is meant; shown in the list of invitations.")
@click.option("--email", help="Their address, by which an identity provider finds them.")
@pass_app
def invite(app: App, role: str, days: int, note: str, email: str | None) -> None:
    """Print an address at which somebody joins, once, under a name of their own choice."""
    token = accounts.invite(app.ws, role=Role(role), days=days, note=note, email=email)
    click.echo(f"{app.settings.site}/invite/{token}")


@users.command(epilog="Example: python -m cssim users invitations --json")
@json_option
@pass_app
def invitations(app: App, as_json: bool) -> None:
    """List invitations, newest first; their links are shown only once, by `invite`."""
    found = [asdict(one) for one in accounts.list_invitations(app.ws)]
    if as_json:
        say_json(found)
        return
    rows = [{**one, "until": f"{one['expires_at']:%Y-%m-%d}"} for one in found]
    columns = ("id", "role", "state", "note", "made_by", "until", "became")
    say_table(rows, columns, "no invitations")


@users.command(epilog="Example: python -m cssim users withdraw 3")
@click.argument("invitation_id", type=int)
@pass_app
def withdraw(app: App, invitation_id: int) -> None:
    """Make an open invitation useless."""
    accounts.withdraw_invitation(app.ws, invitation_id)
    click.echo(f"invitation {invitation_id} no longer works")


@users.command(epilog='Example: python -m cssim users email "Ada L." ada@example.org')
@click.argument("name")
@click.argument("email")
@pass_app
def email(app: App, name: str, email: str) -> None:
    """Set the address by which an identity provider finds a person; `-` takes it away."""
    accounts.set_email(app.ws, name, None if email == "-" else email)
    click.echo(f"{name} has no address now" if email == "-" else f"{name} is {email} now")


@users.command(epilog='Example: python -m cssim users identity "Ada L." 248289761001')
@click.argument("name")
@click.argument("subject")
@click.option("--issuer", default="", help="The provider [default: CSSIM_OIDC_ISSUER].")
@pass_app
def identity(app: App, name: str, subject: str, issuer: str) -> None:
    """Let the account SUBJECT at the identity provider sign a person in."""
    accounts.link_identity(app.ws, name, subject, issuer=issuer)
    click.echo(f"{name} can sign in as {subject}")


@users.command("sign-out", epilog='Example: python -m cssim users sign-out "Ada L."')
@click.argument("name")
@pass_app
def sign_out(app: App, name: str) -> None:
    """Sign a person out on all devices."""
    ended = accounts.end_sessions(app.ws, name)
    click.echo(f"ended {ended} session(s) of {name}")


@users.command(epilog="Example: python -m cssim users log --limit 20")
@click.option("--by", "actor", help="Only what this person did.")
@click.option("--about", help="Only what was done to this person.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 100_000))
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@json_option
@pass_app
def log(
    app: App, actor: str | None, about: str | None, limit: int, as_csv: bool, as_json: bool
) -> None:
    """List who did what to people and data, newest first."""
    found = accounts.list_audit(app.ws, actor=actor, about=about, limit=limit)
    if as_csv:
        click.echo(accounts.audit_csv(found), nl=False)
    elif as_json:
        say_json([asdict(one) for one in found])
    else:
        rows = [{**asdict(one), "at": f"{one.at:%Y-%m-%d %H:%M:%S}"} for one in found]
        say_table(rows, ("at", "actor", "action", "about", "detail"), "nothing yet")


@users.command(epilog='Example: python -m cssim users deactivate "Ada L."')
@click.argument("name")
@pass_app
def deactivate(app: App, name: str) -> None:
    """Keep a person from signing in; what they answered stays."""
    accounts.deactivate(app.ws, name)
    click.echo(f"{name} can no longer sign in")


@users.command(epilog='Example: python -m cssim users activate "Ada L."')
@click.argument("name")
@pass_app
def activate(app: App, name: str) -> None:
    """Let a deactivated person sign in again."""
    accounts.set_active(app.ws, name, True)
    click.echo(f"{name} can sign in again")
