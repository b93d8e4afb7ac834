"""What the map of references asks the server for: plotly.js, and facts of an image."""

from __future__ import annotations

import gzip

from cssim.services import accounts
from cssim.types import Role
from cssim.web.http import COOKIE
from cssim.web.vendor import plotly_script
from db import library
from tests.pages import add_nameless, add_pictures
from tests.web.conftest import PASSWORD, browser


def test_the_script_comes_from_the_installed_package_and_is_kept_for_ever(client):
    answer = client.get("/vendor/plotly.js?v=1", headers={"accept-encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert "plotly.js v" in answer.text[:200]
    whole, small = plotly_script()
    assert gzip.decompress(small) == whole == answer.content
    plain = client.get("/vendor/plotly.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == whole


def test_the_script_is_not_for_strangers(anybody):
    answer = anybody.get("/vendor/plotly.js", headers={"accept": "*/*"})
    assert answer.status_code == 401


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
