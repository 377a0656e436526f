"""The partitions that this process owns: fed, ticked, saved, handed over; nothing is lost on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import NamedTuple, Protocol

import msgspec
import structlog
from aiokafka import TopicPartition
from nuxari_events.topics import Topic

from services.monitoring.domain.engine import Engine, Programs
from services.monitoring.domain.lanes import Lanes
from services.monitoring.domain.model import Alert, Change, Closed, Fact
from services.monitoring.domain.partition import Partition
from services.monitoring.service.announcing import announce_all, latest
from services.monitoring.store import checkpoints
from shared.clock import Clock
from shared.errors import TransientError
from shared.messaging.reliability import ConsumerHaltedError, until_it_works
from shared.messaging.subscription import Record
from shared.persistence.database import Database, Transaction

TICK_SECONDS = 0.5
SAVE_SECONDS = 5.0
"""How much is correlated again after a crash, at most."""

_log = structlog.get_logger(__name__)

Intake = Callable[[Record, Callable[[Fact], None]], Awaitable[None]]
"""Makes sense of one record: gives it over as a fact, or deals with what is none. TransientError: it cannot, now."""


class End(NamedTuple):
    """Where a topic's partition ended when Kafka was asked last."""

    offset: int
    asked_ms: int


class Reading(Protocol):
    """What is known of how the topics are read."""

    def positions(self) -> Mapping[TopicPartition, int]:
        """Return the next offset to be read of each partition that is assigned, where it is known."""

    def ends(self) -> Mapping[TopicPartition, End]:
        """Return where each partition ended, where Kafka was asked."""

    def hold(self, partitions: Collection[TopicPartition]) -> None:
        """Read no more of these for now, and go on with all others."""


@dataclass
class _Owned:
    """One partition of all topics."""

    partition: Partition[Record]
    epoch: int
    pending: list[Change] = field(default_factory=list)
    """Changes that are not committed yet: kept until they are, as the engine will not make them again."""
    has_news: bool = False
    is_repeating: bool = True
    """Whether it only finds out what a process that was killed has announced already."""

    def observe(self, fact: Fact) -> None:
        self.partition.engine.observe(fact)
        self.pending += self.partition.engine.settle()

    def note_repeated(self) -> None:
        """See whether that is done; what was put off is looked at first, as it was then."""
        if self.is_repeating and not self.partition.lanes.is_repeating:
            self.pending += self.partition.engine.advance(now_ms=0)
            self.is_repeating = False


