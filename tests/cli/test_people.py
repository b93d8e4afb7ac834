"""`users`: invitations, links and the log by command line."""

from __future__ import annotations

import csv
import io
import json

import pytest
from click.testing import CliRunner, Result

from cssim.cli import main
from cssim.config import load_settings
from cssim.services import accounts
from cssim.services.workspace import open_workspace

PASSWORD = "correct horse battery"


def run(*words: str, environ: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, list(words), env=environ or {})


def done(*words: str, environ: dict[str, str] | None = None) -> str:
    result = run(*words, environ=environ)
    assert result.exit_code == 0, result.output
    return result.output.strip()


def test_an_invitation_is_printed_listed_and_withdrawn():
    link = done("users", "invite", "--role", "researcher", "--note", "for Bo", "--days", "3")
    assert link.startswith("http://127.0.0.1:8501/invite/")
    (listed,) = json.loads(done("users", "invitations", "--json"))
    assert (listed["role"], listed["note"], listed["state"]) == ("researcher", "for Bo", "open")
    assert link.rsplit("/", 1)[1] not in json.dumps(listed)
    done("users", "withdraw", str(listed["id"]))
    assert "withdrawn" in done("users", "invitations")
    again = run("users", "withdraw", str(listed["id"]))
    assert (again.exit_code, "no open invitation" in again.output) == (1, True)


def test_links_name_the_public_address():
    done("users", "add", "Ada")
    public = {"CSSIM_PUBLIC_URL": "https://labels.example/"}
    for command, path in (("link", "enter"), ("reset-link", "reset")):
        link = done("users", command, "Ada", environ=public)
        assert link.startswith(f"https://labels.example/{path}/")


def test_a_reset_link_lets_its_person_choose_a_password():
    done("users", "add", "Ada")
    token = done("users", "reset-link", "Ada").rsplit("/", 1)[1]
    ws = open_workspace(load_settings())
    accounts.reset_password(ws, token, PASSWORD)
    assert accounts.sign_in(ws, "Ada", PASSWORD)
    ws.close()
    assert done("users", "sign-out", "Ada") == "ended 2 session(s) of Ada"


def test_addresses_and_accounts_of_a_provider():
    done("users", "add", "Ada", "--email", "Ada@Example.org")
    (ada,) = json.loads(done("users", "list", "--json"))
    assert ada["email"] == "ada@example.org"
    done("users", "email", "Ada", "-")
    (ada,) = json.loads(done("users", "list", "--json"))
    assert ada["email"] is None
    refused = run("users", "identity", "Ada", "123")
    assert (refused.exit_code, "CSSIM_OIDC_ISSUER" in refused.output) == (1, True)
    assert "Ada" in done("users", "identity", "Ada", "123", "--issuer", "https://id.example")


def test_the_log_is_printed_in_three_ways():
    done("users", "add", "Ada", "--role", "administrator")
    done("users", "role", "Ada", "administrator")
    assert "set role" in done("users", "log")
    newest = json.loads(done("users", "log", "--json", "--limit", "1"))
    assert [one["action"] for one in newest] == ["set role"]
    rows = list(csv.DictReader(io.StringIO(done("users", "log", "--csv", "--about", "Ada"))))
    assert [row["action"] for row in rows] == ["set role", "add person"]
    assert done("users", "log", "--by", "Ada") == "nothing yet"


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.7", "labels.example"])
def test_single_user_mode_is_refused_where_others_can_reach_it(host):
    result = run("app", "--single-user", "--host", host)
    assert result.exit_code == 1
    assert "CSSIM_SINGLE_USER lets everybody in who reaches the app" in result.output
