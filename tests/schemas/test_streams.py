"""What the streams promise, on a real broker."""

from __future__ import annotations

import asyncio
import dataclasses
import subprocess
import sys
import time
from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from nuxari_events.alerts import AlertRaised
from nuxari_events.client import AlertStream, BrokerRefusedError, EventPublisher, EventStream
from nuxari_events.client.streams import Alert
from nuxari_events.ids import uuid7
from nuxari_events.topics import ACCESS_ACTIVITY, SECURITY_ALERTS, Topic
from nuxari_events.wire import encode

from tests.schemas.conftest import AnAlert
from tests.schemas.golden import SIGN_IN, golden_event, golden_text
from tests.unreadable import put_unreadable

SOON = timedelta(seconds=1)


class CrashError(Exception):
    """What a caller's handling may end with."""


async def ids(stream: EventStream[Any], tenant: str) -> list[str]:
    """The ids of the tenant's events until the stream ends by itself."""
    return [event.id async for event in stream if event.tenantid == tenant]


@pytest.fixture
async def topic(kafka: str) -> Topic:
    """A topic of alerts that only this test has."""
    own = dataclasses.replace(SECURITY_ALERTS, name=f"alerts-{uuid7()}")
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(own.name, own.partitions, 1)])
    finally:
        await admin.close()
    return own


