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
@json_option
@pass_app
def add(app: App, name: str, role: str, password: str | None, ask: bool, as_json: bool) -> None:
    """Add a person; without a password, a sign-in link lets them in."""
    if ask:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    person = accounts.add_person(app.ws, name, role=Role(role), password=password)
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
        say_table(people, ("id", "name", "role", "active", "simulated", "imported"), "nobody yet")


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
    click.echo(f"http://{app.settings.host}:{app.settings.port}/enter/{token}")


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
