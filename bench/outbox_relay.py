"""Our relay, which sends a batch and then waits, against one that sends and awaits a row at a time."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import asyncpg
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from nuxari_events.access import Outcome, SignInCompleted, SignInData
from nuxari_events.topics import ACCESS_ACTIVITY

from bench.result import Result, agree
from bench.servers import SERVICE, Servers, database, servers
from shared.messaging.provision import apply_topics
from shared.persistence.database import Database
from shared.persistence.provision import Logins
from shared.persistence.relay import Relay

NAME = "outbox_relay"
ROWS = 20_000
NAIVE_ROWS = 3_000
TENANTS = 24
CHUNK = 500

Relaying = Callable[[Servers, Logins], Awaitable[None]]


def run() -> Result:
    """Measure both, one after the other, on the same servers; every row must arrive, in order per key."""
    with servers() as where:
        return asyncio.run(_measure(where))


async def _measure(where: Servers) -> Result:
    logins = await database(where)
    await apply_topics(where.kafka)
    ours = await _round(where, logins, ROWS, _ours)
    naive = await _round(where, logins, NAIVE_ROWS, _naive)
    order = await _arrived(where.kafka)
    agree("rows and messages", ROWS + NAIVE_ROWS, sum(map(len, order.values())))
    agree("the order of a key", [sorted(one) for one in order.values()], list(order.values()))
    return Result(
        name=NAME,
        value=ROWS / ours,
        unit="announcements/s",
        against=NAIVE_ROWS / naive,
        against_what="select, send, await and delete one row at a time, same outbox and broker",
        aim="none stated",
        details={"rows": {"ours": ROWS, "against": NAIVE_ROWS}, "seconds": {"ours": ours, "against": naive}},
    )


async def _round(where: Servers, logins: Logins, count: int, relaying: Relaying) -> float:
    await _fill(logins, count)
    begun = time.perf_counter()
    working = asyncio.ensure_future(relaying(where, logins))
    try:
        while await _left(where):  # noqa: ASYNC110 - rows have no event
            await asyncio.sleep(0.02)
        return round(time.perf_counter() - begun, 3)
    finally:
        working.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await working


async def _ours(where: Servers, logins: Logins) -> None:
    await Relay(dsn=logins.relay, bootstrap_servers=where.kafka, service=SERVICE).run()


async def _naive(where: Servers, logins: Logins) -> None:
    connection = await asyncpg.connect(logins.relay)
    producer = AIOKafkaProducer(bootstrap_servers=where.kafka, enable_idempotence=True)
    await producer.start()
    try:
        while row := await connection.fetchrow("select * from outbox order by id limit 1"):
            headers = [(name, value.encode()) for name, value in json.loads(row["headers"]).items()]
            key, value = row["message_key"].encode(), row["payload"].encode()
            await producer.send_and_wait(row["aggregatetype"], key=key, value=value, headers=headers)
            await connection.execute("delete from outbox where id = $1", row["id"])
    finally:
        await producer.stop()
        await connection.close()


async def _fill(logins: Logins, count: int) -> None:
    pool = Database(logins.service, name=NAME)
    await pool.open()
    try:
        for first in range(0, count, CHUNK):
            async with pool.transaction("tenant-0") as transaction:
                for number in range(first, min(first + CHUNK, count)):
                    transaction.announce(_event(number))
    finally:
        await pool.close()


async def _left(where: Servers) -> int:
    connection = await asyncpg.connect(where.postgres.rsplit("/", 1)[0] + f"/nuxari_{SERVICE}")
    try:
        return int(await connection.fetchval("select count(*) from outbox"))
    finally:
        await connection.close()


async def _arrived(kafka: str) -> dict[bytes, list[tuple[int, str]]]:
    """Return what arrived by key, as (round, number), in the order of the partitions."""
    consumer = AIOKafkaConsumer(ACCESS_ACTIVITY.name, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    found: dict[bytes, list[tuple[int, str]]] = {}
    try:
        while batch := await consumer.getmany(timeout_ms=2000):
            for records in batch.values():
                for record in records:
                    found.setdefault(record.key, []).append(json.loads(record.value)["time"])
        return found
    finally:
        await consumer.stop()


def _event(number: int) -> SignInCompleted:
    return SignInCompleted(
        source="/bench",
        time=datetime.now(UTC),
        subject="user",
        tenantid=f"tenant-{number % TENANTS}",
        data=SignInData(user_id="user", outcome=Outcome.SUCCESS),
    )
