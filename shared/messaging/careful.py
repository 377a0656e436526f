"""A consumer that one unreadable message cannot stop: it is stepped over and said, and nothing else is lost."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from nuxari_events.client.unreadable import step_over
from typing_extensions import override

from shared.messaging.closing import ends_in_time
from shared.telemetry import metrics

if TYPE_CHECKING:
    from faststream.kafka import KafkaBroker  # costs a command half a second that reads with what is here

_log = structlog.get_logger(__name__)


class CarefulConsumer(AIOKafkaConsumer):  # type: ignore[misc]
    """Kafka takes any bytes for a header's name; aiokafka raises on them at each attempt, and never moves on.

    What was fetched beside such a message is used up by the error. So it goes back to where it stood, and reads one
    record at a time until it has stepped over the message.
    """

    _is_careful = False

    @override
    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[Any]]:
        """Fetch as aiokafka does; an unreadable message is skipped, and then there may be none this time."""
        if max_records == 1 or partitions:
            return await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=max_records)  # type: ignore[no-any-return]
        stood = {partition: position_of(self, partition) for partition in self.assignment()}
        try:
            wanted = 1 if self._is_careful else max_records
            return await super().getmany(timeout_ms=timeout_ms, max_records=wanted)  # type: ignore[no-any-return]
        except UnicodeDecodeError:
            await self._go_back(stood)
            return {}

    @override
    async def stop(self) -> None:
        """Leave the group and disconnect; a broker that is away is not waited for."""
        if not self._closed and not await ends_in_time(super().stop(), what="a consumer"):
            await ends_in_time(self._client.close(), what="a consumer's connections")

    async def _go_back(self, stood: dict[TopicPartition, int | None]) -> None:
        for partition, position in stood.items():
            if position is not None and partition in self.assignment():
                self.seek(partition, position)
        if not self._is_careful:
            self._is_careful = True
            return
        skipped = await step_over(self)
        self._is_careful = skipped == 0
        metrics.UNREADABLE.inc(skipped)
        places = [f"{p.topic}-{p.partition}/{stood[p]}" for p in stood if position_of(self, p) != stood[p]]
        _log.error("stepped over a message whose header names are not UTF-8", count=skipped, at=places)


def position_of(consumer: AIOKafkaConsumer, partition: TopicPartition) -> int | None:
    """Return the next offset to be read, None while it is not known; `consumer.position` would wait for it."""
    state = consumer._subscription.subscription.assignment.state_value(partition)  # noqa: SLF001 - no public form
    return state.position if state is not None and state.has_valid_position else None


def consume_carefully(broker: KafkaBroker) -> None:
    """Have the broker's subscribers use this consumer: FastStream names aiokafka's own when it connects."""
    config: Any = broker.config.broker_config
    connect = config.connect

    async def connect_carefully(**connection: object) -> None:
        await connect(**connection)
        config.builder = partial(CarefulConsumer, **config.builder.keywords)

    config.connect = connect_carefully
