"""A TCP proxy that drops connections when it likes, in the middle of an answer if need be."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable


class Proxy:
    """Stands between clients and a server whose port may change.

    Args:
        server_port: where the server is now.
        rng: draws after how many bytes of answers a connection is cut.
        mean_bytes: so many on average; 0 cuts nothing by itself.
    """

    def __init__(
        self, server_port: Callable[[], int], rng: random.Random, *, mean_bytes: int = 20_000
    ) -> None:
        self._server_port, self._rng, self._mean = server_port, rng, mean_bytes
        self._open: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self.cut = 0
        """Connections that were cut while they were in use."""
        self.port = 0

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.drop_all()
        while self._open:
            await asyncio.sleep(0.01)

    def drop_all(self) -> None:
        """Drop every connection at once, as a network does that goes away."""
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._server_port())
        except OSError:
            writer.transport.abort()
            return
        self._open |= {writer, up_writer}
        budget = self._rng.expovariate(1 / self._mean) if self._mean else float("inf")
        pumps = [
            asyncio.create_task(self._pump(reader, up_writer, float("inf"))),
            asyncio.create_task(self._pump(up_reader, writer, budget)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for end in (writer, up_writer):
            end.transport.abort()  # ends the other pump too
        await asyncio.gather(*pumps)
        self._open -= {writer, up_writer}

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, budget: float
    ) -> None:
        while True:
            try:
                data = await source.read(65536)
            except OSError:
                return
            budget -= len(data)
            if budget < 0:
                self.cut += 1  # the server has done its work, and nobody hears of it
                return
            if not data:
                return
            sink.write(data)
            try:
                await sink.drain()
            except OSError:
                return
