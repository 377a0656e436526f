"""The size of a body over a real connection: declared or chunked, what is over the limit is 413 and not kept."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest
from nuxari_events.roles import Role

from shared.embedded.child import free_port
from shared.web.bodies import LARGEST_BODY
from shared.web.server import serve
from tests.access.credentials import a_token
from tests.web.stage import AGENTS, KEY, an_app, problem
from tests.web.test_server import accepting

MEBI = 1024 * 1024


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    port, stop = free_port(), asyncio.Event()
    server = asyncio.create_task(serve(an_app(), port=port, stop=stop))
    await accepting(port)
    headers = {"Authorization": f"Bearer {a_token(KEY, Role.CLIENT_ADMIN)}", "Content-Type": "application/json"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False) as client:
        yield client
    stop.set()
    await server


def _of(size: int) -> bytes:
    """A valid request of exactly that many bytes."""
    frame = b'{"name": "x"%s}'
    return frame % (b" " * (size - len(frame) + 2))


async def _chunks(size: int) -> AsyncIterator[bytes]:
    body = _of(size)
    for start in range(0, size, 64 * 1024):
        yield body[start : start + 64 * 1024]


async def test_a_body_of_just_the_limit_is_taken(client: httpx.AsyncClient):
    declared = await client.post(AGENTS, content=_of(LARGEST_BODY))
    chunked = await client.post(AGENTS, content=_chunks(LARGEST_BODY))

    assert (declared.status_code, chunked.status_code) == (201, 201)


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, 10 * MEBI])
async def test_a_larger_body_is_413_declared_or_chunked(client: httpx.AsyncClient, size: int):
    problem(await client.post(AGENTS, content=_of(size)), 413, "too-large")
    problem(await client.post(AGENTS, content=_chunks(size)), 413, "too-large")


async def test_a_larger_body_is_413_on_a_route_that_does_not_read_it(client: httpx.AsyncClient):
    response = await client.post("/v1/tenants/acme/unread", content=_of(10 * MEBI))

    problem(response, 413, "too-large")
    assert response.headers["x-request-id"]


async def test_the_service_goes_on_after_an_endless_body(client: httpx.AsyncClient):
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b" " * MEBI

    with contextlib.suppress(httpx.WriteError, httpx.ReadError, httpx.RemoteProtocolError):
        problem(await client.post(AGENTS, content=endless()), 413, "too-large")

    assert (await client.get("/live")).status_code == 200


async def test_who_waits_to_be_told_to_go_on_is_refused_before_sending(client: httpx.AsyncClient):
    port = client.base_url.port
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"POST {AGENTS} HTTP/1.1\r\nHost: x\r\nContent-Length: {10 * MEBI}\r\nExpect: 100-continue\r\n\r\n"
    writer.write(head.encode())

    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)

    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 413")
