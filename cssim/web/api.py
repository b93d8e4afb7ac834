"""`/api`: leases and answers as JSON, for the labelling element and for programs.

    GET  /api/leases            the pages that you hold
    POST /api/leases            {"have": [lease, ...], "want": 6} -> {"pages": [...], "kept": [...]}
    POST /api/leases/return     {"leases": [lease, ...]} -> {"returned": 2}
    GET  /api/answers           your own, newest first; ?before=<judgement>&limit=20
    POST /api/answers           one answer -> {"judgement": 7, "late": false, "repeated": false}
    GET  /api/progress          how far you and everybody got; ?since=<moment>

An answer is `{"client_id", "lease", "kind", "order", "classes", "response_ms", "answered_at",
"flag"}`: `kind` is answer, tie, skip or retract; `order` and `classes` speak of 0-based positions
in the page. Errors are `{"error": text}` with 400, 401, 403, 404, 409, 413, 429 or 503.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from cssim.errors import BadInput
from cssim.services import annotating
from cssim.services.annotating import Given, Handout, Reply
from cssim.services.workspace import Workspace
from cssim.types import Answer, Image, JudgementKind
from cssim.web.http import check_not_forged, json_errors, person_of, read_json

in_thread = anyio.to_thread.run_sync


def api_routes(workspace: Callable[[], Workspace]) -> list[Route]:
    """The routes below `/api`."""

    @json_errors
    async def leases(request: Request) -> Response:
        person = person_of(request)
        if request.method == "GET":
            held = await in_thread(annotating.own_leases, workspace(), person)
            return JSONResponse({"pages": [handout_json(one) for one in held]})
        check_not_forged(request)
        body = await read_json(request)
        have, want = _texts(body, "have"), _whole(body, "want", 6)
        queue = await in_thread(
            partial(annotating.next_pages, workspace(), person, have=have, want=want)
        )
        pages = [handout_json(one) for one in queue.pages]
        return JSONResponse({"pages": pages, "kept": list(queue.kept)})

    @json_errors
    async def give_back(request: Request) -> Response:
        person = person_of(request)
        check_not_forged(request)
        ids = _texts(await read_json(request), "leases")
        returned = await in_thread(annotating.give_back, workspace(), person, ids)
        return JSONResponse({"returned": returned})

    @json_errors
    async def answers(request: Request) -> Response:
        person = person_of(request)
        if request.method == "GET":
            before = request.query_params.get("before")
            limit = _number(request.query_params.get("limit", "20"), "limit")
            asked = None if before is None else _number(before, "before")
            given = await in_thread(
                partial(annotating.history, workspace(), person, before=asked, limit=limit)
            )
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

    @json_errors
    async def progress(request: Request) -> Response:
        person = person_of(request)
        since = _moment(request.query_params.get("since"), "since")
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


def handout_json(handout: Handout) -> dict[str, Any]:
    """A page as the element gets it: candidates in the order on screen, with their positions.

    File names are left out: they may tell what the picture shows.
    """
    page, images = handout.page, handout.images
    candidates = [
        {"position": position, **_picture(images[page.candidates[position]])}
        for position in handout.shown
    ]
    return {
        "lease": handout.lease_id,
        "page": page.id,
        "mode": page.mode.value,
        "reference": _picture(images[page.reference]),
        "candidates": candidates,
        "expires_at": handout.expires_at.isoformat(),
    }


def _picture(image: Image) -> dict[str, Any]:
    return {"sha256": image.sha256, "width": image.width, "height": image.height}


def given_json(given: Given) -> dict[str, Any]:
    """An own answer with its page."""
    return {
        "judgement": given.judgement_id,
        "kind": given.answer.kind.value,
        "order": list(given.answer.order),
        "classes": list(given.answer.classes),
        "flag": given.flag,
        "created_at": given.created_at.isoformat(),
        **handout_json(given.handout),
    }


def reply_from(body: Mapping[str, Any]) -> Reply:
    """The answer that a body holds.

    Raises:
        BadInput: a field is missing, of the wrong type or unknown.
    """
    known = {"client_id", "lease", "kind", "order", "classes", "response_ms", "answered_at"}
    unknown = sorted(set(body) - known - {"flag"})
    if unknown:
        raise BadInput(f"an answer has no field {unknown[0][:80]!r}")
    kind = _text(body, "kind")
    if kind not in list(JudgementKind):
        raise BadInput(f"kind must be one of {', '.join(JudgementKind)}, got {kind[:80]!r}")
    return Reply(
        client_id=_text(body, "client_id"),
        lease_id=_text(body, "lease"),
        answer=Answer(JudgementKind(kind), _digits(body, "order"), _digits(body, "classes")),
        response_ms=None if body.get("response_ms") is None else _whole(body, "response_ms", 0),
        answered_at=_moment(body.get("answered_at"), "answered_at"),
        flag=None if body.get("flag") is None else _text(body, "flag"),
    )


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or "\x00" in value:
        raise BadInput(f"{name} must be a text, got {_shown(value)}")
    return value


def _texts(body: Mapping[str, Any], name: str) -> list[str]:
    value = body.get(name, [])
    if not isinstance(value, list) or not all(isinstance(v, str) and len(v) <= 64 for v in value):
        raise BadInput(f"{name} must be a list of lease ids, got {_shown(value)}")
    return [text for text in value if "\x00" not in text]


def _whole(body: Mapping[str, Any], name: str, default: int) -> int:
    value = body.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadInput(f"{name} must be a whole number, got {_shown(value)}")
    return value


def _digits(body: Mapping[str, Any], name: str) -> tuple[int, ...]:
    value = body.get(name, [])
    fine = isinstance(value, list) and len(value) <= 5
    if not fine or not all(isinstance(v, int) and not isinstance(v, bool) for v in value):
        raise BadInput(f"{name} must be a list of up to 5 whole numbers, got {_shown(value)}")
    return tuple(value)


def _number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput(f"{name} must be a whole number, got {text[:40]!r}")
    return int(text)


def _moment(value: Any, name: str) -> datetime | None:
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        raise BadInput(
            f"{name} must be a moment such as 2026-05-04T12:00:00+00:00, got {_shown(value)}"
        ) from None


def _shown(value: Any) -> str:
    return repr(value)[:80]
