"""What the map of references asks the server for: facts of an image."""

from __future__ import annotations

from cssim.services import accounts, withdrawing
from cssim.types import Role
from cssim.web.http import COOKIE
from db import library
from tests.pages import add_nameless, add_pictures
from tests.web.conftest import PASSWORD, browser


def test_facts_of_an_image_name_the_very_file(ws, client):
    images = add_pictures(ws, 2)
    with ws.database.writing() as session:
        library.add_tags(session, {images[1]: ["sea"]})
        wanted = library.images_by_id(session, images)[images[1]]
    found = client.get(f"/api/images/{images[1]}").json()
    assert found == {
        "id": images[1],
        "name": wanted.name,
        "sha256": wanted.sha256,
        "tags": ["sea"],
    }
    assert client.get(f"/images/{found['sha256']}?w=64").status_code == 200
    assert client.get(f"/api/images/{add_nameless(ws)}").json()["sha256"] is None


def test_images_that_are_none_or_of_another_project_are_refused(ws, client):
    assert client.get("/api/images/999999").status_code == 404
    assert client.get("/api/images/abc").status_code == 400
    (stranger,) = add_pictures(ws.with_project("other"), 1)
    assert client.get(f"/api/images/{stranger}").status_code == 404


def test_names_are_for_researchers(ws, ada):
    (image,) = add_pictures(ws, 1)
    accounts.add_person(ws, "Bo", role=Role.ANNOTATOR, password=PASSWORD)
    annotator = browser(ws)
    annotator.cookies.set(COOKIE, accounts.sign_in(ws, "Bo", PASSWORD))
    assert annotator.get(f"/api/images/{image}").status_code == 403


def test_a_picture_that_was_withdrawn_is_served_no_more_though_it_was_just_shown(ws, client):
    """The server keeps what it has sent in memory."""
    add_pictures(ws, 2)
    (found, other) = withdrawing.find(ws, ["p0.jpg", "p1.jpg"])
    assert client.get(f"/images/{found.sha256}?w=64").status_code == 200
    withdrawing.withdraw(ws, [found], "copyright")
    assert client.get(f"/images/{found.sha256}?w=64").status_code == 404
    assert client.get(f"/images/{other.sha256}?w=64").status_code == 200
    facts = client.get(f"/api/images/{found.id}").json()
    assert (facts["name"], facts["sha256"]) == (f"withdrawn-{found.id}", None)
