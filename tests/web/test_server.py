"""The server inside the process: on loopback, one a port, finishing what it serves, leaving signals alone."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta

import httpx
import pytest
from starlette.types import Receive, Scope, Send

from shared.embedded.child import free_port
from shared.web.server import serve
from tests.waiting import until


async def accepting(port: int) -> None:
    """Wait until the port takes connections."""

    async def takes() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    await until(takes, within=timedelta(seconds=10), what=f"a server on port {port}")


def _slow(started: asyncio.Event, go_on: asyncio.Event) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        started.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body"})

    return app


@pytest.mark.parametrize("ending", ["stopped", "cancelled"])
async def test_a_request_in_hand_is_finished_before_the_server_ends(ending: str):
    port, stop, started, go_on = free_port(), asyncio.Event(), asyncio.Event(), asyncio.Event()
    server = asyncio.create_task(serve(_slow(started, go_on), port=port, stop=stop))
    async with httpx.AsyncClient(trust_env=False) as client:
        await accepting(port)
        request = asyncio.create_task(client.get(f"http://127.0.0.1:{port}/"))
        await started.wait()

        if ending == "stopped":
            stop.set()
        else:
            server.cancel()
        await until(lambda: _refuses(port), within=timedelta(seconds=5), what="no new connections")
        go_on.set()

        assert (await request).status_code == 204
    await asyncio.wait([server], timeout=10)
    assert server.cancelled() == (ending == "cancelled")
    assert server.done()


def _refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


async def test_a_taken_port_is_an_error_and_not_the_end_of_the_process():
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        await serve(_slow(asyncio.Event(), asyncio.Event()), port=taken.getsockname()[1], stop=asyncio.Event())


async def test_signals_stay_with_the_service():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    port, stop = free_port(), asyncio.Event()
    server = asyncio.create_task(serve(_slow(asyncio.Event(), asyncio.Event()), port=port, stop=stop))
    await accepting(port)

    during = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)

    stop.set()
    await server
    assert during == before


async def test_an_answer_does_not_wait_for_the_acknowledgement_of_its_head():
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"the body"})

    port, stop = free_port(), asyncio.Event()
    server = asyncio.create_task(serve(app, port=port, stop=stop))
    await accepting(port)
    async with httpx.AsyncClient(trust_env=False) as client:
        answers = [await client.get(f"http://127.0.0.1:{port}/") for _ in range(20)]
    stop.set()
    await server

    assert min(answer.elapsed for answer in answers) < timedelta(milliseconds=30)
