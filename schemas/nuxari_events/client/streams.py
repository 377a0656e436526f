"""Reading events: after this, a reader is one `async for`, and what it crashed on comes again."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, Unpack

from typing_extensions import override

from nuxari_events.alerts import AlertClosed, AlertRaised, AlertUpdated
from nuxari_events.client.errors import BrokerRefusedError, BrokerUnavailableError
from nuxari_events.client.settings import ConnectionSettings, aiokafka
from nuxari_events.client.unreadable import step_over
from nuxari_events.envelope import Event
from nuxari_events.topics import SECURITY_ALERTS, Topic
from nuxari_events.wire import MalformedEventError, UnknownEventTypeError, decode

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

_log = logging.getLogger(__name__)

E = TypeVar("E", bound=Event)

POLL = timedelta(milliseconds=500)
"""How long one look for new events waits."""

SHORTEST_POLL = timedelta(milliseconds=20)
"""When the idle time is over and not all was read yet."""

COMMIT_EVERY = timedelta(seconds=1)
"""How much handled work a crash repeats at most while events keep coming; otherwise it is committed at once."""

ANSWER_WITHIN = timedelta(seconds=10)
"""How long the broker has for one question."""

CLOSE_WITHIN = timedelta(seconds=5)
"""How long leaving waits for the broker: to commit what was handled and to leave the group."""


class EventStream(Generic[E]):
    """Reads the events of one topic: an async context manager and an async iterator.

    With a group, members share the partitions, and an event counts as handled when the caller comes back for the next
    one or calls `acknowledge()`. One that the caller crashed on, or left the `async with` on, comes again: every event
    comes at least once. The first time a group reads, it begins at the end, or with the oldest event if
    `from_beginning`; from then on, where it was.

    Without a group, every reader gets everything and nothing is committed.

    A broker that restarts is waited for. What is no event of the topic's contract is skipped and counted.
    """

    def __init__(
        self,
        topic: Topic,
        bootstrap_servers: str,
        *,
        group: str | None = None,
        from_beginning: bool = False,
        idle_exit: timedelta | None = None,
        connect_within: timedelta = timedelta(seconds=30),
        **connection: Unpack[ConnectionSettings],
    ) -> None:
        """Describe the stream; it connects on entry.

        Args:
            topic: of the registry, such as `topics.ACCESS_ACTIVITY`.
            bootstrap_servers: `host:port`, several separated by commas.
            group: the name that the members of one consumer share.
            from_beginning: where to begin without an earlier commit.
            idle_exit: end the iteration when all that is on the topic was read and nothing came for so long.
            connect_within: how long entry may take; joining a group waits up to 10 s for members that died.
            connection: TLS and SASL.

        Raises:
            ModuleNotFoundError: the extra `[kafka]` is not installed.
        """
        self._kafka = aiokafka()
        self._topic = topic
        self._servers = bootstrap_servers
        self._group = group
        self._from_beginning = from_beginning
        self._idle_exit = idle_exit
        self._connect_within = connect_within
        self._settings: dict[str, Any] = {
            "bootstrap_servers": bootstrap_servers,
            "group_id": group,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            **connection,
        }
        self._started: AIOKafkaConsumer | None = None
        self._in_hand: ConsumerRecord[Any, Any] | None = None
        self._handled: dict[TopicPartition, int] = {}
        self._committed_at = time.monotonic()
        self.malformed = 0
        """How many messages were skipped that are no event of the contract."""
        self.unknown = 0
        """How many events were skipped whose type this version does not know."""

    async def __aenter__(self) -> Self:
        """Connect, join the group, and settle where to begin: what is published from now on will be read.

        Raises:
            BrokerUnavailableError: no broker answered within `connect_within`.
            BrokerRefusedError: there is no such topic, or no permission to read it.
        """
        consumer = self._kafka.AIOKafkaConsumer(**self._settings)
        consumer.subscribe([self._topic.name], listener=self._listener())
        self._started = consumer
        try:
            async with asyncio.timeout(self._connect_within.total_seconds()):
                await self._require_topic()
                await consumer.start()
                await self._settle_start()
        except BaseException as error:
            self._started = None
            await _stop(consumer)
            if isinstance(error, (self._kafka.errors.KafkaError, OSError)):
                raise self._verdict(error) from None
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Commit what was handled, leave the group, and disconnect. The event in hand does not count as handled."""
        self._in_hand = None
        await self._commit()
        consumer, self._started = self._consumer, None
        await _stop(consumer)

    def __aiter__(self) -> Self:
        """Return the stream itself; a second loop goes on where the first one was."""
        return self

    async def __anext__(self) -> E:
        """Take the event before as handled and return the next one.

        Raises:
            StopAsyncIteration: nothing came for `idle_exit`.
            BrokerUnavailableError: `idle_exit` passed and no broker answers: whether there is more is unknown.
            BrokerRefusedError: there is no permission to read.
        """
        self._take_as_handled()
        while True:
            record = await self._next_record()
            event = self._read(record)
            self._in_hand = record
            if event is not None:
                return event
            self._take_as_handled()

    async def acknowledge(self) -> None:
        """Say that the event in hand is handled, for a caller that will not come back for another."""
        self._take_as_handled()
        await self._commit()

    @property
    def _consumer(self) -> AIOKafkaConsumer:
        if self._started is None:
            raise RuntimeError("the stream is not connected: use it in `async with AlertStream(...) as alerts`")
        return self._started

    def _take_as_handled(self) -> None:
        record, self._in_hand = self._in_hand, None
        if record is not None and self._group is not None:
            self._handled[self._kafka.TopicPartition(record.topic, record.partition)] = record.offset + 1

    def _read(self, record: ConsumerRecord[Any, Any]) -> E | None:
        try:
            event = decode(self._topic, value=record.value, headers=record.headers)
        except UnknownEventTypeError:
            self.unknown += 1
            return None
        except MalformedEventError as error:
            self.malformed += 1
            _log.info("skipped %s %s/%s: %s", record.topic, record.partition, record.offset, error.code)
            return None
        return event  # type: ignore[return-value]  # the topic's contract says which classes there are

    async def _next_record(self) -> ConsumerRecord[Any, Any]:
        waiting_since = time.monotonic()
        while True:
            if time.monotonic() - self._committed_at >= COMMIT_EVERY.total_seconds():
                await self._commit()
            record = await self._poll(timedelta(0))
            if record is None:
                await self._commit()
                record = await self._poll(self._patience(waiting_since))
            if record is not None:
                return record
            if self._is_idle(waiting_since) and await self._is_at_end():
                raise StopAsyncIteration

    def _is_idle(self, since: float) -> bool:
        return self._idle_exit is not None and time.monotonic() - since >= self._idle_exit.total_seconds()

    def _patience(self, since: float) -> timedelta:
        """Return how long to look for an event: not past the idle time, and never too short to look at all."""
        if self._idle_exit is None:
            return POLL
        return max(SHORTEST_POLL, min(POLL, self._idle_exit - timedelta(seconds=time.monotonic() - since)))

    async def _poll(self, wait: timedelta) -> ConsumerRecord[Any, Any] | None:
        try:
            found = await self._consumer.getmany(timeout_ms=wait // timedelta(milliseconds=1), max_records=1)
        except UnicodeDecodeError:
            self.malformed += await step_over(self._consumer)
            return None
        except self._kafka.errors.KafkaError as error:
            if not error.retriable:
                raise self._verdict(error) from None
            await asyncio.sleep(POLL.total_seconds())
            return None
        return next((record for records in found.values() for record in records), None)

    async def _is_at_end(self) -> bool:
        consumer = self._consumer
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                ends = await consumer.end_offsets(list(consumer.assignment()))
                return all([await consumer.position(partition) >= end for partition, end in ends.items()])
        except (self._kafka.errors.KafkaError, TimeoutError) as error:
            raise self._verdict(error) from None

    async def _require_topic(self) -> None:
        """Refuse a topic that is not there: aiokafka would wait for it as for a broker that is away."""
        scout = self._kafka.AIOKafkaConsumer(**self._settings | {"group_id": None})
        try:
            await scout.start()
            if self._topic.name not in await scout.topics():
                raise BrokerRefusedError(f"there is no topic {self._topic.name}; topics are provisioned")
        finally:
            await _stop(scout)

    async def _settle_start(self) -> None:
        """Begin where the group was or, in partitions that it never read, at the chosen end, and make that durable.

        Otherwise a member that dies before its first commit would begin at a later end the next time.
        """
        while True:
            try:
                await self._begin_fresh_partitions()
            except (self._kafka.errors.CommitFailedError, self._kafka.errors.IllegalStateError):
                await asyncio.sleep(SHORTEST_POLL.total_seconds())  # partitions changed hands: look again
            else:
                return

    async def _begin_fresh_partitions(self) -> None:
        consumer = self._consumer
        fresh = [partition for partition in consumer.assignment() if not await self._is_committed(partition)]
        ask = consumer.beginning_offsets if self._from_beginning else consumer.end_offsets
        starts = await ask(fresh)
        if self._group is not None and starts:
            await consumer.commit(starts)
        for partition, offset in starts.items():
            consumer.seek(partition, offset)

    async def _is_committed(self, partition: TopicPartition) -> bool:
        return self._group is not None and await self._consumer.committed(partition) is not None

    async def _commit(self) -> None:
        """Commit what was handled; if that fails, those events come again."""
        self._committed_at = time.monotonic()
        assigned = self._consumer.assignment()
        self._handled = {partition: offset for partition, offset in self._handled.items() if partition in assigned}
        if not self._handled:
            return
        offsets = dict(self._handled)
        try:
            async with asyncio.timeout(CLOSE_WITHIN.total_seconds()):
                await self._consumer.commit(offsets)
        except (self._kafka.errors.KafkaError, TimeoutError) as error:
            _log.warning("offsets were not committed: %s", type(error).__name__)
        else:
            self._handled = {p: offset for p, offset in self._handled.items() if offsets.get(p) != offset}

    def _listener(self) -> Any:  # noqa: ANN401 - its base class is only there with aiokafka
        stream = self

        class CommitFirst(self._kafka.ConsumerRebalanceListener):  # type: ignore[name-defined,misc]
            async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
                if revoked:
                    await stream._commit()

            async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
                """Go on where the group was."""

        return CommitFirst()

    def _verdict(self, error: BaseException) -> Exception:
        kafka = self._kafka.errors
        if isinstance(error, kafka.KafkaError) and not error.retriable and type(error) is not kafka.KafkaError:
            return BrokerRefusedError(f"{self._topic.name}: {type(error).__name__}")
        return BrokerUnavailableError(f"no Kafka broker answers at {self._servers}: {type(error).__name__}")


Alert = AlertRaised | AlertUpdated | AlertClosed


class AlertStream(EventStream[Alert]):
    """The alerts of `security.alerts`, raised, updated and closed; see `EventStream` for what it promises.

    What else is told there (triage, digests, incidents) comes with `EventStream(SECURITY_ALERTS, ...)`.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        group: str | None = None,
        from_beginning: bool = False,
        idle_exit: timedelta | None = None,
        connect_within: timedelta = timedelta(seconds=30),
        **connection: Unpack[ConnectionSettings],
    ) -> None:
        """Describe the stream, as `EventStream` does."""
        super().__init__(
            SECURITY_ALERTS,
            bootstrap_servers,
            group=group,
            from_beginning=from_beginning,
            idle_exit=idle_exit,
            connect_within=connect_within,
            **connection,
        )

    @override
    def _read(self, record: ConsumerRecord[Any, Any]) -> Alert | None:
        event = super()._read(record)
        return event if isinstance(event, Alert) else None


async def _stop(consumer: AIOKafkaConsumer) -> None:
    """Disconnect in bounded time, whatever becomes of aiokafka's `stop`.

    While the broker is away, that ends in the CancelledError of one of its own tasks, with connections left open.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    await asyncio.wait([stopping], timeout=CLOSE_WITHIN.total_seconds())
    if not stopping.done() or stopping.cancelled():
        stopping.cancel()
        await consumer._client.close()  # noqa: SLF001 - there is no public way
    else:
        stopping.result()
