"""The labelling routes where things go wrong, or come late; the practice round over HTTP."""

from __future__ import annotations

import shutil
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from starlette.websockets import WebSocketDisconnect

from cssim.services import gold
from cssim.services.gold import GoldPage, KnownAnswer
from cssim.types import Answer, JudgementKind, PageMode
from cssim.web.api import api_routes
from cssim.web.describe import described
from cssim.web.training import training_routes
from db.models import ImageRow, LeaseRow
from tests.pages import add_pictures, rank_pages
from tests.typed import present
from tests.web.conftest import CHANGES

SAID = {"kind": "answer", "order": [2, 0, 1], "classes": [2, 4, 1]}


def lease(client):
    body = {"want": 1, "have": []}
    return client.post("/api/leases", json=body, headers=CHANGES).json()["pages"][0]


def say(client, lease_id, **more):
    body = {"client_id": uuid.uuid4().hex, "lease": lease_id, **SAID, **more}
    return client.post("/api/answers", json=body, headers=CHANGES)


def age(ws, lease_id):
    with ws.database.writing() as session:
        past = datetime.now(UTC) - timedelta(hours=1)
        session.execute(update(LeaseRow).where(LeaseRow.id == lease_id).values(expires_at=past))


def test_an_answer_to_a_lease_that_ran_out_is_kept_and_marked_late(ws, client):
    rank_pages(ws, 1)
    page = lease(client)
    age(ws, page["lease"])
    told = say(client, page["lease"])
    assert told.status_code == 200
    assert told.json()["late"] is True
    (given,) = client.get("/api/answers").json()["answers"]
    assert given["order"] == SAID["order"]
    assert client.get("/api/progress").json()["done"] == 1


@pytest.fixture
def away(ws):
    """Calls that take the database away, as when its disk or server fails, and bring it back."""
    file = Path(ws.database.engine.url.database)
    kept = file.with_name("kept.db")

    def go():
        ws.database.close()
        shutil.copy(file, kept)
        file.write_bytes(b"no database at all " * 100)

    def come():
        ws.database.close()
        kept.replace(file)

    return go, come


def test_an_answer_waits_while_the_database_is_away_and_counts_once_afterwards(ws, client, away):
    rank_pages(ws, 2)
    page = lease(client)
    go, come = away
    client.headers["accept"] = "application/json"
    answer = uuid.uuid4().hex
    go()
    told = say(client, page["lease"], client_id=answer)
    assert (told.status_code, told.headers["retry-after"]) == (503, "5")
    assert "the database does not answer" in told.json()["error"]
    assert str(ws.settings.home) not in told.text  # the log knows where it lies
    come()
    again = [say(client, page["lease"], client_id=answer) for _ in range(2)]
    assert [one.status_code for one in again] == [200, 200]
    assert len(client.get("/api/answers").json()["answers"]) == 1


@pytest.mark.parametrize("path", ["/api/leases", "/annotate", "/images/" + "0" * 64])
def test_while_the_database_is_away_everything_says_to_come_again(client, away, path):
    away[0]()
    for accept in ("text/html", "application/json"):
        told = client.get(path, headers={"accept": accept})
        assert (told.status_code, told.headers["retry-after"]) == (503, "5")
        assert "Try again in a few seconds" in told.text
        assert told.headers["x-frame-options"] == "SAMEORIGIN"


def test_while_the_database_is_away_a_websocket_is_closed_before_it_opens(client, away):
    away[0]()
    with pytest.raises(WebSocketDisconnect) as caught:
        client.websocket_connect("/_stcore/stream").__enter__()
    assert caught.value.code == 4503


def test_an_answer_to_a_returned_page_is_kept_and_marked_late(ws, client):
    rank_pages(ws, 1)
    page = lease(client)
    client.post("/api/leases/return", json={"leases": [page["lease"]]}, headers=CHANGES)
    assert say(client, page["lease"]).json()["late"] is True


def test_a_lease_that_ran_out_is_not_among_those_kept(ws, client):
    rank_pages(ws, 1)
    page = lease(client)
    age(ws, page["lease"])
    body = {"want": 0, "have": [page["lease"]]}
    assert client.post("/api/leases", json=body, headers=CHANGES).json() == {
        "pages": [],
        "kept": [],
    }


