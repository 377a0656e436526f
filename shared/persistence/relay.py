"""The relay: every committed announcement reaches Kafka, in order, at least once; nobody publishes by hand."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared.errors import TransientError
from shared.messaging.closing import close_producer, never_overtake
from shared.messaging.reliability import until_it_works
from shared.persistence.database import UNREACHABLE
from shared.persistence.outbox import CHANNEL
from shared.telemetry import metrics

BATCH = 500
"""Rows in flight at once: enough to fill the broker's pipeline, few enough that a crash re-sends little."""

POLL = timedelta(seconds=1)
"""How long a missed wake-up can delay an announcement."""

_ONE_RELAY = 7_110_002
"""Advisory lock, held for the life of the connection: one relay per service, so rows leave in the order of their id."""

_ANSWER_SECONDS = 30
"""A database that takes longer over a statement is away."""

_SESSION = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}
"""PostgreSQL notices within half a minute that the relay's machine is gone, and lets another one have the lock."""


class Relay:
    """Moves rows from one service's outbox to Kafka.

    A row is deleted after the broker acknowledged it; a crash between the two re-sends it, with the same event id.
    Two transactions may commit out of the order of their ids; then the lower id leaves in a later round. Order holds
    for what one subject does, because its transactions wait for one another at that subject's row.
    """

    def __init__(self, *, dsn: str, bootstrap_servers: str, service: str) -> None:
        self._dsn = dsn
        self._bootstrap_servers = bootstrap_servers
        self._service = service
        self._wake = asyncio.Event()
        self._waiting_since: float | None = None

    @property
    def oldest_unsent(self) -> timedelta:
        """How long the oldest announcement has been waiting, or how long the relay has been unable to look."""
        if self._waiting_since is None:
            return timedelta(0)
        return timedelta(seconds=time.monotonic() - self._waiting_since)

    async def run(self) -> None:
        """Relay until cancelled; whatever is down is waited for, with back-off."""
        await until_it_works(self._until_interrupted, what=f"the relay of {self._service}")

    async def _until_interrupted(self) -> None:
        try:
            await self._while_connected()
        except (*UNREACHABLE, asyncpg.InterfaceError, asyncpg.PostgresError, KafkaError) as error:
            metrics.RELAY_INTERRUPTED.labels(self._service).inc()
            self._waiting_since = self._waiting_since or time.monotonic()
            raise TransientError(type(error).__name__) from error

    async def _while_connected(self) -> None:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=_ANSWER_SECONDS,
            server_settings=_SESSION | {"application_name": f"{self._service}-relay"},
        )
        try:
            await connection.execute("select pg_advisory_lock($1)", _ONE_RELAY)
            await connection.add_listener(CHANNEL, lambda *_: self._wake.set())
            async with _producer(self._bootstrap_servers, self._service) as producer:
                await self._drain_for_ever(connection, producer)
        finally:
            with contextlib.suppress(*UNREACHABLE, asyncpg.InterfaceError):
                await connection.close(timeout=2)

    async def _drain_for_ever(self, connection: asyncpg.Connection[Any], producer: AIOKafkaProducer) -> None:
        while True:
            self._wake.clear()
            if not await self.drain_once(connection, producer.send):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), POLL.total_seconds())

    async def drain_once(self, connection: asyncpg.Connection[Any], send: Callable[..., Awaitable[Any]]) -> int:
        """Send the oldest rows, await every acknowledgement, delete them; return how many there were."""
        rows = await connection.fetch(
            "select id, aggregatetype, message_key, payload, headers, now() - created_at as age"
            " from outbox order by id limit $1",
            BATCH,
            timeout=_ANSWER_SECONDS,
        )
        self._note_age(rows[0]["age"] if rows else None)
        if rows:
            await _deliver(rows, send)
            sent = [row["id"] for row in rows]
            await connection.execute("delete from outbox where id = any($1::bigint[])", sent, timeout=_ANSWER_SECONDS)
            metrics.RELAYED.labels(self._service).inc(len(rows))
        return len(rows)

    def _note_age(self, age: timedelta | None) -> None:
        seconds = age.total_seconds() if age is not None else 0.0
        self._waiting_since = time.monotonic() - seconds if age is not None else None
        metrics.OUTBOX_AGE.labels(self._service).set(seconds)


async def _deliver(rows: list[asyncpg.Record], send: Callable[..., Awaitable[Any]]) -> None:
    """Hand over all rows first, then wait for all: the producer keeps their order within a partition."""
    acknowledgements = []
    for row in rows:
        headers = [(name, value.encode()) for name, value in json.loads(row["headers"]).items()]
        acknowledgements.append(
            await send(
                row["aggregatetype"], key=row["message_key"].encode(), value=row["payload"].encode(), headers=headers
            )
        )
    await asyncio.gather(*acknowledgements)


@contextlib.asynccontextmanager
async def _producer(bootstrap_servers: str, service: str) -> Any:  # noqa: ANN401 - aiokafka has no types
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap_servers,
        client_id=f"{service}-relay",
        enable_idempotence=True,
        acks="all",
        linger_ms=2,
        request_timeout_ms=20_000,
    )
    try:
        await producer.start()
        yield never_overtake(producer)
    finally:
        await close_producer(producer)
