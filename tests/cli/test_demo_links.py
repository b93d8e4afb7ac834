"""`demo --serve` prints a way in for each of the two people who may look round."""

import re

import pytest

from cssim.cli.base import App
from cssim.cli.demo import _tell_links
from cssim.errors import CSSimError
from cssim.services import accounts, demo


@pytest.fixture
def app(demo_copy):
    app = App(home=demo_copy, project="demo")
    yield app
    app.close()


def test_each_person_gets_a_link_that_works_once(app, capsys):
    _tell_links(app, "http://127.0.0.1:8501")
    said = capsys.readouterr().out
    tokens = re.findall(r"http://127\.0\.0\.1:8501/enter/(\S+)", said)
    assert [said.index(name) for name in (f"({demo.NEWCOMER})", f"({demo.ANNOTATOR})")] == sorted(
        said.index(name) for name in (f"({demo.NEWCOMER})", f"({demo.ANNOTATOR})")
    )
    people = [accounts.person_of_token(app.ws, accounts.enter(app.ws, token)) for token in tokens]
    assert [person.name for person in people if person] == [demo.NEWCOMER, demo.ANNOTATOR]
    with pytest.raises(CSSimError):
        accounts.enter(app.ws, tokens[0])


def test_the_same_command_prints_new_links(app, capsys):
    for _ in range(2):
        _tell_links(app, "http://127.0.0.1:8501")
    tokens = re.findall(r"/enter/(\S+)", capsys.readouterr().out)
    assert len(tokens) == len(set(tokens)) == 4
