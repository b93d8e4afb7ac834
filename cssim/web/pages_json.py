"""Pages and answers as JSON, and the schemas that say so.

File names are left out everywhere: they may tell what a picture shows. So is all that models think.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cssim.services.annotating import MAX_FLAG, MAX_OPEN, MAX_RESPONSE_MS, Given, Handout
from cssim.types import Answer, Image, JudgementKind, Page, PageMode
from cssim.web.describe import MOMENT, TEXT, TRUTH, WHOLE, Schema, array, maybe, one_of, shape

PICTURE: Schema = shape(
    sha256={**TEXT, "description": "Fetch it at `/images/<sha256>?w=<width>`"},
    width=maybe(WHOLE),
    height=maybe(WHOLE),
)
CANDIDATE: Schema = shape(
    PICTURE["properties"],
    position={**WHOLE, "description": "0-based place in the page; answers speak of it"},
)
_PAGE_FIELDS: Mapping[str, Schema] = {
    "page": WHOLE,
    "mode": one_of(PageMode, "`rank`: an order and a class for each; `choose`: the closer of two"),
    "reference": PICTURE,
    "candidates": array(CANDIDATE, most=5, text="As they stand on screen, left to right"),
}
TRAINING_PAGE: Schema = shape(_PAGE_FIELDS)
HANDOUT: Schema = shape(_PAGE_FIELDS, lease=TEXT, expires_at=MOMENT)

_POSITIONS: Schema = {"type": "integer", "minimum": 0, "maximum": 4}
_CLASS: Schema = {"type": "integer", "minimum": 1, "maximum": 5}
_SAID: Mapping[str, Schema] = {
    "kind": one_of(JudgementKind),
    "order": array(_POSITIONS, most=5, text="Positions, closest first; empty unless an answer"),
    "classes": array(_CLASS, most=5, text="Class of each position, 1 (closest) to 5; may be empty"),
}
ANSWER: Schema = shape(_SAID)
GIVEN: Schema = shape(
    {**_SAID, **HANDOUT["properties"]}, judgement=WHOLE, flag=maybe(TEXT), created_at=MOMENT
)
REPLY: Schema = shape(
    client_id={
        **TEXT,
        "pattern": "^[A-Za-z0-9_-]{8,64}$",
        "description": "Made by the client, unique for ever; sent twice, an answer is stored once",
    },
    lease=TEXT,
    kind=_SAID["kind"],
    closed=True,
    optional={
        "order": _SAID["order"],
        "classes": _SAID["classes"],
        "response_ms": {
            **maybe({"type": "integer", "minimum": 0, "maximum": MAX_RESPONSE_MS}),
            "description": "From painted to answered, less the time for which it was not in view",
        },
        "answered_at": {**maybe(MOMENT), "description": "By the clock of the person's device"},
        "flag": maybe({**TEXT, "minLength": 1, "maxLength": MAX_FLAG}),
    },
)
RECEIPT: Schema = shape(judgement=WHOLE, late=TRUTH, repeated=TRUTH)
LEASES: Schema = array(TEXT, most=10 * MAX_OPEN)
RETURNED: Schema = array(TEXT, most=MAX_OPEN)


def handout_json(handout: Handout) -> dict[str, Any]:
    """A page as the element gets it: candidates in the order on screen, with their positions."""
    return {
        "lease": handout.lease_id,
        "expires_at": handout.expires_at.isoformat(),
        **page_json(handout.page, handout.shown, handout.images),
    }


def page_json(page: Page, shown: Sequence[int], images: Mapping[int, Image]) -> dict[str, Any]:
    """A page without a lease."""
    return {
        "page": page.id,
        "mode": page.mode.value,
        "reference": _picture(images[page.reference]),
        "candidates": [
            {"position": position, **_picture(images[page.candidates[position]])}
            for position in shown
        ],
    }


def _picture(image: Image) -> dict[str, Any]:
    return {"sha256": image.sha256, "width": image.width, "height": image.height}


def answer_json(answer: Answer) -> dict[str, Any]:
    """What was said, in the page's positions."""
    return {
        "kind": answer.kind.value,
        "order": list(answer.order),
        "classes": list(answer.classes),
    }


def given_json(given: Given) -> dict[str, Any]:
    """An own answer with its page."""
    return {
        "judgement": given.judgement_id,
        "flag": given.flag,
        "created_at": given.created_at.isoformat(),
        **answer_json(given.answer),
        **handout_json(given.handout),
    }
