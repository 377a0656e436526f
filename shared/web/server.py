"""The HTTP server inside the service's own process: it stops when told, after what it serves, and takes no signals."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.types import ASGIApp
from typing_extensions import override

GRACE_SECONDS = 5


class _Server(uvicorn.Server):
    """uvicorn, which would otherwise take SIGINT and SIGTERM for itself."""

    @override
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the service."""
        yield


async def serve(app: ASGIApp, *, port: int, stop: asyncio.Event, host: str = "127.0.0.1") -> None:
    """Serve until `stop` is set, then finish the requests in hand; cancelled, it does the same.

    Raises:
        OSError: the port is taken.
    """
    listener = _bound(host, port)
    server = _Server(_config(app))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        server.should_exit = True
        stopping.cancel()
        await serving


def _bound(host: str, port: int) -> socket.socket:
    """Bind here: uvicorn would end the whole process if the port is taken.

    asyncio sets TCP_NODELAY only on what says it is TCP, which an accepted connection of ours does not: without it an
    answer's body would wait 40 ms for the acknowledgement of its head.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=2048)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        lifespan="off",
        timeout_graceful_shutdown=GRACE_SECONDS,
        limit_concurrency=500,
        h11_max_incomplete_event_size=32 * 1024,
    )
