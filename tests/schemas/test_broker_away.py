"""What the client does while there is no broker: a clear error within its bound, or patience, and nothing lost."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import timedelta
from typing import Any

import pytest
import trustme
from aiokafka.admin import AIOKafkaAdminClient
from nuxari_events.client import AlertStream, BrokerRefusedError, BrokerUnavailableError, EventPublisher
from nuxari_events.ids import uuid7

from shared.embedded.child import free_port
from shared.embedded.kafka import EmbeddedKafka
from tests.schemas.conftest import AnAlert
from tests.waiting import until

Client = Callable[[str], AbstractAsyncContextManager[Any]]

BOUND = timedelta(seconds=1)
GRACE = 8.0
"""Beside the bound: asking why, giving up on what is under way, and a busy machine."""

CLIENTS = [
    pytest.param(lambda servers: EventPublisher(servers, connect_within=BOUND), id="publisher"),
    pytest.param(lambda servers: AlertStream(servers, connect_within=BOUND), id="stream"),
    pytest.param(lambda servers: AlertStream(servers, connect_within=BOUND, group="g"), id="stream of a group"),
]


@contextmanager
def in_time() -> Iterator[None]:
    started = time.monotonic()
    yield
    assert time.monotonic() - started < BOUND.total_seconds() + GRACE


@pytest.fixture
async def deaf() -> AsyncIterator[str]:
    """A server that takes connections and never answers."""

    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_broker_that_is_not_there_is_said_at_once(client: Client) -> None:
    address = f"127.0.0.1:{free_port()}"

    with in_time(), pytest.raises(BrokerUnavailableError, match=address):
        await client(address).__aenter__()


@pytest.mark.parametrize("client", CLIENTS)
async def test_a_broker_that_does_not_answer_is_said_within_the_bound(client: Client, deaf: str) -> None:
    with in_time(), pytest.raises(BrokerUnavailableError, match=deaf):
        await client(deaf).__aenter__()


async def test_tls_is_spoken_where_it_is_asked_for_and_the_certificate_is_checked() -> None:
    authority, greeted = trustme.CA(), asyncio.Event()
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(server_side)
    trusting, distrusting = ssl.create_default_context(), ssl.create_default_context()
    authority.configure_trust(trusting)

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.set()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server_side) as server:
        address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for context, trusts in ((distrusting, False), (trusting, True)):
            client = EventPublisher(address, security_protocol="SSL", ssl_context=context, connect_within=BOUND)
            with in_time(), pytest.raises(BrokerUnavailableError):
                await client.__aenter__()
            assert greeted.is_set() == trusts


async def test_a_broker_without_the_topic_is_told_from_one_that_is_away(
    own_kafka: EmbeddedKafka, an_alert: AnAlert
) -> None:
    await without_topic(own_kafka.address, "security.alerts")

    async with EventPublisher(own_kafka.address) as publisher:
        with in_time(), pytest.raises(BrokerRefusedError, match=r"no topic security\.alerts"):
            await publisher.publish(an_alert())

    with in_time(), pytest.raises(BrokerRefusedError, match=r"no topic security\.alerts"):
        await AlertStream(own_kafka.address).__aenter__()


async def without_topic(address: str, name: str) -> None:
    """Take a topic away and wait until the broker says so."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()

    async def is_gone() -> bool:
        return name not in await admin.list_topics()

    try:
        await admin.delete_topics([name])
        await until(is_gone, within=timedelta(seconds=10), what=f"{name} is gone")
    finally:
        await admin.close()


async def test_a_publisher_says_that_the_broker_went_away_and_goes_on_when_it_is_back(
    own_kafka: EmbeddedKafka, an_alert: AnAlert, tenant: str
) -> None:
    before, during, after = an_alert(), [an_alert() for _ in range(5)], an_alert()
    async with EventPublisher(own_kafka.address, delivery_within=BOUND) as publisher:
        await _published(publisher, before)
        own_kafka.stop()

        with in_time(), pytest.raises(BrokerUnavailableError):
            await publisher.publish(during[0])
        with in_time(), pytest.raises(BrokerUnavailableError) as caught:
            await publisher.publish_many(during)
        assert [failure.event for failure in caught.value.failures] == during

        own_kafka.start()
        await _published(publisher, after)

    async with AlertStream(own_kafka.address, from_beginning=True, idle_exit=BOUND) as alerts:
        found = [alert.id async for alert in alerts if alert.tenantid == tenant]
    assert found[0] == before.id
    assert found[-1] == after.id
    assert set(found) <= {alert.id for alert in [before, *during, after]}


async def _published(publisher: EventPublisher, alert: Any) -> None:
    """Publish, taking the advice of the error: again, with the same id, until the broker is there.

    Also where it never went away: for a moment after a topic was made, a busy broker does not lead its partitions yet.
    """
    deadline = time.monotonic() + 30
    while True:
        try:
            await publisher.publish(alert)
        except BrokerUnavailableError:
            assert time.monotonic() < deadline, "the broker is not back"
        else:
            return


async def test_leaving_a_publisher_whose_broker_is_away_is_bounded_and_leaves_nothing_running(
    own_kafka: EmbeddedKafka, an_alert: AnAlert
) -> None:
    running = asyncio.all_tasks()
    publisher = EventPublisher(own_kafka.address, delivery_within=BOUND)
    await publisher.__aenter__()
    await _published(publisher, an_alert())
    own_kafka.stop()
    with pytest.raises(BrokerUnavailableError):
        await publisher.publish_many([an_alert() for _ in range(100)])

    with in_time():
        await publisher.__aexit__(None, None, None)

    assert asyncio.all_tasks() == running


async def _next_of(stream: AlertStream, tenant: str) -> str:
    return await anext(alert.id async for alert in stream if alert.tenantid == tenant)


async def test_a_stream_waits_for_a_broker_that_restarts_and_misses_nothing(
    own_kafka: EmbeddedKafka, an_alert: AnAlert, tenant: str
) -> None:
    before, after = an_alert(), an_alert()
    group = f"g-{uuid7()}"
    async with AlertStream(own_kafka.address, group=group, from_beginning=True) as alerts:
        async with EventPublisher(own_kafka.address) as publisher:
            await publisher.publish(before)
        assert await _next_of(alerts, tenant) == before.id
        waiting = asyncio.ensure_future(_next_of(alerts, tenant))

        own_kafka.stop()
        own_kafka.start()
        async with EventPublisher(own_kafka.address) as publisher:
            await _published(publisher, after)

        assert await asyncio.wait_for(waiting, 30) == after.id
        await alerts.acknowledge()

    async with AlertStream(own_kafka.address, group=group, idle_exit=BOUND) as alerts:
        assert [alert async for alert in alerts] == []


async def test_an_idle_stream_whose_broker_is_away_does_not_say_that_it_read_all(
    own_kafka: EmbeddedKafka,
) -> None:
    stream = AlertStream(own_kafka.address, idle_exit=BOUND)
    async with stream:
        own_kafka.stop()

        with pytest.raises(BrokerUnavailableError):
            await asyncio.wait_for(anext(stream), 30)
