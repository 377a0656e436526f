"""Kafka clients that close in time: after this, a service ends when it is told to, whatever is away."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Coroutine
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

if TYPE_CHECKING:
    from faststream.kafka import KafkaBroker

CLOSE_WITHIN = timedelta(seconds=2)
"""For one step of a client's farewell: enough for a broker that answers, and nothing else is worth waiting for."""

_log = structlog.get_logger(__name__)


async def ends_in_time(farewell: Coroutine[Any, Any, object], *, what: str, within: timedelta = CLOSE_WITHIN) -> bool:
    """Run it and say whether it ended well; after `within` it is given up.

    While a broker is away, aiokafka's own may wait for ever, or end in the CancelledError of one of its own tasks.
    """
    saying = asyncio.ensure_future(farewell)
    await asyncio.wait([saying], timeout=within.total_seconds())
    if not saying.done():
        saying.cancel()
        _log.warning("closed without an answer", what=what)
        return False
    if saying.cancelled() or saying.exception() is not None:
        _log.warning("closed with an error", what=what)
        return False
    return True


async def close_producer(producer: AIOKafkaProducer) -> None:
    """Let what is under way arrive, for a moment, and disconnect; the rest was never acknowledged to anybody."""
    if not await ends_in_time(producer.flush(), what="what is under way"):
        await ends_in_time(producer._sender.close(), what="a sender")  # noqa: SLF001 - there is no public way
        producer._message_accumulator.fail_all(KafkaConnectionError())  # noqa: SLF001 - `stop` would wait for it
    await ends_in_time(producer.stop(), what="a producer")


def never_overtake(producer: AIOKafkaProducer) -> AIOKafkaProducer:
    """Have the producer try for ever, in order.

    aiokafka gives up a batch whose partition is without a leader for too long. Those behind it would then arrive
    before it, or be refused from there on, because a number is missing in their row.
    """
    producer._message_accumulator._batch_ttl = math.inf  # noqa: SLF001 - there is no public way
    return producer


async def _find(producer: AIOKafkaProducer) -> None:
    """Raise if the broker is away: FastStream would leave the producer open that it had begun to start."""
    try:
        await producer.start()
    finally:
        await close_producer(producer)


def close_in_time(broker: KafkaBroker) -> None:
    """Have the broker's own producer never hold up its `stop`, nor give up what others wait behind."""
    config: Any = broker.config.broker_config
    connect, disconnect = config.connect, config.disconnect

    async def connect_for_good(**connection: object) -> None:
        await _find(AIOKafkaProducer(**connection))
        await connect(**connection)
        never_overtake(config.producer._producer.producer)  # noqa: SLF001 - FastStream hides it

    async def disconnect_in_time() -> None:
        if config.producer:
            await close_producer(config.producer._producer.producer)  # noqa: SLF001 - as above
        await ends_in_time(disconnect(), what="a broker")

    config.connect, config.disconnect = connect_for_good, disconnect_in_time
