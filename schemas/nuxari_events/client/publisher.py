"""Publishing: after this, an event that `publish` returned for is on its topic, once and in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Iterable
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, Unpack

from nuxari_events.client.errors import BrokerRefusedError, BrokerUnavailableError, Failure, NotPublishedError
from nuxari_events.client.settings import ConnectionSettings, aiokafka, milliseconds
from nuxari_events.envelope import Event
from nuxari_events.wire import MalformedEventError, encode

if TYPE_CHECKING:
    from aiokafka.structs import RecordMetadata

BATCH_BYTES = 128 * 1024
"""What gathers for one partition while the request before it is under way."""

ANSWER_WITHIN = timedelta(seconds=2)
"""How long the broker has to answer when a delivery failed and the question is why."""

CLOSE_WITHIN = timedelta(seconds=3)
"""How long leaving waits for what is still under way."""

_Sent = tuple[Event, "asyncio.Future[RecordMetadata]"]


class Receipt(NamedTuple):
    """Where an event lies."""

    topic: str
    partition: int
    offset: int


class EventPublisher:
    """Publishes events to the topics that their types belong to; an async context manager.

    Deliveries are acknowledged by all in-sync replicas and free of the client's own duplicates. Keys are hashed with
    murmur2, so all events of a tenant lie in one partition, in the order they were given. One publisher may be used
    by many tasks.
    """

    def __init__(
        self,
        bootstrap_servers: str,
        *,
        delivery_within: timedelta = timedelta(seconds=15),
        connect_within: timedelta = timedelta(seconds=10),
        compression: Literal["gzip"] | None = None,
        **connection: Unpack[ConnectionSettings],
    ) -> None:
        """Describe the publisher; it connects on entry.

        Args:
            bootstrap_servers: `host:port`, several separated by commas.
            delivery_within: how long one event may take to be acknowledged.
            connect_within: how long entry may take.
            compression: `gzip` for slow networks; it costs CPU.
            connection: TLS and SASL.

        Raises:
            ModuleNotFoundError: the extra `[kafka]` is not installed.
        """
        self._kafka = aiokafka()
        self._servers = bootstrap_servers
        self._delivery_seconds = delivery_within.total_seconds()
        self._connect_within = connect_within
        self._settings: dict[str, Any] = {
            "bootstrap_servers": bootstrap_servers,
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": compression,
            "max_batch_size": BATCH_BYTES,
            "request_timeout_ms": milliseconds(delivery_within),
            **connection,
        }
        self._started: Any = None
        self._topics: set[str] = set()
        """Those that are known to be there."""

    async def __aenter__(self) -> Self:
        """Connect.

        Raises:
            BrokerUnavailableError: no broker answered within `connect_within`.
        """
        producer = self._kafka.AIOKafkaProducer(**self._settings)
        try:
            async with asyncio.timeout(self._connect_within.total_seconds()):
                await producer.start()
        except (self._kafka.errors.KafkaError, OSError) as error:  # TimeoutError is an OSError
            await producer.stop()
            why = f"{type(error).__name__}; check the address, and TLS and SASL"
            raise BrokerUnavailableError(f"no Kafka broker answered at {self._servers}: {why}") from None
        except BaseException:
            await producer.stop()
            raise
        self._started = producer
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait shortly for what is under way, give up on the rest, and disconnect."""
        producer, self._started = self._producer, None
        try:
            async with asyncio.timeout(CLOSE_WITHIN.total_seconds()):
                await producer.flush()
        except TimeoutError:
            await self._abandon(producer)
        await producer.stop()

    async def publish(self, event: Event) -> Receipt:
        """Publish one event and return when the broker has it.

        Raises:
            MalformedEventError: it is larger than an event may be; nothing was sent.
            BrokerUnavailableError: it was not acknowledged in time, or the broker is away.
            BrokerRefusedError: the broker will not take it.
        """
        return await self._acknowledged(await self._send(event), event)

    async def publish_many(self, events: Iterable[Event], *, in_flight: int = 1000) -> list[Receipt]:
        """Publish events, up to `in_flight` of them at once, and return their places in the order given.

        An event that is refused holds up no other. Events of one key keep their order.

        Raises:
            BrokerUnavailableError: the broker went away; `failures` names every event that was not acknowledged, those
                not yet sent among them.
            NotPublishedError: some were refused, all others are published; `failures` names each with its error.
        """
        return await _Pipeline(self, in_flight).take(events)

    @property
    def _producer(self) -> Any:  # noqa: ANN401 - aiokafka is untyped
        if self._started is None:
            raise RuntimeError(
                "the publisher is not connected: use it in `async with EventPublisher(...) as publisher`"
            )
        return self._started

    async def _send(self, event: Event) -> asyncio.Future[RecordMetadata]:
        """Hand the event over; the future ends with its delivery."""
        encoded = encode(event)
        try:
            async with asyncio.timeout(self._delivery_seconds):
                await self._require_topic(encoded.topic)
                sent: asyncio.Future[RecordMetadata] = await self._producer.send(
                    encoded.topic, value=encoded.value, key=encoded.key, headers=encoded.headers
                )
        except (self._kafka.errors.KafkaError, TimeoutError) as error:
            raise await self._verdict(encoded.topic, error) from None
        return sent

    async def _require_topic(self, topic: str) -> None:
        """Refuse a topic that is not there: aiokafka would wait for it as for a broker that is away."""
        if topic in self._topics:
            return
        cluster = await self._producer.client.fetch_all_metadata()
        if topic not in cluster.topics():
            raise BrokerRefusedError(f"there is no topic {topic}; topics are provisioned, not created on first use")
        self._topics.add(topic)

    async def _acknowledged(self, sent: asyncio.Future[RecordMetadata], event: Event) -> Receipt:
        try:
            async with asyncio.timeout(self._delivery_seconds):
                delivered = await sent
        except (self._kafka.errors.KafkaError, TimeoutError) as error:
            raise await self._verdict(encode(event).topic, error) from None
        return Receipt(delivered.topic, delivered.partition, delivered.offset)

    async def _verdict(self, topic: str, error: Exception) -> Exception:
        """Tell a broker that says no from one that is away and from one that is slow."""
        kafka = self._kafka.errors
        if isinstance(error, kafka.KafkaError) and not error.retriable and type(error) is not kafka.KafkaError:
            return BrokerRefusedError(f"{topic}: {type(error).__name__}")
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                self._topics.clear()
                await self._require_topic(topic)
        except BrokerRefusedError as refused:
            return refused
        except (kafka.KafkaError, OSError):
            return BrokerUnavailableError(f"no Kafka broker answers at {self._servers} any more")
        return BrokerUnavailableError(f"Kafka at {self._servers} did not acknowledge an event within {self._within}")

    @property
    def _within(self) -> str:
        return f"{self._delivery_seconds:g} s"

    async def _abandon(self, producer: Any) -> None:  # noqa: ANN401 - aiokafka is untyped
        """Stop sending what is not acknowledged: an idempotent producer would try for ever, and `stop` wait for it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_WITHIN.total_seconds()):
                await producer._sender.close()  # noqa: SLF001 - there is no public way
        producer._message_accumulator.fail_all(self._kafka.errors.KafkaConnectionError())  # noqa: SLF001 - as above


class _Pipeline:
    """One call of `publish_many`: a window of events under way, the oldest awaited first."""

    def __init__(self, publisher: EventPublisher, in_flight: int) -> None:
        self._publisher = publisher
        self._in_flight = in_flight
        self._window: deque[_Sent] = deque()
        self._receipts: list[Receipt] = []
        self._failures: list[Failure] = []
        self._away: BrokerUnavailableError | None = None

    async def take(self, events: Iterable[Event]) -> list[Receipt]:
        try:
            for event in events:
                await self._offer(event)
            while self._window:
                await self._await_oldest()
        finally:
            for _, sent in self._window:
                sent.cancel()
        if self._away is not None:
            raise BrokerUnavailableError(str(self._away), failures=self._failures)
        if self._failures:
            raise NotPublishedError(self._failures)
        return self._receipts

    async def _offer(self, event: Event) -> None:
        if len(self._window) >= self._in_flight:
            await self._await_oldest()
        if self._away is not None:
            self._failures.append(Failure(event, self._away))
            return
        try:
            self._window.append((event, await self._publisher._send(event)))  # noqa: SLF001 - same file, one unit
        except (MalformedEventError, BrokerRefusedError, BrokerUnavailableError) as error:
            self._note(event, error)

    async def _await_oldest(self) -> None:
        event, sent = self._window.popleft()
        if self._away is not None and not sent.done():
            sent.cancel()
            self._failures.append(Failure(event, self._away))
            return
        try:
            self._receipts.append(await self._publisher._acknowledged(sent, event))  # noqa: SLF001 - same file, one unit
        except (BrokerRefusedError, BrokerUnavailableError) as error:
            self._note(event, error)

    def _note(self, event: Event, error: Exception) -> None:
        if isinstance(error, BrokerUnavailableError) and self._away is None:
            self._away = error
        self._failures.append(Failure(event, error))