async def put(kafka: str, topic: Topic, *messages: tuple[bytes | None, list[tuple[str, bytes]]]) -> None:
    """Put raw messages into one partition, in order."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for value, headers in messages:
            await producer.send_and_wait(topic.name, key=b"k", value=value, headers=headers)
    finally:
        await producer.stop()


def raw(alert: AlertRaised) -> tuple[bytes, list[tuple[str, bytes]]]:
    encoded = encode(alert)
    return encoded.value, encoded.headers


# --- without a group


async def test_what_is_published_after_entry_is_read(broker: str, publisher: EventPublisher, an_alert: AnAlert) -> None:
    early, late = an_alert(), an_alert()
    await publisher.publish(early)

    async with AlertStream(broker) as alerts:
        await publisher.publish(late)
        found = [alert async for alert in _until(alerts, late)]

    assert early.id not in {alert.id for alert in found}
    assert found[-1] == late


async def _until(stream: AlertStream, last: Alert) -> Any:
    async for alert in stream:
        yield alert
        if alert.id == last.id:
            return


async def test_from_the_beginning_all_of_a_tenant_comes_in_order(
    broker: str, publisher: EventPublisher, an_alert: AnAlert, tenant: str
) -> None:
    alerts = [an_alert() for _ in range(300)]
    await publisher.publish_many(alerts)

    async with AlertStream(broker, from_beginning=True, idle_exit=SOON) as stream:
        assert await ids(stream, tenant) == [alert.id for alert in alerts]


async def test_an_idle_stream_ends_by_itself_once_all_was_read(kafka: str, topic: Topic, an_alert: AnAlert) -> None:
    await put(kafka, topic, *[raw(an_alert()) for _ in range(50)])

    async with EventStream[Alert](topic, kafka, from_beginning=True, idle_exit=timedelta(0)) as stream:
        assert len([alert async for alert in stream]) == 50

    started = time.monotonic()
    async with EventStream[Alert](topic, kafka, idle_exit=SOON) as stream:
        assert [alert async for alert in stream] == []
    assert time.monotonic() - started >= SOON.total_seconds()


async def test_a_stream_of_another_topic_is_the_same(broker: str, publisher: EventPublisher, tenant: str) -> None:
    event = golden_event(SIGN_IN, tenantid=tenant)

    async with EventStream[Any](ACCESS_ACTIVITY, broker, idle_exit=SOON) as stream:
        await publisher.publish(event)
        assert await ids(stream, tenant) == [event.id]


async def test_two_readers_without_a_group_both_get_everything(kafka: str, topic: Topic, an_alert: AnAlert) -> None:
    async with (
        EventStream[Alert](topic, kafka, idle_exit=SOON) as one,
        EventStream[Alert](topic, kafka, idle_exit=SOON) as other,
    ):
        await put(kafka, topic, *[raw(an_alert()) for _ in range(10)])
        read = await asyncio.gather(_all(one), _all(other))

    assert [len(part) for part in read] == [10, 10]


async def _all(stream: EventStream[Alert]) -> list[Alert]:
    return [alert async for alert in stream]


# --- what is no event


async def test_what_is_no_event_is_skipped_and_counted(
    kafka: str, topic: Topic, an_alert: AnAlert, tenant: str
) -> None:
    first, last = an_alert(), an_alert()
    newer = encode(an_alert()).value.replace(b"alert_raised.v1", b"alert_raised.v9")
    broken = [b"hello", None, b"[" * 5000, b"{}", b"\xff"]
    await put(
        kafka,
        topic,
        raw(first),
        *[(value, []) for value in broken],
        (encode(first).value, [("content-type", b"\xff")]),
        (newer, []),
        (golden_text(SIGN_IN), []),
        raw(last),
    )

    async with EventStream[Alert](topic, kafka, from_beginning=True, idle_exit=SOON) as stream:
        assert await ids(stream, tenant) == [first.id, last.id]

    assert (stream.malformed, stream.unknown) == (6, 2)


async def test_a_header_name_that_is_not_utf_8_is_stepped_over(
    kafka: str, topic: Topic, group: str, an_alert: AnAlert, tenant: str
) -> None:
    first, between, last = an_alert(), an_alert(), an_alert()
    await put(kafka, topic, raw(first))
    await put_unreadable(kafka, topic.name, count=2)
    await put(kafka, topic, raw(between))
    await put_unreadable(kafka, topic.name, count=1)
    await put(kafka, topic, raw(last))

    async with EventStream[Alert](topic, kafka, group=group, from_beginning=True, idle_exit=SOON) as stream:
        assert await ids(stream, tenant) == [first.id, between.id, last.id]
        assert stream.malformed == 3

    async with EventStream[Alert](topic, kafka, group=group, idle_exit=SOON) as stream:
        assert await ids(stream, tenant) == []


# --- with a group


async def test_an_alert_that_the_handling_crashed_on_comes_again(
    kafka: str, topic: Topic, group: str, an_alert: AnAlert, tenant: str
) -> None:
    handled, crashed_on, after = an_alert(), an_alert(), an_alert()
    await put(kafka, topic, raw(handled), raw(crashed_on), raw(after))

    async def crash() -> None:
        async with EventStream[Alert](topic, kafka, group=group, from_beginning=True) as stream:
            async for alert in stream:
                if alert.id == crashed_on.id:
                    raise CrashError

    with pytest.raises(CrashError):
        await crash()

    async with EventStream[Alert](topic, kafka, group=group, idle_exit=SOON) as stream:
        assert await ids(stream, tenant) == [crashed_on.id, after.id]
    async with EventStream[Alert](topic, kafka, group=group, idle_exit=SOON) as stream:
        assert await ids(stream, tenant) == []


_READER = """
import asyncio, sys
from nuxari_events.client import EventStream
from nuxari_events.topics import SECURITY_ALERTS
from dataclasses import replace

async def read(servers, topic, group):
    async with EventStream(replace(SECURITY_ALERTS, name=topic), servers, group=group, from_beginning=True) as stream:
        async for alert in stream:
            print(alert.id, flush=True)
            await asyncio.to_thread(sys.stdin.readline)

