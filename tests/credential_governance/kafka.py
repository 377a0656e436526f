"""Both ends of the service on a real broker: publish to its topics, read what it announced."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from nuxari_events.envelope import Event
from nuxari_events.topics import CREDENTIAL_LIFECYCLE, Topic
from nuxari_events.wire import decode, encode

from services.credential_governance import handlers
from shared.clock import SystemClock
from shared.messaging.broker import make_broker
from shared.persistence.relay import Relay
from tests.credential_governance.stage import Stage, connected
from tests.waiting import until

SOON = timedelta(seconds=20)


async def publish(kafka: str, events: Sequence[Event]) -> None:
    """Send the events in order, each acknowledged at the end."""
    async with _producer(kafka) as producer:
        sent = []
        for event in events:
            encoded = encode(event)
            sent.append(
                await producer.send(encoded.topic, key=encoded.key, value=encoded.value, headers=encoded.headers)
            )
        await asyncio.gather(*sent)


async def publish_raw(kafka: str, topic: Topic, *, key: str, value: bytes | None) -> None:
    """Send bytes as they are."""
    async with _producer(kafka) as producer:
        await producer.send_and_wait(topic.name, key=key.encode(), value=value)


@asynccontextmanager
async def _producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def on_topic(kafka: str, name: str) -> list[Any]:
    """Every record on the topic."""
    consumer = AIOKafkaConsumer(name, bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        records: list[Any] = []
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                records += batch
    finally:
        await consumer.stop()
    return records


async def announced_to(kafka: str, tenant: str) -> list[Event]:
    """Everything of the tenant on `credential.lifecycle`, in order."""
    records = await on_topic(kafka, CREDENTIAL_LIFECYCLE.name)
    events = [decode(CREDENTIAL_LIFECYCLE, value=r.value, headers=r.headers) for r in records]
    return [event for event in events if event.tenantid == tenant]


async def arrived(kafka: str, tenant: str, enough: Callable[[list[Event]], bool], *, what: str) -> list[Event]:
    """Wait until enough was announced to the tenant and return it."""
    seen: list[Event] = []

    async def there() -> bool:
        seen[:] = await announced_to(kafka, tenant)
        return enough(seen)

    await until(there, within=SOON, what=what)
    return seen


@asynccontextmanager
async def consuming(stage: Stage, kafka: str) -> AsyncIterator[None]:
    """Let one member of the consumer group take events in."""
    async with connected(stage.dsn) as database:
        broker = make_broker(kafka, client_id="governance")
        handlers.register(broker, database=database, clock=SystemClock())
        await broker.start()
        try:
            yield
        finally:
            await broker.stop()


@asynccontextmanager
async def relaying(stage: Stage, kafka: str) -> AsyncIterator[None]:
    """Let announcements leave."""
    relay = Relay(dsn=stage.relay_dsn, bootstrap_servers=kafka, service="credential_governance")
    async with running(relay.run):
        yield


@asynccontextmanager
async def running(work: Callable[[], Awaitable[Any]]) -> AsyncIterator[None]:
    """Run the loop beside the block."""
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
