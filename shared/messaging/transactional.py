"""A batch of events in one database transaction: after this, a consumer is one function `apply(transaction, event)`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from faststream.kafka import KafkaBroker
from nuxari_events.envelope import Event
from nuxari_events.topics import Topic
from nuxari_events.wire import MalformedEventError, UnknownEventTypeError, decode

from shared.errors import PermanentError, TransientError
from shared.messaging.reliability import BUG, TRIES_OF_A_BUG, ConsumerHaltedError, DeadLetters
from shared.messaging.subscription import Record, Subscription
from shared.persistence.database import Database, Transaction, is_unreachable
from shared.persistence.inbox import claim
from shared.telemetry import metrics, tracing

Apply = Callable[[Transaction, Event], Awaitable[None]]

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Delivery:
    """One readable event and the record that carried it."""

    record: Record
    event: Event


def subscribe(
    broker: KafkaBroker, *, topics: Sequence[Topic], consumer: str, database: Database, apply: Apply
) -> Subscription:
    """Apply every event of the topics exactly once per consumer.

    `apply` runs inside the transaction, in the event's tenant; what it announces leaves if the transaction commits.
    It raises PermanentError to have the event buried under that code, TransientError to have the batch tried again.
    """
    batches = _Batches(consumer, topics, database, apply, DeadLetters(broker, consumer=consumer))
    return Subscription(broker, topics=topics, group=consumer, name=consumer, take=batches.take)


class _Batches:
    def __init__(
        self,
        consumer: str,
        topics: Sequence[Topic],
        database: Database,
        apply: Apply,
        dead_letters: DeadLetters,
    ) -> None:
        self._consumer = consumer
        self._topics = {topic.name: topic for topic in topics}
        self._database = database
        self._apply = apply
        self._dead_letters = dead_letters

    async def take(self, records: Sequence[Record]) -> None:
        deliveries, burials = self._read(records)
        if deliveries:
            burials += await self._apply_all(deliveries)
        await self._bury(records, {_position(record): code for record, code in burials})

    def _read(self, records: Sequence[Record]) -> tuple[list[Delivery], list[tuple[Record, str]]]:
        deliveries: list[Delivery] = []
        burials: list[tuple[Record, str]] = []
        for record in records:
            try:
                event = decode(self._topics[record.topic], value=record.value, headers=record.headers or ())
            except UnknownEventTypeError:
                metrics.UNKNOWN.labels(self._consumer, record.topic).inc()
            except MalformedEventError as error:
                burials.append((record, error.code))
            else:
                deliveries.append(Delivery(record, event))
        return deliveries, burials

    async def _apply_all(self, deliveries: Sequence[Delivery]) -> list[tuple[Record, str]]:
        """Apply all in one transaction; if that fails, one by one, and return those that are at fault."""
        try:
            with metrics.APPLY_SECONDS.labels(self._consumer).time():
                await self._in_one_go(deliveries)
        except (TransientError, ConsumerHaltedError):
            raise
        except Exception as error:  # noqa: BLE001 - found and judged again, event by event
            _log.warning("batch failed, going event by event", consumer=self._consumer, error=type(error).__name__)
            return await self._one_by_one(deliveries)
        return []

    async def _in_one_go(self, deliveries: Sequence[Delivery]) -> None:
        async with self._database.transaction() as transaction:
            for event in await claim(transaction, [d.event for d in deliveries], consumer=self._consumer):
                await self._apply_one(transaction, event)

    async def _one_by_one(self, deliveries: Sequence[Delivery]) -> list[tuple[Record, str]]:
        burials: list[tuple[Record, str]] = []
        async with self._database.transaction() as transaction:
            for delivery in deliveries:
                code = await self._verdict(transaction, delivery.event)
                if code is not None:
                    burials.append((delivery.record, code))
        return burials

    async def _verdict(self, transaction: Transaction, event: Event) -> str | None:
        """Apply the event under a savepoint; return the code to bury it under, None if it went through."""
        for attempt in range(1, TRIES_OF_A_BUG + 1):
            try:
                async with transaction.savepoint():
                    for claimed in await claim(transaction, [event], consumer=self._consumer):
                        await self._apply_one(transaction, claimed)
            except PermanentError as error:
                return error.code
            except TransientError:
                raise
            except Exception as error:
                if is_unreachable(error):
                    raise
                if attempt == TRIES_OF_A_BUG:
                    _log.exception("bug", consumer=self._consumer, type=event.type, event_id=event.id)
            else:
                return None
        return BUG

    async def _apply_one(self, transaction: Transaction, event: Event) -> None:
        await transaction.enter(event.tenantid)
        with tracing.continued(event.traceparent):
            await self._apply(transaction, event)

    async def _bury(self, records: Sequence[Record], codes: Mapping[tuple[str, int, int], str]) -> None:
        """Bury in the order of the records, so that a row of burials is broken by each one that went through."""
        for record in records:
            code = codes.get(_position(record))
            if code is not None:
                await self._dead_letters.bury(record, code=code)
            else:
                self._dead_letters.note_success()


def _position(record: Record) -> tuple[str, int, int]:
    return record.topic, record.partition, record.offset
