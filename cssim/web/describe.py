"""What a route does, written beside it: from this the OpenAPI description is made.

An endpoint carries one `RouteDoc` for each method that it answers::

    @describe(RouteDoc("GET", "Your open pages", answer=shape(pages=array(PAGE))))
    @json_errors
    async def leases(request: Request) -> Response: ...

Schemas are JSON Schema (the dialect of OpenAPI 3.1) as plain dictionaries; `shape`, `array` and the
constants below write the common ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from starlette.routing import BaseRoute, Route

from cssim.types import Role

Schema = Mapping[str, Any]
"""A JSON Schema."""

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
TRUTH: Schema = {"type": "boolean"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {**TEXT, "description": "What was expected, what came, what to do"}},
}
"""The body of each refusal."""

_ATTRIBUTE = "route_docs"
_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class RouteDoc:
    """One method of one route, as its description reads."""

    method: str
    """`GET`, `POST`, ..."""
    summary: str
    """What it does, in a line."""
    detail: str = ""
    """What else a caller must know; Markdown."""
    role: Role | None = Role.ANNOTATOR
    """Who may call it (roles above may too); None where nobody need be signed in."""
    query: Mapping[str, Schema] = field(default_factory=dict)
    """Parameters of the query; all of them may be left out."""
    body: Schema | None = None
    """The JSON that is sent; None where there is none."""
    body_type: str = "application/json"
    answer: Schema | None = None
    """What comes back; None where that is no JSON."""
    answer_type: str = "application/json"
    status: int = 200
    errors: Mapping[int, str] = field(default_factory=dict)
    """Why it may be refused, by status; each refusal has the body `ERROR`."""
    changes: bool = False
    """Whether the request must carry `X-CSSim: 1` and come from one of our own pages."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method must be one of {', '.join(METHODS)}, got {self.method!r}")
        if not self.summary or self.summary.endswith("."):
            raise ValueError(f"a summary is a line without a full stop, got {self.summary!r}")


def describe(*docs: RouteDoc) -> Callable[[_Endpoint], _Endpoint]:
    """Put descriptions on an endpoint, one for each of its methods."""

    def put(endpoint: _Endpoint) -> _Endpoint:
        setattr(endpoint, _ATTRIBUTE, docs)
        return endpoint

    return put


def docs_of(endpoint: object) -> tuple[RouteDoc, ...]:
    """The descriptions that an endpoint carries; none where nobody described it."""
    return getattr(endpoint, _ATTRIBUTE, ())


def described(routes: Iterable[BaseRoute]) -> Iterator[tuple[str, RouteDoc]]:
    """Path, such as `/images/{sha256}`, and description of each described method of the routes."""
    for route in routes:
        if isinstance(route, Route):
            for doc in docs_of(route.endpoint):
                yield route.path, doc


def shape(
    also: Mapping[str, Schema] | None = None,
    /,
    *,
    optional: Mapping[str, Schema] | None = None,
    closed: bool = False,
    **named: Schema,
) -> Schema:
    """An object with these fields, all of them there, and with `optional` ones.

    Args:
        also: further fields that must be there.
        optional: fields that may be left out.
        closed: whether other fields are refused.
        **named: fields that must be there.
    """
    fields = {**named, **(also or {})}
    schema: dict[str, Any] = {
        "type": "object",
        "required": sorted(fields),
        "properties": {**fields, **(optional or {})},
    }
    if closed:
        schema["additionalProperties"] = False
    return schema


def array(items: Schema, *, most: int | None = None, text: str = "") -> Schema:
    """A list of such things, of `most` at the most."""
    schema: dict[str, Any] = {"type": "array", "items": items}
    if most is not None:
        schema["maxItems"] = most
    if text:
        schema["description"] = text
    return schema


def one_of(values: Iterable[object], text: str = "") -> Schema:
    """A text that is one of these."""
    schema: dict[str, Any] = {"type": "string", "enum": [str(value) for value in values]}
    return {**schema, "description": text} if text else schema


def maybe(schema: Schema) -> Schema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}
