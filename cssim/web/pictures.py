"""`/images/<sha256>?w=512`: thumbnails of the project's images, cached for ever by the browser."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from cssim.errors import BadInput, NotFound
from cssim.images import THUMBNAIL_TYPE
from cssim.services import annotating
from cssim.services.workspace import Workspace
from cssim.web.describe import RouteDoc, describe
from cssim.web.fields import number
from cssim.web.http import json_errors, person_of

CACHE_BYTES = 96 * 1024 * 1024
"""How much memory the most recently served thumbnails may take."""
_IMMUTABLE = "private, max-age=31536000, immutable"


class BytesCache:
    """The most recently used byte strings, up to a total size; safe between threads."""

    def __init__(self, limit: int) -> None:
        self._limit, self._size = limit, 0
        self._kept: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[object, ...]) -> bytes | None:
        """What was put there, if it is still here."""
        with self._lock:
            if key not in self._kept:
                return None
            self._kept.move_to_end(key)
            return self._kept[key]

    def put(self, key: tuple[object, ...], value: bytes) -> None:
        """Keep a value; the least recently used ones make room for it."""
        with self._lock:
            self._size += len(value) - len(self._kept.pop(key, b""))
            self._kept[key] = value
            while self._size > self._limit:
                self._size -= len(self._kept.popitem(last=False)[1])

    @property
    def size(self) -> int:
        """Bytes held."""
        return self._size


def picture_routes(workspace: Callable[[], Workspace]) -> list[Route]:
    """The route of the images."""
    cache = BytesCache(CACHE_BYTES)

    def load(sha256: str, width: int) -> bytes:
        ws = workspace()
        key = (ws.project.id, sha256, width)
        annotating.must_have_picture(ws, sha256)  # each time: it may have been withdrawn
        data = cache.get(key)
        if data is None:
            data = ws.store.thumbnail(sha256, width)
            cache.put(key, data)
        return data

    @describe(
        RouteDoc(
            "GET",
            "A thumbnail of one of the project's pictures",
            "Named by its content, so that a browser may keep it for ever.",
            query={"w": {"type": "integer", "minimum": 1, "maximum": 4096, "default": 512}},
            answer_type=THUMBNAIL_TYPE,
            errors={
                400: "`w` is no width, or the picture's file was damaged after it came in",
                404: "The project has no such picture, or its file is gone",
            },
        )
    )
    @json_errors
    async def picture(request: Request) -> Response:
        person_of(request)
        width = number(request.query_params.get("w", "512"), "w")
        if not 1 <= width <= 4096:
            raise BadInput(f"w must be a width of 1..4096 pixels, got {width}")
        sha256 = request.path_params["sha256"]
        if "\x00" in sha256:  # no database can look for it
            raise NotFound("this project has no such picture")
        data = await anyio.to_thread.run_sync(load, sha256, width)
        headers = {"cache-control": _IMMUTABLE, "cross-origin-resource-policy": "same-origin"}
        return Response(data, media_type=THUMBNAIL_TYPE, headers=headers)

    return [Route("/images/{sha256}", picture)]