def test_a_picture_whose_file_is_gone_is_a_404_and_its_page_can_still_be_answered(ws, client):
    rank_pages(ws, 1)
    page = lease(client)
    sha256 = page["candidates"][0]["sha256"]
    for path in ws.settings.images.rglob(f"{sha256}*"):
        path.unlink()
    told = client.get(f"/images/{sha256}?w=300")
    assert told.status_code == 404
    assert sha256[:8] in told.json()["error"] or "picture" in told.json()["error"]
    assert "\n" not in told.json()["error"]
    skipped = say(client, page["lease"], kind="skip", order=[], classes=[], flag="picture gone")
    assert skipped.status_code == 200
    assert client.get("/api/answers").json()["answers"][0]["flag"] == "picture gone"


def test_a_picture_that_lost_its_pixels_is_a_404_and_its_pages_are_not_handed_out(ws, client):
    rank_pages(ws, 1)
    page = lease(client)
    sha256 = page["reference"]["sha256"]
    with ws.database.writing() as session:
        session.execute(update(ImageRow).where(ImageRow.sha256 == sha256).values(sha256=None))
    assert client.get(f"/images/{sha256}").status_code == 404
    client.post("/api/leases/return", json={"leases": [page["lease"]]}, headers=CHANGES)
    body = {"want": 6, "have": []}
    assert client.post("/api/leases", json=body, headers=CHANGES).json()["pages"] == []
    # Whoever had the page on the screen loses nothing.
    assert say(client, page["lease"]).status_code == 200


def test_nothing_tells_what_models_or_file_names_say(ws, client):
    rank_pages(ws, 1)
    text = str(lease(client))
    assert ".jpg" not in text
    assert set(lease(client)["candidates"][0]) == {"position", "sha256", "width", "height"}


@pytest.fixture
def gold_page(ws):
    images = add_pictures(ws, 6)
    known = Answer(JudgementKind.ANSWER, (1, 0, 2), (3, 1, 5))
    gold.make_gold(
        ws,
        "practice",
        [
            GoldPage(images[0], tuple(images[1:4]), KnownAnswer(known, "Look at the shape.")),
            GoldPage(
                images[0],
                (images[4], images[5]),
                KnownAnswer(Answer(JudgementKind.TIE)),
                PageMode.CHOOSE,
            ),
        ],
    )


def practise(client, **body):
    return client.post("/api/training", json=body, headers=CHANGES)


@pytest.mark.usefixtures("gold_page")
def test_a_practice_page_says_what_was_expected_and_counts_nowhere(ws, client):
    first, second = client.get("/api/training").json()["pages"]
    assert "lease" not in first
    wrong = practise(client, page=first["page"], **SAID).json()
    assert wrong["right"] is False
    assert wrong["expected"] == {"kind": "answer", "order": [1, 0, 2], "classes": [3, 1, 5]}
    assert wrong["message"].endswith("Look at the shape.")
    assert practise(client, page=second["page"], kind="tie").json()["right"] is True
    assert client.get("/api/training").json() == {"pages": []}
    assert client.get("/api/answers").json() == {"answers": []}
    assert client.get("/api/progress").json()["own_total"] == 0


@pytest.mark.usefixtures("gold_page")
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"page": 99_999, **SAID}, 404),
        ({"page": "x", **SAID}, 400),
        ({**SAID}, 404),
        ({"kind": "maybe", "page": 1}, 400),
        ({"page": 1, **SAID, "lease": "x"}, 400),
    ],
)
def test_a_bad_practice_answer_is_a_clear_error(client, body, status):
    answer = practise(client, **body)
    assert answer.status_code == status
    assert len(answer.json()["error"]) > 10


def test_every_labelling_route_says_what_it_takes_gives_and_refuses(ws):
    routes = [*api_routes(lambda: ws), *training_routes(lambda: ws)]
    documented = {(path, doc.method) for path, doc in described(routes)}
    served = {(one.path, method) for one in routes for method in present(one.methods) - {"HEAD"}}
    assert documented == served
    for _, doc in described(routes):
        assert doc.answer is not None
        assert (doc.body is not None) == doc.changes == (doc.method == "POST")
        assert doc.body is None or {400, 413} <= set(doc.errors)
