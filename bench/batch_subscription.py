"""Our batch subscription against a plain per-message FastStream handler that does the same work as safely.

The work: claim the event in the inbox, write a row, announce an event through the outbox, commit, then commit offsets.
"""

from __future__ import annotations

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from nuxari_events.access import Outcome, SignInCompleted, SignInData
from nuxari_events.envelope import Event
from nuxari_events.topics import ACCESS_ACTIVITY
from nuxari_events.wire import decode

from bench.result import Result, agree
from bench.servers import Servers, database, servers
from shared.messaging.broker import make_broker
from shared.messaging.transactional import subscribe
from shared.persistence.database import Database, Transaction
from shared.persistence.inbox import claim

NAME = "batch_subscription"
EVENTS = 20_000
PLAIN_EVENTS = 3_000
"""It is slow; its rate does not depend on how many there are."""
ROUNDS = 2
PARTITIONS = 6
TENANTS = 24

Side = Callable[[KafkaBroker, Database, str, str], object]


def run() -> Result:
    """Measure both, in turns, on the same servers."""
    with servers() as where:
        return asyncio.run(_measure(where))


async def _measure(where: Servers) -> Result:
    logins = await database(where)
    pool = Database(logins.service, name=NAME)
    await pool.open()
    ours, plain = [], []
    try:
        for number in range(ROUNDS):
            ours.append(await _round(where, pool, f"ours-{number}", EVENTS, _ours))
            plain.append(await _round(where, pool, f"plain-{number}", PLAIN_EVENTS, _plain))
    finally:
        await pool.close()
    best, other = max(rate for rate, _ in ours), max(rate for rate, _ in plain)
    return Result(
        name=NAME,
        value=best,
        unit="events/s",
        against=other,
        against_what="a per-message FastStream handler, same broker, database, events and guarantees",
        aim="ratio of 10",
        details={
            "rounds": {"ours": [round(rate) for rate, _ in ours], "against": [round(rate) for rate, _ in plain]},
            "cpu_seconds_of_this_process": {"ours": [cpu for _, cpu in ours], "against": [cpu for _, cpu in plain]},
            "events": {"ours": EVENTS, "against": PLAIN_EVENTS},
        },
    )


async def _round(where: Servers, pool: Database, name: str, count: int, side: Side) -> tuple[float, float]:
    """Return events per second of wall clock, and CPU seconds of this process."""
    topic = f"bench-{name}"
    await _create(where.kafka, topic)
    await _publish(where.kafka, topic, count)
    broker = make_broker(where.kafka, client_id=name)
    side(broker, pool, topic, name)
    begun, cpu = time.perf_counter(), time.process_time()
    await broker.start()
    try:
        while await _applied(pool, name) < count:  # noqa: ASYNC110 - rows have no event
            await asyncio.sleep(0.05)
        seconds = time.perf_counter() - begun
    finally:
        await broker.stop()
    agree("rows and events", await _applied(pool, name), count)
    return count / seconds, round(time.process_time() - cpu, 2)


def _work(consumer: str) -> Callable[[Transaction, Event], Awaitable[None]]:
    async def apply(transaction: Transaction, event: Event) -> None:
        await transaction.execute(
            "insert into applied (tenant_id, consumer, event_id, subject) values ($1, $2, $3, $4)",
            event.tenantid,
            consumer,
            event.id,
            event.subject,
        )
        transaction.announce(event)

    return apply


def _ours(broker: KafkaBroker, pool: Database, topic: str, name: str) -> None:
    named = dataclasses.replace(ACCESS_ACTIVITY, name=topic)
    subscribe(broker, topics=[named], consumer=name, database=pool, apply=_work(name))


def _plain(broker: KafkaBroker, pool: Database, topic: str, name: str) -> None:
    apply = _work(name)

    @broker.subscriber(
        topic,
        group_id=name,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        decoder=lambda message: decode(ACCESS_ACTIVITY, value=message.body, headers=()),
        no_reply=True,
    )
    async def one(event: Event) -> None:
        async with pool.transaction() as transaction:
            for new in await claim(transaction, [event], consumer=name):
                await transaction.enter(new.tenantid)
                await apply(transaction, new)


async def _applied(pool: Database, consumer: str) -> int:
    found = 0
    async with pool.transaction() as transaction:
        for number in range(TENANTS):
            await transaction.enter(f"tenant-{number}")
            found += await transaction.fetchval("select count(*) from applied where consumer = $1", consumer)
    return found


async def _create(kafka: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1), NewTopic(f"{topic}.dlq", 1, 1)])
    finally:
        await admin.close()


async def _publish(kafka: str, topic: str, count: int) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, linger_ms=5)
    await producer.start()
    try:
        sent = []
        for number in range(count):
            event = _event(number)
            value = event.model_dump_json(exclude_none=True).encode()
            sent.append(await producer.send(topic, key=event.tenantid.encode(), value=value))
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def _event(number: int) -> SignInCompleted:
    user = f"user-{number % 500}"
    return SignInCompleted(
        source="/bench",
        time=datetime.now(UTC),
        subject=user,
        tenantid=f"tenant-{number % TENANTS}",
        data=SignInData(user_id=user, outcome=Outcome.SUCCESS, ip="203.0.113.7"),
    )
