"""The part of docs/api.md that follows from the routes' declarations."""

from __future__ import annotations

from typing import Any, NoReturn

from cssim.web.describe import RouteDoc, described
from cssim.web.openapi import describe_routes
from cssim.web.routes import web_routes


def _no_workspace() -> NoReturn:
    raise AssertionError("a description needs no workspace")


def description() -> dict[str, Any]:
    """The OpenAPI description, as the server gives it."""
    return describe_routes(web_routes(_no_workspace))


def api_sections() -> str:
    """A table of all routes, and a section for each that speaks JSON."""
    docs = list(described(web_routes(_no_workspace)))
    rows = ["| request | what it does | for |", "|---|---|---|"]
    rows += [f"| `{doc.method} {path}` | {doc.summary} | {_role(doc)} |" for path, doc in docs]
    sections = [_section(path, doc) for path, doc in docs if path.startswith("/api/")]
    return "\n".join([*rows, "", *sections]).rstrip()


def _role(doc: RouteDoc) -> str:
    return "everybody" if doc.role is None else f"{doc.role.value}s"


def _section(path: str, doc: RouteDoc) -> str:
    lines = [f"### {doc.method} {path}", "", f"{doc.summary}. {doc.detail}".rstrip(), ""]
    fields = [("query", name, schema, "") for name, schema in doc.query.items()]
    for place, schema in (("body", doc.body), ("answer", doc.answer)):
        fields += [(place, *field) for field in _fields(schema or {})]
    if fields:
        lines += ["| in | field | type | meaning |", "|---|---|---|---|"]
        for place, name, schema, needed in fields:
            meaning = str(schema.get("description", "")).replace("|", "\\|")
            lines.append(f"| {place} | `{name}`{needed} | {_type(schema)} | {meaning} |")
        lines.append("")
    lines += [f"- {status}: {text}" for status, text in sorted(doc.errors.items())]
    return "\n".join([*lines, ""])


def _fields(schema: Any) -> list[tuple[str, Any, str]]:
    needed = set(schema.get("required", ()))
    return [
        (name, inner, "" if name in needed else " (optional)")
        for name, inner in schema.get("properties", {}).items()
    ]


def _type(schema: Any) -> str:
    if "anyOf" in schema:
        return " or ".join(_type(one) for one in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(f"`{value}`" for value in schema["enum"])
    kind = schema.get("type", "any")
    if kind == "array":
        return f"list of {_type(schema.get('items', {}))}"
    if kind == "object" and "properties" in schema:
        return "object with " + ", ".join(f"`{name}`" for name in schema["properties"])
    low, high = schema.get("minimum"), schema.get("maximum")
    limits = f" {low}..{high}" if low is not None and high is not None else ""
    return f"{kind}{limits}"
