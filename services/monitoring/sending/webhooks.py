"""One message to one webhook: signed (Standard Webhooks), to an address that may be reached, within bounds."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import httpcore
import httpx
from standardwebhooks import Webhook
from typing_extensions import override

from services.monitoring.domain.outbound import Outcome
from services.monitoring.sending.reach import ForbiddenAddressError, Reach, parsed, port_of

WITHIN = timedelta(seconds=15)
"""For all of one try (Standard Webhooks: 15 to 30 s)."""

CONNECTED_WITHIN = timedelta(seconds=5)

LARGEST_ANSWER = 64 * 1024
"""Bytes that are read of an answer, so that the sender on the other side is not cut off; nothing of it is kept."""

SECRET_BYTES = 32
"""Of randomness in a secret (Standard Webhooks: 24 to 64)."""

_GONE = 410


class Answer(NamedTuple):
    """How one try ended, and with which status, where there was one."""

    outcome: Outcome
    status: int | None = None


def new_secret() -> str:
    """Return a new secret in the form that receivers are given it in."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def headers(message_id: str, body: str, *, keys: Iterable[str], at: datetime) -> dict[str, str]:
    """Return the headers that say who sent the message and when; one signature for each secret."""
    signatures = [Webhook(key).sign(message_id, at, body) for key in keys]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
        "content-type": "application/json",
        "user-agent": "Nuxari-Webhooks/1",
    }


class Webhooks:
    """Posts messages. No proxy, no redirect, no cookie: what is asked for is what is reached."""

    def __init__(self, reach: Reach, *, within: timedelta = WITHIN) -> None:
        self._reach = reach
        self._within = within
        self._tls = httpx.create_ssl_context()

    async def post(self, url: str, *, body: str, headers: dict[str, str]) -> Answer:
        """Post the body; any failure is an answer."""
        try:
            async with asyncio.timeout(self._within.total_seconds()):
                status = await self._posted(url, body.encode(), headers)
        except ForbiddenAddressError:
            return Answer(Outcome.FORBIDDEN)
        except (TimeoutError, httpcore.TimeoutException):
            return Answer(Outcome.TIMED_OUT)
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError):
            return Answer(Outcome.UNREACHABLE)
        if status == _GONE:
            return Answer(Outcome.GONE, status)
        return Answer(Outcome.DELIVERED if httpx.codes.is_success(status) else Outcome.REFUSED, status)

    async def _posted(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        target = parsed(url)
        network = _Judged(self._reach, plain=target.scheme == "http")
        async with httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=network) as pool:
            sent = {"host": target.netloc.decode(), "content-length": str(len(body)), **headers}
            where = httpcore.URL(
                scheme=target.raw_scheme, host=target.raw_host, port=port_of(target), target=target.raw_path
            )
            async with pool.stream("POST", where, headers=list(sent.items()), content=body) as answer:
                await _drain(answer)
                return answer.status


class _Judged(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were judged, and to no name."""

    def __init__(self, reach: Reach, *, plain: bool) -> None:
        self._reach = reach
        self._plain = plain
        self._network = httpcore.AnyIOBackend()

    @override
    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first of the host's addresses that answers."""
        del timeout, local_address, socket_options
        addresses = await self._reach.addresses(host, port, plain=self._plain)
        return await self._first_of([str(one) for one in addresses], port)

    async def _first_of(self, addresses: Sequence[str], port: int) -> httpcore.AsyncNetworkStream:
        *others, last = addresses
        within = CONNECTED_WITHIN.total_seconds()
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, timeout=within)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout=within)

    @override
    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)


async def _drain(answer: httpcore.Response) -> None:
    read = 0
    async for part in answer.aiter_stream():
        read += len(part)
        if read > LARGEST_ANSWER:
            return
