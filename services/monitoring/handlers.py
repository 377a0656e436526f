"""Kafka in: all streams, in batches, decoded, put in their place, correlated."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from aiokafka import TopicPartition
from aiokafka.partitioner import murmur2
from faststream.kafka import KafkaBroker
from nuxari_events.topics import (
    ACCESS_ACTIVITY,
    CREDENTIAL_LIFECYCLE,
    IDENTITY_LIFECYCLE,
    PARTITIONS,
    PIM_LIFECYCLE,
    Topic,
)
from nuxari_events.wire import MalformedEventError

from services.monitoring.decode import decode
from services.monitoring.domain.model import Fact
from services.monitoring.service.correlation import Correlation
from shared.messaging.reliability import DeadLetters, forward
from shared.messaging.subscription import Record, Subscription
from shared.telemetry import metrics

CONSUMER = "monitoring"

TOPICS: tuple[Topic, ...] = (IDENTITY_LIFECYCLE, PIM_LIFECYCLE, CREDENTIAL_LIFECYCLE, ACCESS_ACTIVITY)
"""In the order in which a batch is correlated: first what joins look up, then what is looked at."""

BATCH = 2000
"""Records at once: little is done for each, and state is not written per batch."""

_ORDER = {topic.name: place for place, topic in enumerate(TOPICS)}


def register(broker: KafkaBroker, correlation: Correlation) -> Subscription:
    """Subscribe to every stream that a detection needs."""
    intake = _Intake(broker, correlation, DeadLetters(broker, consumer=CONSUMER))
    return Subscription(
        broker, topics=TOPICS, group=CONSUMER, name=CONSUMER, take=intake.take, owner=correlation, max_records=BATCH
    )


class _Intake:
    def __init__(self, broker: KafkaBroker, correlation: Correlation, dead_letters: DeadLetters) -> None:
        self._broker = broker
        self._correlation = correlation
        self._dead_letters = dead_letters

    async def take(self, records: Sequence[Record]) -> None:
        """Correlate what can be read; bury what cannot; send on what lies in another partition than its tenant's."""
        facts = []
        for record in sorted(records, key=lambda one: _ORDER[one.topic]):
            fact = await self._read(record)
            if fact is not None:
                facts.append(fact)
        await self._correlation.take(facts, ends=_ends(records))

    async def _read(self, record: Record) -> Fact | None:
        try:
            fact = decode(
                record.topic,
                value=record.value,
                headers=record.headers,
                partition=record.partition,
                offset=record.offset,
                ingested_ms=record.timestamp,
            )
        except MalformedEventError as error:
            await self._dead_letters.bury(record, code=error.code)
            return None
        self._dead_letters.note_success()
        if fact is None:
            metrics.UNKNOWN.labels(CONSUMER, record.topic).inc()
        elif partition_of(fact.tenant) != record.partition:
            await forward(self._broker, record, key=fact.tenant.encode(), consumer=CONSUMER)
            return None
        return fact


@lru_cache(maxsize=100_000)
def partition_of(tenant_id: str) -> int:
    """Return the partition that Kafka's own clients put the tenant's key into (murmur2)."""
    hashed: int = murmur2(tenant_id.encode())
    return (hashed & 0x7FFFFFFF) % PARTITIONS


def _ends(records: Sequence[Record]) -> dict[TopicPartition, int]:
    ends: dict[TopicPartition, int] = {}
    for record in records:
        place = TopicPartition(record.topic, record.partition)
        ends[place] = max(ends.get(place, 0), record.offset + 1)
    return ends
