"""The relay on a real Kafka and PostgreSQL: every announcement leaves, in order, whatever dies; shown by counting."""

from __future__ import annotations

import asyncio
import json
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7
from nuxari_events.topics import ACCESS_ACTIVITY
from nuxari_events.wire import encode

from shared.embedded.kafka import EmbeddedKafka
from shared.messaging.broker import make_broker
from shared.messaging.provision import apply_topics
from shared.messaging.transactional import subscribe
from shared.persistence import relay as relay_module
from shared.persistence.database import Database
from shared.persistence.relay import Relay
from tests.messaging.proxy import Proxy
from tests.messaging.stage import SERVICE, Stage, a_sign_in, applied, note, set_the_stage
from tests.waiting import until

SOON = timedelta(seconds=40)
SCRIPT = Path(__file__).with_name("relay_process.py")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """A Kafka that the tests of this module may kill."""
    server = EmbeddedKafka(tmp_path_factory.mktemp("own-kafka"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def stage(broker: EmbeddedKafka, fresh_database: str) -> Stage:
    await apply_topics(broker.address, within=timedelta(seconds=30))
    return await set_the_stage(broker.address, fresh_database)


@pytest.fixture
async def database(stage: Stage) -> AsyncIterator[Database]:
    database = Database(stage.dsn, name="announcer")
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def tenant() -> str:
    """A tenant that only this test has: its announcements lie in one partition."""
    return f"t-{uuid7()}"


@asynccontextmanager
async def relaying(stage: Stage, *, dsn: str | None = None) -> AsyncIterator[Relay]:
    relay = Relay(dsn=dsn or stage.relay_dsn, bootstrap_servers=stage.bootstrap_servers, service=SERVICE)
    running = asyncio.create_task(relay.run())
    try:
        yield relay
    finally:
        running.cancel()
        await asyncio.wait([running])
    assert running.cancelled(), running.exception()


@asynccontextmanager
async def relay_process(stage: Stage, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(sys.executable, SCRIPT, env=stage.environment() | environment)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def announce(database: Database, events: Sequence[Event]) -> None:
    """In transactions of a few events."""
    for start in range(0, len(events), 7):
        async with database.transaction(events[0].tenantid) as transaction:
            for event in events[start : start + 7]:
                transaction.announce(event)


async def published(stage: Stage, tenant: str) -> list[str]:
    """The ids of what lies on the topic of this tenant, in order, as often as it lies there."""
    consumer = AIOKafkaConsumer(bootstrap_servers=stage.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    try:
        partitions = [TopicPartition(ACCESS_ACTIVITY.name, n) for n in range(ACCESS_ACTIVITY.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records = []
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                found = await consumer.getmany(partition, timeout_ms=500)
                records += found.get(partition, [])
        return [json.loads(record.value)["id"] for record in records if record.key == tenant.encode()]
    finally:
        await consumer.stop()


async def left_in_outbox(stage: Stage) -> int:
    return int(await _asked(stage, "select count(*) from outbox"))


async def relays(stage: Stage, *, waiting: bool) -> int:
    """How many relays hold the lock, or wait for it."""
    query = (
        "select count(*) from pg_locks where locktype = 'advisory' and objid = $1 and granted = $2"
        " and database = (select oid from pg_database where datname = current_database())"
    )
    return int(await _asked(stage, query, relay_module._ONE_RELAY, not waiting))


async def _asked(stage: Stage, query: str, *arguments: object) -> int:
    connection = await asyncpg.connect(stage.admin_dsn)
    try:
        return int(await connection.fetchval(query, *arguments))
    finally:
        await connection.close()


async def has_left(stage: Stage) -> None:
    async def is_empty() -> bool:
        return await left_in_outbox(stage) == 0

    await until(is_empty, within=SOON, what="an empty outbox")


async def test_a_relay_killed_between_send_and_deletion_sends_again_under_the_same_ids_and_consumers_drop_them(
    stage: Stage, database: Database, tenant: str
) -> None:
    events = [a_sign_in(tenant=tenant) for _ in range(60)]
    await announce(database, events)

    async with relay_process(stage, CRASH="after-send") as process:
        assert await asyncio.wait_for(process.wait(), 30) == 9
    assert await left_in_outbox(stage) == 60
    async with relaying(stage):
        await has_left(stage)

    assert Counter(await published(stage, tenant)) == {event.id: 2 for event in events}
    assert await applied_by_a_consumer(stage, tenant, count=60) == [event.id for event in events]


async def applied_by_a_consumer(stage: Stage, tenant: str, *, count: int) -> list[str]:
    """What of the tenant a consumer of the topic applies, with all of the topic read."""
    database, kafka = Database(stage.dsn, name="member"), make_broker(stage.bootstrap_servers, client_id="member")
    await database.open()
    member = subscribe(kafka, topics=[ACCESS_ACTIVITY], consumer=stage.group, database=database, apply=note)
    await kafka.start()

    async def has_read_all() -> bool:
        return member.lag() == 0 and len([t for t, _ in await applied(stage) if t == tenant]) >= count

    try:
        await until(has_read_all, within=SOON, what="the topic is read")
    finally:
        await kafka.stop()
        await database.close()
    return [event_id for t, event_id in await applied(stage) if t == tenant]


async def test_a_second_relay_waits_and_takes_over_when_the_first_one_is_killed(
    stage: Stage, database: Database, tenant: str
) -> None:
    first, second = ([a_sign_in(tenant=tenant) for _ in range(40)] for _ in range(2))

    async def one_holds() -> bool:
        return await relays(stage, waiting=False) == 1

    async def one_waits() -> bool:
        return await relays(stage, waiting=True) == 1

    async with relay_process(stage) as process:
        await until(one_holds, within=SOON, what="the first relay holds the lock")
        async with relaying(stage):
            await until(one_waits, within=SOON, what="the second relay waits")
            await announce(database, first)
            await has_left(stage)
            assert await relays(stage, waiting=True) == 1

            process.kill()
            await announce(database, second)
            await has_left(stage)

    assert await published(stage, tenant) == [event.id for event in first + second]


async def test_order_per_key_and_every_announcement_outlive_a_broker_that_is_killed(
    broker: EmbeddedKafka, stage: Stage, database: Database, tenant: str
) -> None:
    events = [a_sign_in(tenant=tenant) for _ in range(1500)]
    async with relaying(stage) as relay:
        await announce(database, events[:300])
        announcing = asyncio.create_task(announce(database, events[300:]))

        async def some_have_left() -> bool:
            return await left_in_outbox(stage) < 100 and announcing.done() is False

        await until(some_have_left, within=SOON, what="the relay is in the middle of its work")
        broker.child.kill()
        await announcing
        await until(lambda: relay.oldest_unsent > timedelta(seconds=1), within=SOON, what="announcements wait")
        await asyncio.to_thread(broker.start)
        await has_left(stage)

    ids = await published(stage, tenant)
    assert list(dict.fromkeys(ids)) == [event.id for event in events]


async def test_a_database_that_is_away_is_waited_for_and_said(stage: Stage, database: Database, tenant: str) -> None:
    events = [a_sign_in(tenant=tenant) for _ in range(40)]
    async with Proxy.before(stage.relay_dsn) as proxy, relaying(stage, dsn=proxy.dsn) as relay:
        await announce(database, events[:20])
        await has_left(stage)

        await proxy.cut()
        await announce(database, events[20:])
        await until(lambda: relay.oldest_unsent > timedelta(0), within=SOON, what="the relay says that it cannot look")
        assert await left_in_outbox(stage) == 20
        await proxy.mend()
        await has_left(stage)

    assert await published(stage, tenant) == [event.id for event in events]


async def test_a_commit_wakes_the_relay_at_once(
    stage: Stage, database: Database, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "POLL", timedelta(hours=1))
    event = a_sign_in(tenant=tenant)
    async with relaying(stage):
        await announce(database, [a_sign_in(tenant=tenant)])
        await has_left(stage)

        await announce(database, [event])
        await has_left(stage)

    assert (await published(stage, tenant))[-1] == event.id


async def test_an_announcement_that_woke_nobody_leaves_at_the_next_poll(stage: Stage, tenant: str) -> None:
    event = a_sign_in(tenant=tenant)
    async with relaying(stage):

        async def one_holds() -> bool:
            return await relays(stage, waiting=False) == 1

        await until(one_holds, within=SOON, what="the relay runs")
        await put_silently(stage, event)
        await has_left(stage)

    assert await published(stage, tenant) == [event.id]


async def put_silently(stage: Stage, event: Event) -> None:
    """Write the row as the outbox does, without its notification."""
    encoded = encode(event)
    headers = json.dumps({name: value.decode() for name, value in encoded.headers})
    connection = await asyncpg.connect(stage.admin_dsn)
    try:
        await connection.execute(
            "insert into outbox (aggregatetype, aggregateid, type, event_id, tenant_id, message_key, payload, headers)"
            " values ($1, $2, $3, $4, $5, $6, $7, $8)",
            *(encoded.topic, event.subject, event.type, event.id, event.tenantid),
            *(encoded.key.decode(), encoded.value.decode(), headers),
        )
    finally:
        await connection.close()
