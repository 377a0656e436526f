"""Messages that aiokafka itself cannot read: after this, one of them does not stop a reader for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, TopicPartition

_FETCH_MS = 2000


async def step_over(consumer: AIOKafkaConsumer) -> int:
    """Move the consumer past every message it would read next whose header names are not UTF-8; return how many.

    Kafka takes any bytes for a header's name. aiokafka raises UnicodeDecodeError on them at each attempt and never
    moves on. Call this when it did, with a consumer that takes one record at a time (`max_records=1`): its position is
    then the unreadable message's.
    """
    return sum([await _step_over_one(consumer, partition) for partition in consumer.assignment()])


async def _step_over_one(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int:
    position = await consumer.position(partition)
    if position >= (consumer.highwater(partition) or 0):
        return 0  # nothing is left there, so it is not the one
    consumer.seek(partition, position)  # drops what was fetched, of which an error has used up a part
    try:
        await consumer.getmany(partition, timeout_ms=_FETCH_MS, max_records=1)
    except UnicodeDecodeError:
        consumer.seek(partition, position + 1)
        return 1
    consumer.seek(partition, position)
    return 0
