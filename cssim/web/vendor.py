"""`/vendor/plotly.js`: the script that the plotly package brings along; no page needs a CDN."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cssim.errors import NotFound
from cssim.web.describe import RouteDoc, describe
from cssim.web.http import json_errors

_IMMUTABLE = "private, max-age=31536000, immutable"


@cache
def plotly_script() -> tuple[bytes, bytes]:
    """plotly.js as it is, and compressed; read once.

    Raises:
        NotFound: the package has no such file.
    """
    spec = find_spec("plotly")  # found without importing it
    places = [] if spec is None else spec.submodule_search_locations or []
    for place in places:
        path = Path(place) / "package_data" / "plotly.min.js"
        if path.is_file():
            data = path.read_bytes()
            return data, gzip.compress(data, 6)
    raise NotFound("the package plotly has no plotly.min.js: install the pinned version again")


def vendor_routes() -> list[Route]:
    """The route of the script; its address carries a version, so browsers keep it for ever."""

    @describe(
        RouteDoc(
            "GET",
            "The script plotly.js, for the map of references",
            answer_type="text/javascript",
            errors={404: "The installed package lacks it"},
        )
    )
    @json_errors
    async def plotly(request: Request) -> Response:
        whole, small = await anyio.to_thread.run_sync(plotly_script)
        headers = {"cache-control": _IMMUTABLE, "vary": "accept-encoding"}
        packed = "gzip" in request.headers.get("accept-encoding", "")
        if packed:
            headers["content-encoding"] = "gzip"
        body = small if packed else whole
        return Response(body, media_type="text/javascript", headers=headers)

    return [Route("/vendor/plotly.js", plotly)]
