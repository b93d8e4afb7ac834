"""The OpenAPI 3.1 description of the routes, made from what is declared beside each of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from starlette.routing import BaseRoute

from cssim import __version__
from cssim.web.describe import ERROR, TEXT, RouteDoc, Schema, described
from cssim.web.http import COOKIE, HEADER

HTML = "text/html"
_ERROR_REF = {"$ref": "#/components/schemas/Error"}
_INTRODUCTION = """\
CS-Sim over HTTP, for the labelling element and for programs. A program signs in like a browser: it
reads `/sign-in`, sends the form back with its `form_token`, and keeps the session cookie.

Requests that change something carry the header `X-CSSim: 1` and, where the client is a browser,
come from one of CS-Sim's own pages. Refusals are `{"error": text}`, which says what was expected,
what came and what to do. With 429 and 503 the same request may be sent again later; `Retry-After`
says in how many seconds. Answers carry an id made by the client, so that sending one again never
counts twice.
"""
EVERYWHERE = {
    401: "Nobody is signed in",
    403: "The role does not suffice, or the request may be forged",
    412: "The request names somebody in `X-CSSim-Person`, and somebody else is signed in",
    429: "Too many requests; `Retry-After` says for how many seconds to wait",
    503: "The database does not answer; `Retry-After` says in how many seconds to try again",
}
"""How any request to the API may be refused."""


def describe_routes(routes: Iterable[BaseRoute]) -> dict[str, Any]:
    """The description of all described routes, as JSON-like plain values."""
    paths: dict[str, dict[str, Any]] = {}
    for path, doc in described(routes):
        plain = re.sub(r"\{(\w+)(:\w+)?\}", r"{\1}", path)
        paths.setdefault(plain, {})[doc.method.lower()] = _operation(plain, doc)
    return {
        "openapi": "3.1.0",
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "info": {"title": "CS-Sim", "version": __version__, "description": _INTRODUCTION},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": {"Error": ERROR},
            "securitySchemes": {
                "session": {
                    "type": "apiKey",
                    "in": "cookie",
                    "name": COOKIE,
                    "description": f"Over HTTPS it is named `__Host-{COOKIE}`",
                }
            },
        },
        "security": [{"session": []}],
    }


def _operation(path: str, doc: RouteDoc) -> dict[str, Any]:
    who = "" if doc.role is None else f"For {doc.role.value}s and above."
    operation: dict[str, Any] = {
        "operationId": _name(path, doc.method),
        "summary": doc.summary,
        "description": " ".join(text for text in (doc.detail, who) if text),
        "tags": [path.split("/")[1]],
        "responses": dict(_responses(path, doc)),
    }
    parameters = [*_path_parameters(path), *_query_parameters(doc), *_headers(doc)]
    if parameters:
        operation["parameters"] = parameters
    if doc.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {doc.body_type: {"schema": doc.body}},
        }
    if doc.role is None:
        operation["security"] = []
    return operation


def _name(path: str, method: str) -> str:
    words = re.findall(r"\w+", path) or ["start"]
    return "_".join([method.lower(), *words])


def _path_parameters(path: str) -> list[dict[str, Any]]:
    names = re.findall(r"\{(\w+)\}", path)
    return [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]


def _query_parameters(doc: RouteDoc) -> list[dict[str, Any]]:
    return [_parameter(name, "query", schema) for name, schema in doc.query.items()]


def _headers(doc: RouteDoc) -> list[dict[str, Any]]:
    if not doc.changes:
        return []
    name = HEADER.title().replace("Cssim", "CSSim")
    return [{**_parameter(name, "header", {"const": "1"}), "required": True}]


def _parameter(name: str, place: str, schema: Schema) -> dict[str, Any]:
    plain = {key: value for key, value in schema.items() if key != "description"}
    found = {"name": name, "in": place, "schema": plain}
    return {**found, "description": schema["description"]} if "description" in schema else found


def _responses(path: str, doc: RouteDoc) -> Iterable[tuple[str, dict[str, Any]]]:
    answer: dict[str, Any] = {"description": doc.summary}
    if doc.status not in (204, 303):
        answer["content"] = {doc.answer_type: {"schema": doc.answer or _raw(doc.answer_type)}}
    yield str(doc.status), answer
    for status, reason in sorted(refusals(path, doc).items()):
        told: dict[str, Any] = {"description": reason}
        if doc.answer_type == HTML:
            told["content"] = {HTML: {"schema": TEXT}}
        else:
            told["content"] = {"application/json": {"schema": _ERROR_REF}}
        if "`Retry-After`" in reason:
            told["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}}}
        yield str(status), told


def refusals(path: str, doc: RouteDoc) -> Mapping[int, str]:
    """Why the route may refuse, by status, with what holds for all routes."""
    shared = {status: text for status, text in EVERYWHERE.items() if status not in doc.errors}
    if doc.role is None:
        for status in (401, 403, 412):
            shared.pop(status, None)
    if not path.startswith(("/api/", "/images/")):
        shared.pop(429, None)
    return {**shared, **doc.errors}


def _raw(media_type: str) -> Schema:
    return TEXT if media_type.startswith("text/") else {"type": "string", "format": "binary"}
