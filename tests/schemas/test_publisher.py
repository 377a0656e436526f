"""What the publisher promises, on a real broker."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from nuxari_events.client import EventPublisher, NotPublishedError, Receipt
from nuxari_events.topics import ACCESS_ACTIVITY, SECURITY_ALERTS
from nuxari_events.wire import MalformedEventError, decode

from tests.schemas.conftest import AnAlert
from tests.schemas.golden import ALERT, SIGN_IN, golden_event

# Hashes of Kafka's own murmur2, from the tests of org.apache.kafka.common.utils.Utils.
JAVA_MURMUR2 = {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "abc": 479470107}


async def records_at(broker: str, receipts: list[Receipt]) -> list[Any]:
    """The records that lie at the places, read with a plain consumer."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker)
    await consumer.start()
    try:
        return [await _record_at(consumer, receipt) for receipt in receipts]
    finally:
        await consumer.stop()


async def _record_at(consumer: AIOKafkaConsumer, receipt: Receipt) -> Any:
    partition = TopicPartition(receipt.topic, receipt.partition)
    consumer.assign([partition])
    consumer.seek(partition, receipt.offset)
    return await consumer.getone(partition)


def too_large() -> Any:
    alert: Any = golden_event(ALERT)
    wide = alert.data.evidence[0].model_copy(update={"role": "\N{GRINNING FACE}" * 256, "source": "/" * 256})
    return alert.model_copy(update={"data": alert.data.model_copy(update={"evidence": (wide,) * 200})})


async def test_a_published_event_lies_where_the_receipt_says(
    broker: str, publisher: EventPublisher, tenant: str
) -> None:
    event = golden_event(SIGN_IN, tenantid=tenant)

    receipt = await publisher.publish(event)

    (record,) = await records_at(broker, [receipt])
    assert receipt.topic == "access.activity"
    assert record.key == tenant.encode()
    assert decode(ACCESS_ACTIVITY, value=record.value, headers=record.headers) == event
    assert dict(record.headers)["content-type"] == b"application/cloudevents+json"


@pytest.mark.parametrize(("tenant_id", "java_hash"), JAVA_MURMUR2.items())
async def test_a_tenant_s_partition_is_the_one_that_java_clients_choose(
    publisher: EventPublisher, tenant_id: str, java_hash: int
) -> None:
    receipt = await publisher.publish(golden_event(SIGN_IN, tenantid=tenant_id))

    assert receipt.partition == (java_hash & 0x7FFFFFFF) % ACCESS_ACTIVITY.partitions


@pytest.mark.parametrize("compression", [None, "gzip"])
async def test_many_events_keep_their_order_within_a_tenant(broker: str, an_alert: AnAlert, compression: Any) -> None:
    tenants = [an_alert().tenantid + suffix for suffix in ("-a", "-b", "-c")]
    alerts = [an_alert(of=tenants[number % 3]) for number in range(600)]

    async with EventPublisher(broker, compression=compression) as publisher:
        receipts = await publisher.publish_many(alerts, in_flight=50)

    places = {tenant: [r for a, r in zip(alerts, receipts, strict=True) if a.tenantid == tenant] for tenant in tenants}
    assert all(len({receipt.partition for receipt in of_one}) == 1 for of_one in places.values())
    assert all(of_one == sorted(of_one) for of_one in places.values())
    records = await records_at(broker, [receipts[0], receipts[299], receipts[-1]])
    read = [decode(SECURITY_ALERTS, value=record.value, headers=record.headers) for record in records]
    assert read == [alerts[0], alerts[299], alerts[-1]]


async def test_nothing_to_publish_is_published(publisher: EventPublisher) -> None:
    assert await publisher.publish_many([]) == []


async def test_an_event_that_is_too_large_is_refused_before_it_is_sent(publisher: EventPublisher) -> None:
    with pytest.raises(MalformedEventError, match="too-large"):
        await publisher.publish(too_large())


async def test_an_event_that_is_refused_holds_up_no_other(
    broker: str, publisher: EventPublisher, an_alert: AnAlert
) -> None:
    first, wrong, last = an_alert(), too_large(), an_alert()
    before = await publisher.publish(an_alert())

    with pytest.raises(NotPublishedError) as caught:
        await publisher.publish_many([first, wrong, last])

    (failure,) = caught.value.failures
    assert failure.event is wrong
    assert isinstance(failure.error, MalformedEventError)
    places = [Receipt(before.topic, before.partition, before.offset + number) for number in (1, 2)]
    read = [decode(SECURITY_ALERTS, value=record.value) for record in await records_at(broker, places)]
    assert read == [first, last]


async def test_an_error_in_the_caller_s_events_is_the_caller_s(publisher: EventPublisher, an_alert: AnAlert) -> None:
    def events() -> Any:
        yield an_alert()
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await publisher.publish_many(events())


async def test_a_publisher_is_used_inside_its_context(broker: str, an_alert: AnAlert) -> None:
    publisher = EventPublisher(broker)
    with pytest.raises(RuntimeError, match="async with"):
        await publisher.publish(an_alert())

    async with publisher:
        await publisher.publish(an_alert())
    with pytest.raises(RuntimeError, match="async with"):
        await publisher.publish(an_alert())


async def test_settings_that_contradict_each_other_are_refused(broker: str) -> None:
    with pytest.raises(ValueError, match="ssl_context"):
        async with EventPublisher(broker, security_protocol="SSL", delivery_within=timedelta(seconds=1)):
            pass
