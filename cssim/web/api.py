"""`/api`: leases and answers as JSON, for the labelling element and for programs.

    GET  /api/leases            the pages that you hold
    POST /api/leases            {"have": [lease, ...], "want": 6} -> {"pages": [...], "kept": [...]}
    POST /api/leases/return     {"leases": [lease, ...]} -> {"returned": 2}
    GET  /api/answers           your own, newest first; ?before=<judgement>&limit=20
    POST /api/answers           one answer -> {"judgement": 7, "late": false, "repeated": false}
    GET  /api/progress          how far you and everybody got; ?since=<moment>

An answer is `{"client_id", "lease", "kind", "order", "classes", "response_ms", "answered_at",
"flag"}`: `kind` is answer, tie, skip or retract; `order` and `classes` speak of 0-based positions
in the page. Errors are `{"error": text}` with 400, 401, 403, 404, 409, 413, 429 or 503. The
practice round has routes of its own (`cssim.web.training`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cssim.services import annotating, first_visit
from cssim.services.annotating import MAX_WANT, Reply
from cssim.services.workspace import Workspace
from cssim.web.describe import MOMENT, WHOLE, RouteDoc, array, describe, shape
from cssim.web.fields import answer_of, moment, number, only, text, texts, whole
from cssim.web.http import MAX_BODY, check_not_forged, json_errors, person_of, read_json
from cssim.web.pages_json import (
    GIVEN,
    HANDOUT,
    LEASES,
    RECEIPT,
    REPLY,
    RETURNED,
    given_json,
    handout_json,
)

in_thread = anyio.to_thread.run_sync

BAD_BODY = {
    400: "The body is no JSON object, or a field is missing, unknown or out of its range",
    413: f"The body has more than {MAX_BODY // 1024} KiB",
}
"""Why any body may be refused."""

_WANT = {"type": "integer", "minimum": 0, "maximum": MAX_WANT, "default": 6}
_LIMIT = {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}


def api_routes(workspace: Callable[[], Workspace]) -> list[Route]:
    """The routes of leases, answers and progress."""

    @describe(
        RouteDoc("GET", "The pages that you hold", answer=shape(pages=array(HANDOUT))),
        RouteDoc(
            "POST",
            "Top your queue of pages up",
            "Leases in `have` are prolonged and not handed out again; `kept` names those that "
            "still hold. A page stays yours until it is answered, returned or its lease runs out.",
            body=shape(optional={"have": LEASES, "want": _WANT}),
            answer=shape(pages=array(HANDOUT), kept=LEASES),
            errors=BAD_BODY,
            changes=True,
        ),
    )
    @json_errors
    async def leases(request: Request) -> Response:
        person = person_of(request)
        if request.method == "GET":
            held = await in_thread(annotating.own_leases, workspace(), person)
            return JSONResponse({"pages": [handout_json(one) for one in held]})
        check_not_forged(request)
        body = await read_json(request)
        have, want = texts(body, "have"), whole(body, "want", 6)
        queue = await in_thread(
            partial(annotating.next_pages, workspace(), person, have=have, want=want)
        )
        pages = [handout_json(one) for one in queue.pages]
        return JSONResponse({"pages": pages, "kept": list(queue.kept)})

    @describe(
        RouteDoc(
            "POST",
            "Return pages unanswered, so that others get them at once",
            body=shape(leases=RETURNED),
            answer=shape(returned=WHOLE),
            errors=BAD_BODY,
            changes=True,
        )
    )
    @json_errors
    async def give_back(request: Request) -> Response:
        person = person_of(request)
        check_not_forged(request)
        ids = texts(await read_json(request), "leases")
        returned = await in_thread(annotating.give_back, workspace(), person, ids)
        return JSONResponse({"returned": returned})

    @describe(
        RouteDoc(
            "GET",
            "Your own standing answers, newest first",
            query={"before": {**WHOLE, "description": "A judgement: only older ones"}}
            | {"limit": _LIMIT},
            answer=shape(answers=array(GIVEN)),
            errors={400: "`before` or `limit` is no whole number, or out of its range"},
        ),
        RouteDoc(
            "POST",
            "Answer a page, or answer it anew",
            "When this comes back the answer is durable. A lease that ran out does not matter: the "
            "answer is kept and `late` is true. The same `client_id` again stores nothing and says "
            "`repeated`. What you said about the page before is superseded, never changed.",
            body=REPLY,
            answer=RECEIPT,
            errors={
                **BAD_BODY,
                403: "The page was handed out to somebody else",
                404: "There is no such lease",
                409: "The `client_id` belongs to another answer, or there is nothing to retract",
            },
            changes=True,
        ),
    )
    @json_errors
    async def answers(request: Request) -> Response:
        person = person_of(request)
        if request.method == "GET":
            before = request.query_params.get("before")
            limit = number(request.query_params.get("limit", "20"), "limit")
            asked = None if before is None else number(before, "before")
            given = await in_thread(
                partial(annotating.history, workspace(), person, before=asked, limit=limit)
            )
            await in_thread(first_visit.saw, workspace(), person, "history")
            return JSONResponse({"answers": [given_json(one) for one in given]})
        check_not_forged(request)
        reply = reply_from(await read_json(request))
        receipt = await in_thread(annotating.answer, workspace(), person, reply)
        return JSONResponse(
            {
                "judgement": receipt.judgement_id,
                "late": receipt.late,
                "repeated": receipt.repeated,
            }
        )

    @describe(
        RouteDoc(
            "GET",
            "How far you and everybody got",
            query={"since": {**MOMENT, "description": "Start of your day; in UTC by default"}},
            answer=shape(own_today=WHOLE, own_total=WHOLE, done=WHOLE, wanted=WHOLE),
            errors={400: "`since` is no moment with a time zone"},
        )
    )
    @json_errors
    async def progress(request: Request) -> Response:
        person = person_of(request)
        since = moment(request.query_params.get("since"), "since")
        found = await in_thread(partial(annotating.progress, workspace(), person, since=since))
        return JSONResponse(
            {
                "own_today": found.own_today,
                "own_total": found.own_total,
                "done": found.done,
                "wanted": found.wanted,
            }
        )

    return [
        Route("/api/leases", leases, methods=["GET", "POST"]),
        Route("/api/leases/return", give_back, methods=["POST"]),
        Route("/api/answers", answers, methods=["GET", "POST"]),
        Route("/api/progress", progress),
    ]


def reply_from(body: Mapping[str, Any]) -> Reply:
    """The answer that a body holds.

    Raises:
        BadInput: a field is missing, of the wrong type or unknown.
    """
    only(body, "an answer", *REPLY["properties"])
    return Reply(
        client_id=text(body, "client_id"),
        lease_id=text(body, "lease"),
        answer=answer_of(body),
        response_ms=None if body.get("response_ms") is None else whole(body, "response_ms", 0),
        answered_at=moment(body.get("answered_at"), "answered_at"),
        flag=None if body.get("flag") is None else text(body, "flag"),
    )
