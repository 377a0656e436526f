"""The only retry and dead-letter logic: what is tried again, for how long, and what is buried under which code."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import structlog
from aiokafka import ConsumerRecord
from aiokafka.errors import KafkaError
from nuxari_events.topics import DEAD_LETTER_SUFFIX

from shared.errors import TransientError
from shared.telemetry import metrics

if TYPE_CHECKING:
    from faststream.kafka import KafkaBroker  # costs a command half a second that waits with what is here

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
"""Short enough that a service is back within seconds of what it waits for."""

TRIES_OF_A_BUG = 3
"""An unexpected exception may be a race that passes; more tries would only hold up the partition."""

BUGS_IN_A_ROW = 20
"""So many unexpected failures without a success between them are our fault, not the messages': stop burying."""

BURIALS_IN_A_ROW = 1000
"""So many unreadable messages in a row are a producer of another contract, not a few bad lines: stop burying."""

BUG = "bug"
"""Dead-letter code of an exception that nobody expected."""

_log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class ConsumerHaltedError(Exception):
    """Too many burials in a row: the consumer stops and is unready until it is started again."""


class Backoff:
    """Exponential back-off with jitter: 0.1 s doubling to 5 s."""

    def __init__(self) -> None:
        self._delay = FIRST_DELAY_SECONDS

    def reset(self) -> None:
        """Begin again with the shortest delay."""
        self._delay = FIRST_DELAY_SECONDS

    async def wait(self) -> None:
        """Sleep for the current delay and double it."""
        await asyncio.sleep(self._delay * random.uniform(0.75, 1.25))  # noqa: S311 - jitter needs no secrecy
        self._delay = min(self._delay * 2, LONGEST_DELAY_SECONDS)


def is_transient(error: Exception) -> bool:
    """Say whether the error means that the world is down."""
    return isinstance(error, TransientError)


async def until_it_works(
    call: Callable[[], Awaitable[_T]],
    *,
    what: str,
    within: timedelta | None = None,
    may_pass: Callable[[Exception], bool] = is_transient,
) -> _T:
    """Return what the call returns, waiting out every error that may pass, for ever or for as long as is given.

    A call that worked for a while before it failed is tried again as soon as at first.

    Args:
        call: tried again and again.
        what: is being waited for; for the log.
        within: after this long the error is raised as it came; None waits for ever.
        may_pass: says of an error whether trying again can help.
    """
    backoff, began = Backoff(), time.monotonic()
    while True:
        tried = time.monotonic()
        try:
            return await call()
        except Exception as error:
            if not may_pass(error) or (within and time.monotonic() - began > within.total_seconds()):
                raise
            _log.warning("waiting", what=what, error=str(error) or type(error).__name__)
        if time.monotonic() - tried > LONGEST_DELAY_SECONDS:
            backoff.reset()
        await backoff.wait()


class DeadLetters:
    """Buries messages for one consumer and knows when to stop."""

    def __init__(self, broker: KafkaBroker, *, consumer: str) -> None:
        self._broker = broker
        self._consumer = consumer
        self._streak = 0
        self._bugs = 0

    def note_success(self) -> None:
        """Say that a message went through: the row of burials is broken."""
        self._streak = self._bugs = 0

    async def bury(self, record: ConsumerRecord[Any, Any], *, code: str) -> None:
        """Write the message, as it came, to its dead-letter topic; return when it is safely there.

        The exception's text stays behind: it can hold secrets.

        Raises:
            ConsumerHaltedError: too many in a row; this one is not buried.
            TransientError: Kafka did not take it.
        """
        self._count(code)
        headers = [*(record.headers or ()), *_epitaph(record, consumer=self._consumer, code=code)]
        await send(self._broker, record.topic + DEAD_LETTER_SUFFIX, key=record.key, value=record.value, headers=headers)
        metrics.BURIED.labels(self._consumer, record.topic, code).inc()
        _log.warning(
            "buried", consumer=self._consumer, topic=record.topic, at=f"{record.partition}/{record.offset}", why=code
        )

    def _count(self, code: str) -> None:
        self._streak += 1
        self._bugs += code == BUG
        if self._bugs > BUGS_IN_A_ROW or self._streak > BURIALS_IN_A_ROW:
            raise ConsumerHaltedError(f"{self._consumer} buried {self._streak - 1} messages in a row")


async def forward(broker: KafkaBroker, record: ConsumerRecord[Any, Any], *, key: bytes, consumer: str) -> None:
    """Send a message that lies in a partition its key does not belong to, unchanged, to the right one.

    Raises:
        TransientError: Kafka did not take it.
    """
    headers = [h for h in record.headers or () if h[0] != "nuxari-forwarded-from"]
    headers.append(("nuxari-forwarded-from", f"{record.partition}/{record.offset}".encode()))
    await send(broker, record.topic, key=key, value=record.value, headers=headers)
    metrics.FORWARDED.labels(consumer, record.topic).inc()


async def send(
    broker: KafkaBroker, topic: str, *, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]
) -> None:
    """Write bytes as they are through the broker's own producer and wait for the acknowledgement.

    FastStream's `publish` would encode the value again and knows neither None nor repeated headers.
    """
    connected: Any = broker.config.producer
    producer = connected._producer.producer  # noqa: SLF001 - see above
    try:
        await producer.send_and_wait(topic, key=key, value=value, headers=list(headers))
    except KafkaError as error:
        raise TransientError(f"Kafka did not take a message for {topic}: {type(error).__name__}") from error


def _epitaph(record: ConsumerRecord[Any, Any], *, consumer: str, code: str) -> list[tuple[str, bytes]]:
    return [
        ("dlq-code", code.encode()),
        ("dlq-consumer", consumer.encode()),
        ("dlq-topic", record.topic.encode()),
        ("dlq-partition", str(record.partition).encode()),
        ("dlq-offset", str(record.offset).encode()),
    ]
