"""`/api/training`: the practice round before the first real pages.

    GET  /api/training     gold pages that you have not practised on
    POST /api/training     {"page", "kind", "order", "classes"} -> what was expected

These answers are stored as practice and count nowhere.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cssim.services import gold
from cssim.services.workspace import Workspace
from cssim.web.api import BAD_BODY
from cssim.web.describe import NUMBER, TEXT, TRUTH, RouteDoc, array, describe, shape
from cssim.web.fields import answer_of, only, whole
from cssim.web.http import check_not_forged, json_errors, person_of, read_json
from cssim.web.pages_json import ANSWER, REPLY, TRAINING_PAGE, answer_json, page_json

in_thread = anyio.to_thread.run_sync

_FIELDS = ("page", "kind", "order", "classes", "response_ms")


def training_routes(workspace: Callable[[], Workspace]) -> list[Route]:
    """The routes of the practice round."""

    @describe(
        RouteDoc(
            "GET",
            "Gold pages that you have not practised on yet; empty when the round is over",
            answer=shape(pages=array(TRAINING_PAGE)),
        ),
        RouteDoc(
            "POST",
            "Answer a practice page and learn what was expected",
            "The answer is stored as practice and counts nowhere.",
            body=shape(
                page={"type": "integer"},
                kind=REPLY["properties"]["kind"],
                closed=True,
                optional={name: REPLY["properties"][name] for name in _FIELDS[2:]},
            ),
            answer=shape(right=TRUTH, score=NUMBER, expected=ANSWER, message=TEXT),
            errors={**BAD_BODY, 404: "The project has no page of that number with a known answer"},
            changes=True,
        ),
    )
    @json_errors
    async def training(request: Request) -> Response:
        person = person_of(request)
        if request.method == "GET":
            pages = await in_thread(gold.training_pages, workspace(), person)
            found = [page_json(one.page, one.shown, one.images) for one in pages]
            return JSONResponse({"pages": found})
        check_not_forged(request)
        body = await read_json(request)
        only(body, "a practice answer", *_FIELDS)
        page, said = whole(body, "page", 0), answer_of(body)
        told = await in_thread(gold.check_training, workspace(), person, page, said)
        return JSONResponse(
            {
                "right": told.right,
                "score": told.score,
                "expected": answer_json(told.expected),
                "message": told.message,
            }
        )

    return [Route("/api/training", training, methods=["GET", "POST"])]