asyncio.run(read(*sys.argv[1:]))
"""


async def test_an_alert_that_a_killed_process_had_in_hand_comes_again(
    kafka: str, topic: Topic, group: str, an_alert: AnAlert, tenant: str
) -> None:
    handled, in_hand = an_alert(), an_alert()
    await put(kafka, topic, raw(handled), raw(in_hand))
    command = [sys.executable, "-c", _READER, kafka, topic.name, group]
    reader = await asyncio.create_subprocess_exec(*command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert reader.stdin is not None
    assert reader.stdout is not None
    assert await reader.stdout.readline() == f"{handled.id}\n".encode()
    reader.stdin.write(b"\n")
    assert await reader.stdout.readline() == f"{in_hand.id}\n".encode()
    reader.kill()
    await reader.wait()
    reader.stdin.close()

    async with EventStream[Alert](topic, kafka, group=group, idle_exit=SOON) as stream:
        found = await ids(stream, tenant)

    assert found[-1] == in_hand.id


async def test_an_acknowledged_alert_does_not_come_again(
    kafka: str, topic: Topic, group: str, an_alert: AnAlert, tenant: str
) -> None:
    one, other = an_alert(), an_alert()
    await put(kafka, topic, raw(one), raw(other))

    async with EventStream[Alert](topic, kafka, group=group, from_beginning=True) as stream:
        assert (await anext(stream)).id == one.id
        await stream.acknowledge()

    async with EventStream[Alert](topic, kafka, group=group, idle_exit=SOON) as stream:
        assert await ids(stream, tenant) == [other.id]


async def test_an_alert_that_was_left_unacknowledged_comes_again(
    kafka: str, topic: Topic, group: str, an_alert: AnAlert, tenant: str
) -> None:
    one = an_alert()
    await put(kafka, topic, raw(one))

    async with EventStream[Alert](topic, kafka, group=group, from_beginning=True) as stream:
        assert (await anext(stream)).id == one.id

    async with EventStream[Alert](topic, kafka, group=group, idle_exit=SOON) as stream:
        assert await ids(stream, tenant) == [one.id]


async def test_a_group_goes_on_from_its_first_entry_even_if_it_read_nothing_then(
    kafka: str, topic: Topic, group: str, an_alert: AnAlert, tenant: str
) -> None:
    before, between = an_alert(), an_alert()
    await put(kafka, topic, raw(before))
    async with EventStream[Alert](topic, kafka, group=group):
        pass
    await put(kafka, topic, raw(between))

    async with EventStream[Alert](topic, kafka, group=group, idle_exit=SOON) as stream:
        assert await ids(stream, tenant) == [between.id]


async def test_members_of_a_group_share_the_alerts_and_lose_none_when_one_goes(
    kafka: str, topic: Topic, group: str, an_alert: AnAlert
) -> None:
    alerts = [an_alert(of=f"tenant-{number}") for number in range(60)]
    stays = EventStream[Alert](topic, kafka, group=group, from_beginning=True, idle_exit=timedelta(seconds=4))
    goes = EventStream[Alert](topic, kafka, group=group, from_beginning=True)

    async def read_five() -> list[Alert]:
        async with goes:
            both_are_in.set()
            return [await anext(goes) for _ in range(5)]

    both_are_in = asyncio.Event()
    async with stays:
        leaving = asyncio.create_task(read_five())
        await both_are_in.wait()
        await put_keyed(kafka, topic, alerts)
        rest = await _all(stays)

    seen = {alert.id for alert in await leaving} | {alert.id for alert in rest}
    assert seen == {alert.id for alert in alerts}
    assert goes.malformed == stays.malformed == 0


async def put_keyed(kafka: str, topic: Topic, alerts: list[AlertRaised]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for encoded in map(encode, alerts):
            await producer.send_and_wait(topic.name, key=encoded.key, value=encoded.value, headers=encoded.headers)
    finally:
        await producer.stop()


# --- misuse


async def test_a_stream_is_used_inside_its_context(broker: str) -> None:
    with pytest.raises(RuntimeError, match="async with"):
        await anext(AlertStream(broker))


async def test_a_topic_that_is_not_there_is_refused(kafka: str) -> None:
    missing = dataclasses.replace(SECURITY_ALERTS, name=f"missing-{uuid7()}")

    with pytest.raises(BrokerRefusedError, match="no topic missing-"):
        async with EventStream[Alert](missing, kafka):
            pass
