"""Batches of records in, offsets out: the only place that subscribes; after this, a consumer is only its `take`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, ConsumerRecord, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage
from nuxari_events.topics import Topic

from shared.errors import TransientError
from shared.messaging.careful import position_of
from shared.messaging.reliability import Backoff, ConsumerHaltedError
from shared.telemetry import metrics

Record: TypeAlias = ConsumerRecord[Any, Any]

BATCH = 500
"""Records in one transaction: enough to share its cost, few enough to redo quickly."""

COMMIT_WITHIN = timedelta(seconds=5)
"""aiokafka would wait for as long as the broker is away, with the batch in hand; what was applied is known anyway."""

_log = structlog.get_logger(__name__)


class PartitionOwner(Protocol):
    """Someone who keeps state for partitions and must know when they come and go."""

    async def assigned(self, partitions: set[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Make the state ready and return the offsets to read on from; absent ones go on from Kafka's own."""
        ...

    async def revoked(self, partitions: set[TopicPartition]) -> None:
        """Save and drop the state; no batch is in hand while this runs."""
        ...


class Subscription:
    """One member of one consumer group (or, without a group, a reader of everything from the beginning).

    Delivery is at least once, in order per partition: offsets are committed after `take` returned. A TransientError
    from `take` rewinds and tries the same records again, later; ConsumerHaltedError stops it for good.
    """

    def __init__(
        self,
        broker: KafkaBroker,
        *,
        topics: Sequence[Topic],
        group: str | None,
        name: str,
        take: Callable[[Sequence[Record]], Awaitable[None]],
        owner: PartitionOwner | None = None,
        max_records: int = BATCH,
    ) -> None:
        self.name = name
        self._group = group
        self._take_batch = take
        self._backoff = Backoff()
        self._in_hand = asyncio.Lock()
        self.halted = False
        self.failing = False
        self._let_go_at = 0.0
        self._subscriber = broker.subscriber(
            *(topic.name for topic in topics),
            batch=True,
            group_id=group,
            ack_policy=AckPolicy.MANUAL,
            no_reply=True,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),
            max_records=max_records,
            batch_timeout_ms=25,
            fetch_max_wait_ms=250,
            listener=_Rebalance(self, owner),
            parser=_untouched,
            decoder=_records,
        )
        self._subscriber(self._take)

    @property
    def consumer(self) -> AIOKafkaConsumer | None:
        """The running aiokafka consumer."""
        return self._subscriber.consumer

    def lag(self) -> int | None:
        """Return how many records it is behind in its partitions; None until every partition was asked once."""
        if self.consumer is None or not (assigned := self.consumer.assignment()):
            return None if self.consumer is None else 0
        total = 0
        for partition in assigned:
            end, position = self.consumer.highwater(partition), position_of(self.consumer, partition)
            if end is None or position is None:
                return None
            total += max(end - position, 0)
        return total

    def silence(self) -> timedelta:
        """Return how long ago Kafka answered last; nothing while a batch is in hand, when nobody needs to ask."""
        if self.consumer is None or self._in_hand.locked():
            return timedelta(0)
        answers = (self.consumer.last_poll_timestamp(partition) for partition in self.consumer.assignment())
        last = max((answer for answer in answers if answer is not None), default=None)
        if last is None:
            return timedelta(0)
        return max(timedelta(0), timedelta(seconds=time.time() - max(last / 1000, self._let_go_at)))

    async def ended(self) -> None:
        """Return when the client of a running member of a group has ended: stopped, or given up for good.

        aiokafka gives up its place in the group on an error that it did not expect; only a new consumer mends that.
        """
        running: Any = self.consumer
        await asyncio.wait({running._coordinator._coordination_task})  # noqa: SLF001 - there is no public word on it

    def is_assigned(self) -> bool:
        """Say whether the group gave it partitions."""
        return self.consumer is not None and bool(self.consumer.assignment())

    async def _take(self, records: Sequence[Record]) -> None:
        async with self._in_hand:
            try:
                await self._take_batch(records)
            except TransientError as error:
                await self._try_again(records, error)
            except ConsumerHaltedError as error:
                self._halt(records, error)
            except Exception as error:  # noqa: BLE001 - FastStream would swallow it and go on with the next batch
                _log.exception("a batch was not taken", consumer=self.name)
                await self._try_again(records, error)
            else:
                self.failing = False
                self._backoff.reset()
                metrics.CONSUMED.labels(self.name).inc(len(records))
                await self._commit(records)
            self._let_go_at = time.time()

    async def _try_again(self, records: Sequence[Record], error: Exception) -> None:
        self.failing = True
        metrics.RETRIED.labels(self.name).inc()
        _log.warning("taking the batch again", consumer=self.name, records=len(records), why=type(error).__name__)
        await self._backoff.wait()
        self._rewind(records)

    def _halt(self, records: Sequence[Record], error: ConsumerHaltedError) -> None:
        self.halted = True
        _log.error("halted", consumer=self.name, error=str(error))
        self._rewind(records)
        if self.consumer is not None:
            self.consumer.pause(*self.consumer.assignment())

    def _rewind(self, records: Sequence[Record]) -> None:
        consumer = self.consumer
        if consumer is None:
            return
        for partition, offset in _first_offsets(records).items():
            if partition in consumer.assignment():
                consumer.seek(partition, offset)

    async def _commit(self, records: Sequence[Record]) -> None:
        """Commit what was taken; if that fails, the records come again and are recognised."""
        consumer = self.consumer
        if consumer is None or self._group is None:
            return
        assigned = consumer.assignment()
        offsets = {p: o for p, o in _next_offsets(records).items() if p in assigned}
        if not offsets:
            return
        try:
            async with asyncio.timeout(COMMIT_WITHIN.total_seconds()):
                await consumer.commit(offsets)
        except (KafkaError, TimeoutError) as error:
            metrics.COMMIT_FAILED.labels(self.name).inc()
            _log.warning("offsets were not committed", consumer=self.name, error=type(error).__name__)


