"""Kafka in: all streams, in batches, decoded, put in their place, correlated."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.partitioner import murmur2
from faststream.kafka import KafkaBroker
from nuxari_events.topics import (
    ACCESS_ACTIVITY,
    CREDENTIAL_LIFECYCLE,
    IDENTITY_LIFECYCLE,
    MONITORING_LIFECYCLE,
    PARTITIONS,
    PIM_LIFECYCLE,
    Topic,
)
from nuxari_events.wire import MalformedEventError

from services.monitoring.decode import decode
from services.monitoring.domain.model import Alert, Fact
from services.monitoring.domain.program import Program
from services.monitoring.domain.silencing import silenced_by
from services.monitoring.service.configurations import Configurations
from services.monitoring.service.correlation import Correlation, End
from shared.clock import Clock
from shared.messaging.careful import position_of
from shared.messaging.reliability import BUG, DeadLetters, forward
from shared.messaging.subscription import Record, Subscription
from shared.persistence.database import Database
from shared.telemetry import metrics

CONSUMER = "monitoring"

TOPICS: tuple[Topic, ...] = (
    IDENTITY_LIFECYCLE,
    PIM_LIFECYCLE,
    CREDENTIAL_LIFECYCLE,
    MONITORING_LIFECYCLE,
    ACCESS_ACTIVITY,
)
"""In the order in which a batch is correlated: first what joins look up, then what is looked at."""

BATCH = 2000
"""Records at once: little is done for each, and state is not written per batch."""

_log = structlog.get_logger(__name__)


def register(
    broker: KafkaBroker, *, database: Database, clock: Clock, configurations: Configurations[Program]
) -> tuple[Subscription, Correlation]:
    """Subscribe to every stream that a detection needs."""
    intake = _Intake(broker, DeadLetters(broker, consumer=CONSUMER))

    def silenced(alert: Alert, at: datetime) -> Alert:
        return silenced_by(alert, configurations.running(alert.tenant).silencer, at=at)

    correlation = Correlation(
        database,
        clock,
        topics=TOPICS,
        intake=intake.take,
        programs=configurations.made_for,
        silenced=silenced,
        prepared=configurations.loaded,
    )
    subscription = Subscription(
        broker,
        topics=TOPICS,
        group=CONSUMER,
        name=CONSUMER,
        take=correlation.take,
        owner=correlation,
        max_records=BATCH,
    )
    correlation.follow(_KafkaReading(subscription))
    return subscription, correlation


class _Intake:
    def __init__(self, broker: KafkaBroker, dead_letters: DeadLetters) -> None:
        self._broker = broker
        self._dead_letters = dead_letters

    async def take(self, record: Record, observe: Callable[[Fact], None]) -> None:
        """Have observed what can be read; bury what cannot; send on what lies in another partition than its own."""
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
            return
        if fact is None:
            metrics.UNKNOWN.labels(CONSUMER, record.topic).inc()
        elif partition_of(fact.tenant) != record.partition:
            await forward(self._broker, record, key=fact.tenant.encode(), consumer=CONSUMER)
        elif not self._is_observed(fact, observe):
            await self._dead_letters.bury(record, code=BUG)
            return
        self._dead_letters.note_success()

    def _is_observed(self, fact: Fact, observe: Callable[[Fact], None]) -> bool:
        """Observe once: what computes without any input or output fails in the same way each time."""
        try:
            observe(fact)
        except Exception:  # noqa: BLE001 - a fault of a rule must not stop the others, nor the other tenants
            _log.exception("an event was not correlated", topic=fact.topic, at=f"{fact.partition}/{fact.offset}")
            return False
        return True


class _KafkaReading:
    """How far the subscription's consumer is, and the brake on topics that are read far ahead of another."""

    def __init__(self, subscription: Subscription) -> None:
        self._subscription = subscription
        self._held: set[TopicPartition] = set()

    def positions(self) -> Mapping[TopicPartition, int]:
        found = {partition: position_of(self._subscription.consumer, partition) for partition in self._assigned()}
        return {partition: position for partition, position in found.items() if position is not None}

    def ends(self) -> Mapping[TopicPartition, End]:
        found = {}
        for partition in self._assigned():
            consumer: Any = self._subscription.consumer
            end, asked_ms = consumer.highwater(partition), consumer.last_poll_timestamp(partition)
            if end is not None and asked_ms is not None:
                found[partition] = End(end, asked_ms)
        return found

    def hold(self, partitions: Collection[TopicPartition]) -> None:
        consumer = self._subscription.consumer
        if consumer is None or self._subscription.halted:
            return
        assigned, wanted = self._assigned(), set(partitions)
        paused = consumer.paused()
        consumer.pause(*(wanted & assigned) - paused)
        consumer.resume(*(self._held - wanted) & assigned & paused)
        self._held = wanted

    def _assigned(self) -> set[TopicPartition]:
        consumer = self._subscription.consumer
        return set() if consumer is None else consumer.assignment()


@lru_cache(maxsize=100_000)
def partition_of(tenant_id: str) -> int:
    """Return the partition that Kafka's own clients put the tenant's key into (murmur2)."""
    hashed: int = murmur2(tenant_id.encode())
    return (hashed & 0x7FFFFFFF) % PARTITIONS
