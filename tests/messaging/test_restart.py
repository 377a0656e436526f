"""A broker that is killed and started again under a consumer and a publisher: counted, nothing lost or doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from nuxari_events.client import BrokerUnavailableError, EventPublisher
from nuxari_events.envelope import Event
from nuxari_events.topics import ACCESS_ACTIVITY

from shared.embedded.kafka import EmbeddedKafka
from shared.messaging import dead_letters
from shared.messaging.broker import make_broker
from shared.messaging.provision import apply_topics
from shared.messaging.subscription import Subscription
from shared.messaging.transactional import subscribe
from shared.persistence.database import Database
from tests.messaging.stage import Stage, a_sign_in, applied, note, set_the_stage
from tests.waiting import until

SOON = timedelta(seconds=60)
TENANTS = [f"t{n}" for n in range(8)]


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    server = EmbeddedKafka(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def stage(broker: EmbeddedKafka, fresh_database: str) -> Stage:
    await apply_topics(broker.address, within=timedelta(seconds=30))
    return await set_the_stage(broker.address, fresh_database)


@pytest.fixture
async def members(stage: Stage) -> AsyncIterator[list[Subscription]]:
    """Two members of one group on `access.activity`."""
    async with AsyncExitStack() as exits:
        joined = []
        for number in range(2):
            database = Database(stage.dsn, name=f"member-{number}")
            await database.open()
            exits.push_async_callback(database.close)
            kafka = make_broker(stage.bootstrap_servers, client_id=f"member-{number}")
            joined.append(
                subscribe(kafka, topics=[ACCESS_ACTIVITY], consumer=stage.group, database=database, apply=note)
            )
            await kafka.start()
            exits.push_async_callback(kafka.stop)
        yield joined


class Source:
    """Publishes one event after the other, each until it is acknowledged, and remembers them."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.published: list[Event] = []
        self.refused = 0
        self.enough = asyncio.Event()

    async def run(self) -> None:
        async with EventPublisher(self._address, delivery_within=timedelta(seconds=2)) as publisher:
            while not self.enough.is_set():
                await self._publish(publisher, a_sign_in(tenant=TENANTS[len(self.published) % len(TENANTS)]))

    async def _publish(self, publisher: EventPublisher, event: Event) -> None:
        while True:
            try:
                await publisher.publish(event)
            except BrokerUnavailableError:
                self.refused += 1
            else:
                self.published.append(event)
                return

    async def goes_on(self, count: int) -> None:
        wanted = len(self.published) + count
        await until(lambda: len(self.published) >= wanted, within=SOON, what=f"{count} more events published")


async def test_a_broker_that_is_killed_twice_loses_and_doubles_nothing(
    broker: EmbeddedKafka, stage: Stage, members: list[Subscription]
) -> None:
    source = Source(broker.address)
    async with asyncio.TaskGroup() as tasks:
        publishing = tasks.create_task(source.run())
        for _ in range(2):
            await source.goes_on(200)
            broker.child.kill()
            await until(lambda: source.refused > 0, within=SOON, what="the publisher notices")
            source.refused = 0
            await asyncio.to_thread(broker.start)
        await source.goes_on(200)
        source.enough.set()
        await publishing

    done = await _all_applied(stage, source.published)

    assert Counter(done) == Counter((event.tenantid, event.id) for event in source.published)
    for tenant in TENANTS:
        assert [i for t, i in done if t == tenant] == [e.id for e in source.published if e.tenantid == tenant]
    assert await dead_letters.read(stage.bootstrap_servers, topics=[ACCESS_ACTIVITY]) == []
    assert not any(member.failing or member.halted for member in members)


async def _all_applied(stage: Stage, events: list[Event]) -> list[tuple[str, str]]:
    wanted = {(event.tenantid, event.id) for event in events}

    async def arrived() -> bool:
        return wanted <= set(await applied(stage))

    await until(arrived, within=SOON, what=f"{len(events)} events applied")
    return await applied(stage)