class Correlation:
    """Owner of partitions: `take` and `tick` never run at once, so a checkpoint is of one moment."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        topics: Sequence[Topic],
        intake: Intake,
        programs: Programs,
        silenced: Callable[[Alert, datetime], Alert] = lambda alert, _: alert,
        prepared: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._topics = topics
        self._intake = intake
        self._programs = programs
        self._silenced = silenced
        self._prepared = prepared
        self._reading: Reading | None = None
        self._owned: dict[int, _Owned] = {}
        self._one_at_a_time = asyncio.Lock()
        self._batches = 0
        self._is_in_hand = False
        self._stood: tuple[int, Mapping[TopicPartition, int]] | None = None
        self._halted = False

    def follow(self, reading: Reading) -> None:
        """Learn from there how far the topics are read; until then nothing is let through."""
        self._reading = reading

    @property
    def counters(self) -> Counter[str]:
        """Return the engines' counters, summed."""
        return sum((owned.partition.engine.counters for owned in self._owned.values()), Counter())

    async def take(self, records: Sequence[Record]) -> None:
        """Take records in, correlate what need not wait, and announce what that changes.

        Raises:
            TransientError: what was taken before is not dealt with yet, and of these records nothing was taken.
        """
        self._is_in_hand = True
        async with self._one_at_a_time:
            await self._go_on()
            self._batches += 1
            self._put(records)
            try:
                await self._go_on()
            except TransientError as error:
                _log.warning("what was taken waits", records=len(records), error=str(error))
            except ConsumerHaltedError:
                self._halted = True
                raise
            self._hold_what_is_full()
        self._is_in_hand = False

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
            self._note_ends(self._settled())
            if not self._halted:
                await self._go_on()
            now_ms = int(self._clock.now().timestamp() * 1000)
            for owned in self._owned.values():
                owned.partition.engine.reload()
                owned.pending += owned.partition.advance(now_ms=now_ms)
                if save:
                    owned.pending += owned.partition.sweep(now_ms=now_ms)
                owned.partition.lanes.look()
            await self._announce()
            if save:
                await self._save([number for number, owned in self._owned.items() if owned.has_news])
            self._hold_what_is_full()

    async def assigned(self, partitions: set[TopicPartition]) -> Mapping[TopicPartition, int]:
        """Restore each partition's state and return where to read on: where the state was saved, else the beginning."""
        if self._prepared is not None:
            await self._prepared()  # else the first events would meet rules that nobody has set yet
        restored = {
            number: await until_it_works(lambda n=number: self._restore(n), what="a checkpoint")  # type: ignore[misc]
            for number in {partition.partition for partition in partitions}
        }
        async with self._one_at_a_time:
            self._owned |= restored  # all at once: until reading begins at these offsets, positions mean something else
        return {
            TopicPartition(topic, number): offset
            for number, owned in restored.items()
            for topic, offset in owned.partition.lanes.offsets.items()
            if TopicPartition(topic, number) in partitions
        }

    async def revoked(self, partitions: set[TopicPartition]) -> None:
        """Save what goes to another process and forget it here."""
        numbers = {partition.partition for partition in partitions} & self._owned.keys()
        await until_it_works(lambda: self._hand_over(numbers), what="handing partitions over")

    async def _hand_over(self, numbers: set[int]) -> None:
        async with self._one_at_a_time:
            await self._announce()
            await self._save(sorted(numbers & self._owned.keys()))
            for number in numbers:
                self._owned.pop(number, None)
            self._hold_what_is_full()

    async def _restore(self, number: int) -> _Owned:
        async with self._database.transaction() as transaction:
            kept = await checkpoints.claim(transaction, number)
        engine = self._engine(number, kept.state)
        lanes: Lanes[Record] = Lanes([topic.name for topic in self._topics], offsets=kept.offsets, said=kept.announced)
        _log.info("partition taken over", partition=number, epoch=kept.epoch, offsets=dict(kept.offsets))
        return _Owned(Partition(engine, lanes), kept.epoch)

    def _engine(self, number: int, state: bytes | None) -> Engine:
        """Return the engine with its state; a state that this version cannot read is dropped, and that is said."""
        if state is None:
            return Engine(self._programs)
        try:
            return Engine.restore(state, self._programs)
        except msgspec.ValidationError:
            _log.exception("the state of a partition has another form; windows begin anew", partition=number)
            return Engine(self._programs)

    def _put(self, records: Sequence[Record]) -> None:
        positions = self._reading.positions() if self._reading else {}
        for (topic, number), group in groupby(records, key=lambda record: (record.topic, record.partition)):
            some = list(group)
            owned = self._owned.get(number)
            # what was fetched before the partition was given anew, and read from elsewhere, will come again
            if owned is not None and some[-1].offset < positions.get(
                TopicPartition(topic, number), some[-1].offset + 1
            ):
                owned.partition.lanes.put(topic, some)
        self._note_ends(positions)

    def _note_ends(self, positions: Mapping[TopicPartition, int]) -> None:
        """Take in where each topic ended, and how far each is read; only what was taken may count as read."""
        ends = self._reading.ends() if self._reading else {}
        for number, owned in self._owned.items():
            for topic in self._topics:
                place = TopicPartition(topic.name, number)
                end = ends.get(place)
                owned.partition.lanes.note(
                    topic.name,
                    received=positions.get(place),
                    end=end.offset if end else None,
                    asked_ms=end.asked_ms if end else -1,
                )

    def _settled(self) -> Mapping[TopicPartition, int]:
        """Return the positions if they stood still since the last tick: then nothing is on its way from there to here.

        They tell of what has no records, such as the marks of transactions and what was cleaned up.
        """
        if self._is_in_hand or self._reading is None:
            self._stood = None
            return {}
        now = (self._batches, dict(self._reading.positions()))
        stood, self._stood = self._stood, now
        return now[1] if now == stood else {}

    def _hold_what_is_full(self) -> None:
        if self._reading is not None:
            self._reading.hold(
                [
                    TopicPartition(topic, number)
                    for number, owned in self._owned.items()
                    for topic in owned.partition.lanes.full
                ]
            )

    async def _go_on(self) -> None:
        """Correlate what need not wait and announce what that changes."""
        for owned in self._owned.values():
            for record in owned.partition.lanes.let_through():
                owned.note_repeated()
                await self._intake(record, owned.observe)
                owned.has_news = True
            owned.note_repeated()
        await self._announce()

    async def _announce(self) -> None:
        """Commit the pending changes, unless they repeat a former owner's; whoever is owner no longer says nothing."""
        ready = {n: one for n, one in sorted(self._owned.items()) if one.pending and not one.is_repeating}
        if not ready:
            return
        at = self._clock.now()
        async with self._database.transaction() as transaction:
            ours = {n: one for n, one in ready.items() if await self._note_announced(transaction, n, one)}
            changes = latest(change for owned in ours.values() for change in owned.pending)
            await announce_all(transaction, [self._as_silenced(one, at) for one in changes], at=at)
        for number, owned in ready.items():
            owned.pending.clear()
            if number not in ours:
                self._lose(number)

    def _as_silenced(self, change: Change, at: datetime) -> Change:
        """Return the change with the alert as its tenant's silences leave it."""
        if isinstance(change, Closed):
            return change
        return msgspec.structs.replace(change, alert=self._silenced(change.alert, at))

    async def _note_announced(self, transaction: Transaction, number: int, owned: _Owned) -> bool:
        offsets = owned.partition.lanes.offsets
        return await checkpoints.note_announced(transaction, number, epoch=owned.epoch, offsets=offsets)

    async def _save(self, numbers: Sequence[int]) -> None:
        """Save state that is announced; what is not must be correlated again by whoever comes after a crash."""
        at = self._clock.now()
        saved = {number: self._owned[number] for number in numbers if not self._owned[number].pending}
        lost = []
        async with self._database.transaction() as transaction:
            for number, owned in saved.items():
                offsets, state = owned.partition.lanes.offsets, owned.partition.engine.snapshot()
                if not await checkpoints.save(
                    transaction, number, epoch=owned.epoch, offsets=offsets, state=state, at=at
                ):
                    lost.append(number)
        for owned in saved.values():
            owned.has_news = False
        for number in lost:
            self._lose(number)

    def _lose(self, number: int) -> None:
        """Another process took the partition; Kafka will say so here too, in a moment."""
        _log.warning("partition has another owner now; nothing of it is said or saved here", partition=number)
        del self._owned[number]
