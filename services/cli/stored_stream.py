"""The stored stream, read once from a time to its end: after this, events come in the order Kafka took them in."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from aiokafka import TopicPartition
from nuxari_events.topics import PARTITIONS
from nuxari_events.wire import MalformedEventError

from services.monitoring.decode import decode
from services.monitoring.domain.model import Fact
from services.monitoring.handlers import TOPICS, partition_of
from shared.messaging.careful import CarefulConsumer

_ENOUGH = 4_000
"""Records of a partition that wait for those of the other topics; more of it is not read meanwhile."""

_PATIENCE = timedelta(seconds=30)
"""After which a Kafka that sends nothing of what it has is given up."""


class StoredStream:
    """Reads what monitoring reads; commits nothing, joins no group, writes nothing."""

    def __init__(self, bootstrap_servers: str, *, since: datetime, tenant: str | None = None) -> None:
        self.counters: Counter[str] = Counter()
        """Of records: `read`, and `unreadable`, `unknown` and `misplaced` ones, which were left out."""
        self._bootstrap_servers = bootstrap_servers
        self._since_ms = round(since.timestamp() * 1000)
        self._tenant = tenant

    async def facts(self) -> AsyncIterator[Fact]:
        """Yield the events, partition by partition; in each, those of all topics by the time Kafka took them.

        Raises:
            TimeoutError: Kafka sends nothing for half a minute, before the end.
            aiokafka.errors.KafkaError: it is away, or a topic is missing.
        """
        consumer = CarefulConsumer(
            bootstrap_servers=self._bootstrap_servers, group_id=None, enable_auto_commit=False, auto_offset_reset="none"
        )
        await consumer.start()
        try:
            for number in self._numbers():
                async for record in _Merged(consumer, number, self._since_ms).records():
                    fact = self._fact(record)
                    if fact is not None:
                        yield fact
        finally:
            await consumer.stop()

    def _numbers(self) -> Sequence[int]:
        return range(PARTITIONS) if self._tenant is None else [partition_of(self._tenant)]

    def _fact(self, record: Any) -> Fact | None:  # noqa: ANN401 - aiokafka's
        self.counters["read"] += 1
        try:
            fact = decode(
                record.topic,
                value=record.value,
                headers=record.headers,
                partition=record.partition,
                offset=record.offset,
                ingested_ms=record.timestamp,
            )
        except MalformedEventError:
            self.counters["unreadable"] += 1
            return None
        if fact is None:
            self.counters["unknown"] += 1
        elif partition_of(fact.tenant) != record.partition:
            self.counters["misplaced"] += 1  # the service sends it on: it stands in its own partition too
        elif self._tenant in {None, fact.tenant}:
            return fact
        return None


class _Merged:
    """The topics' partitions of one number, side by side."""

    def __init__(self, consumer: CarefulConsumer, number: int, since_ms: int) -> None:
        self._consumer = consumer
        self._since_ms = since_ms
        self._places = [TopicPartition(topic.name, number) for topic in TOPICS]
        self._waiting: dict[TopicPartition, deque[Any]] = {one: deque() for one in self._places}
        self._ends: dict[TopicPartition, int] = {}

    async def records(self) -> AsyncIterator[Any]:
        """Yield what stood there when this was called; of the same time, first what joins look up."""
        await self._begin()
        while True:
            while unread := [one for one in self._places if not self._waiting[one] and not await self._is_read(one)]:
                await self._fetch(unread)
            ready = [one for one in self._places if self._waiting[one]]
            if not ready:
                return
            first = min(ready, key=lambda one: self._waiting[one][0].timestamp)
            yield self._waiting[first].popleft()

    async def _begin(self) -> None:
        consumer = self._consumer
        consumer.assign(self._places)
        self._ends = await consumer.end_offsets(self._places)
        begins = await consumer.offsets_for_times(dict.fromkeys(self._places, self._since_ms))
        for place in self._places:
            found = begins[place]
            consumer.seek(place, self._ends[place] if found is None else found.offset)

    async def _is_read(self, place: TopicPartition) -> bool:
        position: int = await self._consumer.position(place)
        return position >= self._ends[place]

    async def _fetch(self, unread: Sequence[TopicPartition]) -> None:
        """Read more of these and of what is not full, until there is some or one of them turns out to be read."""
        full = [one for one in self._places if len(self._waiting[one]) >= _ENOUGH]
        self._consumer.pause(*full)
        deadline = asyncio.get_running_loop().time() + _PATIENCE.total_seconds()
        while True:
            batch = await self._consumer.getmany(timeout_ms=500)
            for place, records in batch.items():
                self._waiting[place] += [one for one in records if one.offset < self._ends[place]]
            if batch or any([await self._is_read(one) for one in unread]):
                break
            if asyncio.get_running_loop().time() > deadline:
                raise TimeoutError(f"Kafka sends nothing of {unread[0].topic} any more")
        self._consumer.resume(*full)
