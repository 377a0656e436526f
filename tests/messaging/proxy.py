"""A TCP proxy on loopback that can be cut and mended: a database that goes away for a while."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class Proxy:
    """Passes bytes both ways; while it is cut, every connection is dropped and new ones are refused."""

    def __init__(self, dsn: str) -> None:
        self._target = urlsplit(dsn)
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._port = 0

    @classmethod
    @asynccontextmanager
    async def before(cls, dsn: str) -> AsyncIterator[Proxy]:
        proxy = cls(dsn)
        await proxy.mend()
        try:
            yield proxy
        finally:
            await proxy.cut()

    @property
    def dsn(self) -> str:
        """The DSN that leads through the proxy."""
        login = self._target.netloc.rsplit("@", 1)[0]
        return self._target._replace(netloc=f"{login}@127.0.0.1:{self._port}").geturl()

    async def mend(self) -> None:
        """Listen (again, on the same port)."""
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Drop every connection and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._target.hostname, self._target.port)
        await asyncio.gather(self._pump(reader, back), self._pump(there, writer))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        self._writers.discard(writer)
        writer.close()
