"""Pim between two topics on a real broker: identity's events in, pim's announcements out, each once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7
from nuxari_events.pim import ActivationEnded, EligibilityEnded, RoleActivated
from nuxari_events.topics import PIM_LIFECYCLE
from nuxari_events.wire import decode, encode

from services.pim import handlers
from services.pim.due import make_loop
from shared.clock import SystemClock
from shared.messaging.broker import make_broker
from shared.messaging.provision import apply_topics
from shared.persistence.relay import Relay
from tests.pim.stage import Stage, connected, user_activated, user_deactivated
from tests.waiting import until

SOON = timedelta(seconds=20)


@pytest.fixture
async def topics(kafka: str) -> str:
    await apply_topics(kafka, replication_factor=1)
    return kafka


@pytest.fixture
def tenant() -> str:
    return f"t-{uuid7()[-12:]}"


async def _publish(kafka: str, events: Sequence[Event]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True)
    await producer.start()
    try:
        for event in events:
            encoded = encode(event)
            await producer.send_and_wait(encoded.topic, key=encoded.key, value=encoded.value, headers=encoded.headers)
    finally:
        await producer.stop()


async def _on_topic(kafka: str, tenant: str) -> list[Event]:
    """Everything of the tenant on `pim.lifecycle`, in order."""
    consumer = AIOKafkaConsumer(
        PIM_LIFECYCLE.name, bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        events: list[Event] = []
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                events += [decode(PIM_LIFECYCLE, value=r.value, headers=r.headers) for r in records]
    finally:
        await consumer.stop()
    return [event for event in events if event.tenantid == tenant]


async def _arrived(kafka: str, tenant: str, enough: Callable[[list[Event]], bool]) -> list[Event]:
    seen: list[Event] = []

    async def there() -> bool:
        seen[:] = await _on_topic(kafka, tenant)
        return enough(seen)

    await until(there, within=SOON, what="pim's announcements")
    return seen


@asynccontextmanager
async def _consuming(stage: Stage, kafka: str) -> AsyncIterator[None]:
    async with connected(stage.dsn) as database:
        broker = make_broker(kafka, client_id="pim")
        handlers.register(broker, database=database, clock=SystemClock())
        await broker.start()
        try:
            yield
        finally:
            await broker.stop()


@asynccontextmanager
async def _running(work: Callable[[], Awaitable[Any]]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _relay(stage: Stage, kafka: str) -> Relay:
    return Relay(dsn=stage.relay_dsn, bootstrap_servers=kafka, service="pim")


async def _status(stage: Stage, tenant: str) -> str | None:
    rows = await stage.rows("select status from projected_user where tenant_id = $1", tenant)
    return rows[0]["status"] if rows else None


async def _known(stage: Stage, tenant: str, status: str) -> None:
    async def is_known() -> bool:
        return await _status(stage, tenant) == status

    await until(is_known, within=SOON, what=f"the user is {status}")


def _of(events: Sequence[Event], cls: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, cls)]


async def test_a_leavers_activations_and_eligibilities_end_and_a_replay_announces_nothing_twice(
    stage: Stage, topics: str, tenant: str
) -> None:
    now = SystemClock().now()
    stage.clock.advance(now - stage.now)
    joined = user_activated("ada", at=now - timedelta(hours=1), tenant=tenant)
    left = user_deactivated("ada", at=now + timedelta(seconds=1), tenant=tenant)
    async with _consuming(stage, topics), _running(_relay(stage, topics).run):
        await _publish(topics, [joined, joined])
        await _known(stage, tenant, "active")
        eligibility = await stage.grants(tenant=tenant)
        await stage.active(eligibility.eligibility_id, tenant=tenant)  # type: ignore[union-attr]
        await _publish(topics, [left, joined, left])
        await _known(stage, tenant, "deactivated")
        await _arrived(topics, tenant, lambda e: bool(_of(e, EligibilityEnded)))
        after = user_activated("zoe", at=now, tenant=tenant)
        await _publish(topics, [left, after])

        async def zoe_is_known() -> bool:
            return bool(await stage.rows("select 1 from projected_user where user_id = 'zoe'"))

        await until(zoe_is_known, within=SOON, what="the last event applied")
        events = await _on_topic(topics, tenant)
    assert len(_of(events, ActivationEnded)) == len(_of(events, EligibilityEnded)) == 1
    assert [event.causationid for event in events[-2:]] == [left.id, left.id]


async def test_an_activation_ends_by_itself_within_half_a_second_and_never_early(
    stage: Stage, topics: str, tenant: str
) -> None:
    clock = SystemClock()
    await stage.learn(user_activated("ada", at=clock.now(), tenant=tenant))
    stage.clock.advance(clock.now() - stage.now)
    eligibility = await stage.grants(tenant=tenant)
    stage.clock.advance(clock.now() - stage.now)
    for n in range(5):
        await stage.active(
            eligibility.eligibility_id,  # type: ignore[union-attr]
            duration=timedelta(seconds=1 + n / 7),
            tenant=tenant,
        )
    async with connected(stage.dsn) as database, _running(make_loop(database, clock=clock).run):

        async def over() -> bool:
            return len(await stage.ends(tenant=tenant)) == 5

        await until(over, within=SOON, what="five expiries")
    rows = await stage.rows(
        "select o.created_at - a.ends_at as late from outbox o join activation a on o.payload like"
        " '%\"activation_id\":\"' || a.activation_id || '%' where o.type like '%activation_ended%'"
    )
    lateness = [row["late"] for row in rows]
    assert len(lateness) == 5
    assert timedelta(0) <= min(lateness)
    assert max(lateness) < timedelta(seconds=0.5)


async def test_what_was_committed_before_a_crash_is_announced_after_it(stage: Stage, topics: str, tenant: str) -> None:
    eligibility = await stage.eligible(tenant=tenant)
    activation = await stage.active(eligibility.eligibility_id, tenant=tenant)
    assert await _on_topic(topics, tenant) == []
    async with _running(_relay(stage, topics).run):
        events = await _arrived(topics, tenant, lambda e: bool(_of(e, RoleActivated)))
    assert [e.data.activation_id for e in events if isinstance(e, RoleActivated)] == [activation.activation_id]


async def test_a_relay_that_dies_after_sending_sends_again_under_the_same_id(
    stage: Stage, topics: str, tenant: str
) -> None:
    eligibility = await stage.eligible(tenant=tenant)
    await stage.active(eligibility.eligibility_id, tenant=tenant)
    producer = AIOKafkaProducer(bootstrap_servers=topics)
    await producer.start()
    connection = await asyncpg.connect(stage.relay_dsn)
    try:
        dying = connection.transaction()
        await dying.start()
        await _relay(stage, topics).drain_once(connection, producer.send)
        await dying.rollback()
    finally:
        await connection.close()
        await producer.stop()
    async with _running(_relay(stage, topics).run):
        events = await _arrived(topics, tenant, lambda e: len(_of(e, RoleActivated)) == 2)
    assert len({event.identity for event in _of(events, RoleActivated)}) == 1


async def test_what_was_not_committed_is_never_announced(stage: Stage, topics: str, tenant: str) -> None:
    eligibility = await stage.eligible(tenant=tenant)
    stage.database, kept = Crashing(stage.database), stage.database  # type: ignore[assignment]
    with pytest.raises(ZeroDivisionError):
        await stage.active(eligibility.eligibility_id, tenant=tenant)
    stage.database = kept
    await stage.active(eligibility.eligibility_id, tenant=tenant)
    async with _running(_relay(stage, topics).run):
        events = await _arrived(topics, tenant, lambda e: bool(_of(e, RoleActivated)))
    assert len(_of(events, RoleActivated)) == 1


class Crashing:
    """A database whose transactions die at the last moment before the commit."""

    def __init__(self, database: Any) -> None:
        self._database = database

    @asynccontextmanager
    async def transaction(self, tenant_id: str) -> AsyncIterator[Any]:
        async with self._database.transaction(tenant_id) as transaction:
            yield transaction
            await transaction.flush()
            raise ZeroDivisionError
