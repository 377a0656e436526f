"""Identity between its topics on a real broker: pim's activations in, announcements and watermarks out."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from nuxari_events.envelope import Event
from nuxari_events.identity import RoleAssigned, RoleRevoked
from nuxari_events.roles import Role
from nuxari_events.topics import IDENTITY_LIFECYCLE
from nuxari_events.wire import decode, encode

from services.identity import due, handlers
from shared.access.tokens import Watermarks
from shared.clock import SystemClock
from shared.messaging.broker import make_broker
from shared.messaging.provision import apply_topics
from shared.messaging.watermark_feed import follow_watermarks
from shared.persistence.relay import Relay
from tests.identity.builders import HOUR, activation_ended, role_activated
from tests.identity.stage import Person, Stage
from tests.waiting import until

SOON = timedelta(seconds=20)
ADMIN = Role.CLIENT_ADMIN


@pytest.fixture
async def topics(kafka: str) -> str:
    await apply_topics(kafka, replication_factor=1)
    return kafka


@pytest.fixture
async def stage_of_today(stage: Stage) -> Stage:
    """The stage, at the time it is: brokers and loops know no other."""
    stage.clock.advance(SystemClock().now() - stage.now)
    return stage


@asynccontextmanager
async def running(stage: Stage, kafka: str) -> AsyncIterator[Watermarks]:
    """The service without its HTTP: consumer, relay and due work; yields what another service hears of watermarks."""
    marks = Watermarks()
    consumer, listener = make_broker(kafka, client_id="identity"), make_broker(kafka, client_id="another")
    handlers.register(consumer, database=stage.database, clock=SystemClock())
    feed = follow_watermarks(listener, marks, service="another")
    relay = Relay(dsn=stage.relay_dsn, bootstrap_servers=kafka, service="identity")
    async with contextlib.AsyncExitStack() as stack:
        for broker in (consumer, listener):
            await broker.start()
            stack.push_async_callback(broker.stop)
        await stack.enter_async_context(_going_on(relay.run))
        await stack.enter_async_context(_going_on(due.make_loop(stage.database, clock=SystemClock()).run))
        await until(lambda: feed.is_assigned() and feed.lag() == 0, within=SOON, what="the watermarks read")
        yield marks


@asynccontextmanager
async def _going_on(work: Callable[[], Awaitable[Any]]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def publish(kafka: str, events: Sequence[Event]) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True) as producer:
        for event in events:
            encoded = encode(event)
            await producer.send_and_wait(encoded.topic, key=encoded.key, value=encoded.value, headers=encoded.headers)


async def on_topic(kafka: str, tenant: str) -> list[Event]:
    """Everything of the tenant on `identity.lifecycle`, in order."""
    events: list[Event] = []
    async with AIOKafkaConsumer(
        IDENTITY_LIFECYCLE.name, bootstrap_servers=kafka, group_id=None, auto_offset_reset="earliest"
    ) as consumer:
        ends = await consumer.end_offsets(consumer.assignment())
        while any([await consumer.position(p) < end for p, end in ends.items()]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                events += [decode(IDENTITY_LIFECYCLE, value=r.value, headers=r.headers) for r in records]
    return [event for event in events if event.tenantid == tenant]


async def arrived(kafka: str, stage: Stage, kind: type[Event], *, about: str) -> list[Event]:
    """The tenant's announcements, once one of that kind about that activation is among them."""
    seen: list[Event] = []

    async def there() -> bool:
        seen[:] = await on_topic(kafka, stage.tenant)
        return any(isinstance(e, kind) and e.data.activation_id == about for e in seen)  # type: ignore[attr-defined]

    await until(there, within=SOON, what=f"{kind.__name__} about {about}")
    return seen


def of_activations(events: Sequence[Event]) -> list[tuple[str, str]]:
    return [
        (type(event).__name__, event.data.activation_id)
        for event in events
        if isinstance(event, RoleAssigned | RoleRevoked) and event.data.activation_id
    ]


async def test_activations_and_their_ends_are_carried_out_once_however_often_they_come(
    stage_of_today: Stage, topics: str
) -> None:
    stage, clock = stage_of_today, SystemClock()
    ada = await stage.a_person("ada", Role.REQUESTER, enrolled=False)
    about = {"tenant": stage.tenant, "role": ADMIN}
    begun = role_activated(ada.user_id, starts_at=clock.now(), ends_at=clock.now() + HOUR, activation_id="a1", **about)
    ended = activation_ended(ada.user_id, ended_at=clock.now(), activation_id="a1", **about)
    last = role_activated(ada.user_id, starts_at=clock.now(), ends_at=clock.now() + HOUR, activation_id="a2", **about)
    forged = begun.model_copy(update={"source": "/somebody/else", "id": "forged"})
    async with running(stage, topics):
        await publish(topics, [forged, begun, begun, ended, begun, ended, ended, last, begun, last])
        events = await arrived(topics, stage, RoleAssigned, about="a2")

    assert of_activations(events) == [("RoleAssigned", "a1"), ("RoleRevoked", "a1"), ("RoleAssigned", "a2")]
    assert len({event.id for event in events}) == len(events)


async def test_an_activation_that_nobody_ends_is_over_at_its_deadline_and_said_so_within_the_second(
    stage_of_today: Stage, topics: str
) -> None:
    stage, clock = stage_of_today, SystemClock()
    ada = await stage.a_person("ada", Role.REQUESTER, enrolled=False)
    begun = role_activated(
        ada.user_id, tenant=stage.tenant, starts_at=clock.now(), ends_at=clock.now() + timedelta(seconds=1)
    )
    async with running(stage, topics):
        await publish(topics, [begun])
        events = await arrived(topics, stage, RoleRevoked, about="activation-1")
    (row,) = await stage.rows(
        "select ended_at from role_assignment where assignment_id = $1 and tenant_id = $2", "activation-1", stage.tenant
    )

    assert row["ended_at"] == begun.data.ends_at
    assert events[-1].time == begun.data.ends_at
    assert clock.now() > begun.data.ends_at


async def test_a_lost_role_voids_the_token_in_another_service_within_a_second(
    stage_of_today: Stage, topics: str
) -> None:
    stage, clock = stage_of_today, SystemClock()
    olga = await stage.an_owner()
    people: list[Person] = [await stage.a_person(f"p{n}", Role.APPROVER, enrolled=False) for n in range(5)]
    grants = [await stage.signs_in(person) for person in people]
    late = []
    async with running(stage, topics) as marks:
        for person, grant in zip(people, grants, strict=True):
            before = clock.now()
            await stage.revokes(olga, person, Role.APPROVER)

            def is_void(
                user_id: str = person.user_id,
                session_id: str = grant.claims.session_id,
                issued_at: float = grant.issued_at.timestamp(),
            ) -> bool:
                return marks.voids(tenant_id=stage.tenant, user_id=user_id, session_id=session_id, issued_at=issued_at)

            assert not is_void()
            await until(is_void, within=SOON, what="a void token")
            late.append(clock.now() - before)

    assert sorted(late)[2] < timedelta(seconds=1)