class _Rebalance(ConsumerRebalanceListener):  # type: ignore[misc]
    """Tells the owner of partitions about them, never while a batch is in hand."""

    def __init__(self, subscription: Subscription, owner: PartitionOwner | None) -> None:
        self._subscription = subscription
        self._owner = owner

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        async with self._subscription._in_hand:  # noqa: SLF001 - same file, one unit
            if self._owner is not None and revoked:
                await self._owner.revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        consumer = self._subscription.consumer
        if self._owner is None or consumer is None or not assigned:
            return
        # else the consumer reads on from Kafka's offsets meanwhile, past what the owner has not saved
        consumer.pause(*assigned)
        async with self._subscription._in_hand:  # noqa: SLF001 - same file, one unit
            for partition, offset in (await self._owner.assigned(assigned)).items():
                consumer.seek(partition, offset)
        consumer.resume(*assigned)


def _first_offsets(records: Iterable[Record]) -> dict[TopicPartition, int]:
    first: dict[TopicPartition, int] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        first[partition] = min(first.get(partition, record.offset), record.offset)
    return first


def _next_offsets(records: Iterable[Record]) -> dict[TopicPartition, int]:
    following: dict[TopicPartition, int] = {}
    for record in records:
        partition = TopicPartition(record.topic, record.partition)
        following[partition] = max(following.get(partition, 0), record.offset + 1)
    return following


async def _untouched(message: tuple[Record, ...]) -> KafkaMessage:
    """Take the place of FastStream's parser, which decodes headers as UTF-8 (one bad byte would lose a batch)."""
    return KafkaMessage(body=b"", raw_message=message, consumer=FAKE_CONSUMER)


async def _records(message: KafkaMessage) -> tuple[Record, ...]:
    records: tuple[Record, ...] = message.raw_message
    return records
