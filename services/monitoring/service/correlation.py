"""The engines of the partitions that this process owns: fed, ticked, saved, handed over; nothing is lost on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from aiokafka import TopicPartition
from nuxari_events.topics import Topic

from services.monitoring.domain.engine import Engine
from services.monitoring.domain.model import Change, Fact
from services.monitoring.service.announcing import announce, latest
from services.monitoring.store import checkpoints
from shared.clock import Clock
from shared.errors import TransientError
from shared.messaging.reliability import until_it_works
from shared.persistence.database import Database

TICK_SECONDS = 0.5
SAVE_SECONDS = 5.0
"""How much is correlated again after a crash, at most."""

_log = structlog.get_logger(__name__)


@dataclass
class _Owned:
    """One partition of all topics."""

    engine: Engine
    epoch: int
    offsets: dict[str, int] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)
    """Changes that are not committed yet: kept until they are, as the engine will not make them again."""
    has_news: bool = False


class Correlation:
    """Owner of partitions: `take` and `tick` never run at once, so a checkpoint is of one moment."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        topics: Sequence[Topic],
        make_engine: Callable[[], Engine] = Engine,
    ) -> None:
        self._database = database
        self._clock = clock
        self._topics = topics
        self._make_engine = make_engine
        self._owned: dict[int, _Owned] = {}
        self._one_at_a_time = asyncio.Lock()

    @property
    def counters(self) -> Counter[str]:
        """Return the engines' counters, summed."""
        return sum((owned.engine.counters for owned in self._owned.values()), Counter())

    async def take(self, facts: Sequence[Fact], *, ends: Mapping[TopicPartition, int]) -> None:
        """Correlate the facts and announce what they change; then the partitions stand at these offsets.

        Raises:
            TransientError: PostgreSQL is away; the same facts may be taken again and change nothing twice.
        """
        async with self._one_at_a_time:
            for fact in facts:
                owned = self._owned.get(fact.partition)
                if owned is not None:
                    owned.pending += owned.engine.observe(fact)
            await self._commit_pending()
            for partition, offset in ends.items():
                if partition.partition in self._owned:
                    self._owned[partition.partition].offsets[partition.topic] = offset
                    self._owned[partition.partition].has_news = True

    async def run(self) -> None:
        """Tick and save until cancelled, and save once more then; a database that is away is waited for."""
        saved_at = asyncio.get_running_loop().time()
        try:
            while True:
                await asyncio.sleep(TICK_SECONDS)
                is_time_to_save = asyncio.get_running_loop().time() - saved_at >= SAVE_SECONDS
                await until_it_works(lambda save=is_time_to_save: self.tick(save=save), what="announcing alerts")  # type: ignore[misc]
                if is_time_to_save:
                    saved_at = asyncio.get_running_loop().time()
        except asyncio.CancelledError:
            await self._save_at_the_end()
            raise

    async def _save_at_the_end(self) -> None:
        """Save what was taken; if PostgreSQL is away the next owner correlates it again."""
        try:
            await self.tick(save=True)
        except TransientError as error:
            _log.warning("state not saved at the end", error=str(error))

    async def tick(self, *, save: bool) -> None:
        """Announce what was put off and, now and then, what has become quiet; then save."""
        async with self._one_at_a_time:
            now_ms = int(self._clock.now().timestamp() * 1000)
            for owned in self._owned.values():
                owned.pending += owned.engine.advance()
                if save:
                    owned.pending += owned.engine.sweep(now_ms=now_ms)
            await self._commit_pending()
            if save:
                await self._save([number for number, owned in self._owned.items() if owned.has_news])

    async def assigned(self, partitions: set[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Restore each partition's state and return where to read on: where the state was saved, else the beginning."""
        for number in {partition.partition for partition in partitions} - self._owned.keys():
            self._owned[number] = await until_it_works(lambda n=number: self._restore(n), what="a checkpoint")  # type: ignore[misc]
        return {
            TopicPartition(topic.name, number): owned.offsets.get(topic.name, 0)
            for number, owned in self._owned.items()
            for topic in self._topics
            if TopicPartition(topic.name, number) in partitions
        }

    async def revoked(self, partitions: set[TopicPartition]) -> None:
        """Save what goes to another process and forget it here."""
        numbers = {partition.partition for partition in partitions} & self._owned.keys()
        await until_it_works(lambda: self._hand_over(numbers), what="handing partitions over")
        for number in numbers:
            del self._owned[number]

    async def _hand_over(self, numbers: set[int]) -> None:
        async with self._one_at_a_time:
            await self._commit_pending()
            await self._save(sorted(numbers))

    async def _restore(self, number: int) -> _Owned:
        async with self._database.transaction() as transaction:
            kept = await checkpoints.claim(transaction, number)
        engine = Engine.restore(kept.state) if kept.state is not None else self._make_engine()
        _log.info("partition taken over", partition=number, epoch=kept.epoch, offsets=dict(kept.offsets))
        return _Owned(engine, kept.epoch, dict(kept.offsets))

    async def _commit_pending(self) -> None:
        changes = latest(change for owned in self._owned.values() for change in owned.pending)
        if changes:
            at = self._clock.now()
            async with self._database.transaction() as transaction:
                for change in sorted(changes, key=lambda one: (one.alert.tenant, one.alert.alert_id)):
                    await announce(transaction, change, at=at)
        for owned in self._owned.values():
            owned.pending.clear()

    async def _save(self, numbers: Sequence[int]) -> None:
        at = self._clock.now()
        async with self._database.transaction() as transaction:
            for number in numbers:
                owned = self._owned[number]
                is_ours = await checkpoints.save(
                    transaction, number, epoch=owned.epoch, offsets=owned.offsets, state=owned.engine.snapshot(), at=at
                )
                if not is_ours:
                    _log.warning("partition has another owner now; its state is not saved here", partition=number)
        for number in numbers:
            self._owned[number].has_news = False
