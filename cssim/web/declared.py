"""What the routes declare holds: role and anti-forgery are checked from the declaration itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from cssim.errors import NotAllowed
from cssim.types import Person
from cssim.web.describe import RouteDoc, docs_of
from cssim.web.http import PERSON, check_not_forged


def enforced(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    """The routes, of which none is reached with less than it declares.

    Raises:
        ValueError: a route answers a method that it does not describe, or the other way round.
    """
    for route in routes:
        if not isinstance(route, Route):
            raise ValueError(f"{route} is no plain route; describe what it answers")
        docs = {doc.method: doc for doc in docs_of(route.endpoint)}
        methods = (route.methods or set()) - {"HEAD"}
        if set(docs) != methods:
            raise ValueError(
                f"{route.path} answers {sorted(methods)} and describes {sorted(docs)}; "
                "put one RouteDoc for each method on its endpoint"
            )
        yield Route(route.path, _checked(route.endpoint, docs), methods=sorted(methods))


def _checked(endpoint: Any, docs: dict[str, RouteDoc]) -> Any:
    @wraps(endpoint)  # copies the descriptions along
    async def checked(request: Request) -> Response:
        doc = docs["GET" if request.method == "HEAD" else request.method]
        try:
            check(request, doc)
        except NotAllowed as error:
            return JSONResponse({"error": str(error)}, 403)
        response: Response = await endpoint(request)
        return response

    return checked


def check(request: Request, doc: RouteDoc) -> None:
    """Whether this request may go to the route that `doc` describes.

    Raises:
        NotAllowed: nobody is signed in, the role does not suffice, or it may be forged.
    """
    person = request.scope.get(PERSON)
    if doc.role is not None:
        if not isinstance(person, Person):
            raise NotAllowed("sign in first")
        if not person.role.may(doc.role):
            raise NotAllowed(f"this is for {doc.role.value}s; you are signed in as {person.role}")
    if doc.changes:
        check_not_forged(request)
