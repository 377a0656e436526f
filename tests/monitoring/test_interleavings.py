"""However the topics of a partition are read one ahead of another, the alerts are those of an undisturbed day."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nuxari_events.envelope import Event
from nuxari_events.wire import encode

from services.monitoring.domain import partition as partition_module
from services.monitoring.domain.engine import Engine
from services.monitoring.domain.lanes import Lanes
from services.monitoring.domain.model import Alert, Change, Fact
from services.monitoring.domain.partition import Partition
from services.monitoring.domain.program import Program
from services.monitoring.handlers import TOPICS
from services.monitoring.service.programs import of_pack
from tests.monitoring.builders import (
    NOON,
    action,
    activated,
    assigned,
    credential_use,
    deactivated,
    ended,
    fact,
    new_owner,
    orphaned,
    prompt,
    reactivated,
    registered,
    revoked,
    role_grant,
    sign_in,
)
from tests.monitoring.streams import standing, told, undisturbed

NAMES = [topic.name for topic in TOPICS]
MINUTE, HOUR = 60, 3600
LATEST = 290
"""Seconds from an event to its arrival, at most: within the five minutes that lateness is allowed."""


def _pack(_: str) -> Program:
    return of_pack()


class Written(NamedTuple):
    """One record of a topic."""

    offset: int
    timestamp: int
    fact: Fact


@dataclass
class Log:
    """Four topics as Kafka keeps them, and as much of them as is written by now."""

    topics: dict[str, list[Written]]
    now_ms: int

    def end(self, topic: str) -> int:
        return bisect_right(self.topics[topic], self.now_ms, key=lambda record: record.timestamp)

    @property
    def last_ms(self) -> int:
        return max((records[-1].timestamp for records in self.topics.values() if records), default=self.now_ms)


@dataclass
class Reader:
    """Monitoring without its plumbing: reads the topics, ticks, is killed and comes again."""

    log: Log
    partition: Partition[Written] = field(init=False)
    changes: list[Change] = field(default_factory=list)
    pending: list[Change] = field(default_factory=list)
    saved: tuple[bytes, dict[str, int]] | None = None
    said: dict[str, int] = field(default_factory=dict)
    read: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        engine = Engine.restore(self.saved[0], _pack) if self.saved else Engine(_pack)
        offsets = self.saved[1] if self.saved else {}
        self.pending = []
        self.is_repeating = True
        self.partition = Partition(engine, Lanes(NAMES, offsets=offsets, said=self.said))
        self.read = {name: offsets.get(name, 0) for name in NAMES}

    def fetch(self, topic: str, count: int) -> None:
        at = self.read[topic]
        records = self.log.topics[topic][at : min(at + count, self.log.end(topic))]
        if records:
            self.partition.lanes.put(topic, records)
            self.read[topic] = records[-1].offset + 1
        for name in NAMES:
            self.partition.lanes.note(name, received=self.read[name], end=self.log.end(name), asked_ms=self.log.now_ms)
        self.correlate()

    def correlate(self) -> None:
        for record in self.partition.lanes.let_through():
            self.note_repeated()
            self.partition.engine.observe(record.fact)
            self.pending += self.partition.engine.settle()
        self.note_repeated()
        self.announce()

    def note_repeated(self) -> None:
        if self.is_repeating and not self.partition.lanes.is_repeating:
            self.pending += self.partition.engine.advance(now_ms=0)
            self.is_repeating = False

    def announce(self) -> None:
        if self.pending and not self.partition.lanes.is_repeating:
            self.changes += self.pending
            self.pending = []
            self.said = self.partition.lanes.offsets

    def tick(self, *, is_killed_before_saving: bool = False) -> None:
        self.pending += self.partition.advance(now_ms=self.log.now_ms)
        self.pending += self.partition.sweep(now_ms=self.log.now_ms)
        self.announce()
        if not is_killed_before_saving and not self.pending:
            self.saved = (self.partition.engine.snapshot(), self.partition.lanes.offsets)

    def finish(self) -> dict[str, Alert]:
        for name in NAMES:
            self.fetch(name, 10_000)
        self.tick()
        assert self.read == {name: len(self.log.topics[name]) for name in NAMES}
        return standing(self.changes)


def _ms(second: float) -> int:
    return round((NOON.timestamp() + second) * 1000)


def _log(arrivals: Sequence[tuple[float, Event]]) -> Log:
    """The topics, each written in the order of arrival, which is counted in seconds from noon."""
    topics: dict[str, list[Written]] = {name: [] for name in NAMES}
    for second, event in sorted(arrivals, key=lambda pair: pair[0]):
        records = topics[encode(event).topic]
        made = fact(event, offset=len(records), ingested=second)
        records.append(Written(len(records), made.ingested_ms, made))
    return Log(topics, now_ms=_ms(-HOUR))


def _undisturbed(log: Log) -> set[tuple[object, ...]]:
    return told(undisturbed(record.fact for records in log.topics.values() for record in records).values())


MAKERS: dict[str, Callable[[int, int], Event]] = {
    "failure": lambda second, n: sign_in(second, _user(n)),
    "success": lambda second, n: sign_in(second, _user(n), ok=True),
    "refused": lambda second, n: prompt(second, _user(n)),
    "action": lambda second, n: action(second, _user(n)),
    "use": lambda second, _: credential_use(second),
    "presented": lambda second, n: credential_use(second, user=_user(n)),
    "grant": lambda second, n: role_grant(second, _user(n)),
    "assigned": lambda second, n: assigned(second, _user(n), origin="bootstrap"),
    "revoked": lambda second, n: revoked(second, _user(n)),
    "deactivated": lambda second, n: deactivated(second, _user(n)),
    "reactivated": lambda second, n: reactivated(second, _user(n)),
    "activated": lambda second, n: activated(second, until=second + [60, 1200, 10_800][n % 3], activation=f"a-{n}"),
    "ended": lambda second, n: ended(second, activation=f"a-{n}"),
    "registered": lambda second, n: registered(second, owner=_user(n)),
    "orphaned": lambda second, n: orphaned(second, owner=_user(n)),
    "new owner": lambda second, n: new_owner(second, owner=_user(n)),
}


def _user(number: int) -> str:
    return ["ada", "ada", "bo"][number % 3]


def _possible(things: list[tuple[str, int, int]]) -> Iterator[tuple[str, int, int]]:
    """Each activation begins once and ends once."""
    seen: set[tuple[str, int]] = set()
    for kind, second, n in things:
        if (kind, n) not in seen:
            yield kind, second, n
        if kind in {"activated", "ended"}:
            seen.add((kind, n))


def _day(things: list[tuple[str, int, int]], bursts: list[tuple[int, int, int]]) -> list[Event]:
    events = [MAKERS[kind](second, n) for kind, second, n in _possible(things)]
    for begin, every, count in bursts:
        events += [sign_in(begin + place * every) for place in range(count)]
    return [event.model_copy(update={"id": f"e{number:02}"}) for number, event in enumerate(events)]


_seconds = st.one_of(st.integers(0, 3 * HOUR), st.integers(HOUR, HOUR + 15 * MINUTE))
_things = st.tuples(st.sampled_from(list(MAKERS)), _seconds, st.integers(0, 5))
_bursts = st.tuples(_seconds, st.sampled_from([1, 50, 66, 67]), st.integers(9, 12))
days = st.builds(_day, st.lists(_things, max_size=30), st.lists(_bursts, max_size=2))
"""A few hours of few people: joins, bursts at the edges of windows, and long silences."""

_delays = st.lists(st.one_of(st.just(0), st.integers(0, LATEST)), min_size=60, max_size=60)


def _as_written(events: list[Event], delays: list[int]) -> list[tuple[float, Event]]:
    """Each event up to `LATEST` after it happened, some of them twice."""
    arrivals = [
        (event.time.timestamp() - NOON.timestamp() + late, event) for event, late in zip(events, delays, strict=False)
    ]
    return arrivals + [(second + 1, event) for second, event in arrivals[::7]]


arrivals = st.builds(_as_written, days, _delays)


def _at_random(reader: Reader, chance: random.Random, *, steps: int) -> None:
    """Fetch from some topic, tick, or be killed."""
    for _ in range(steps):
        what = chance.random()
        if what < 0.7:
            reader.fetch(chance.choice(NAMES), chance.choice([1, 3, 1000]))
        elif what < 0.9:
            reader.tick(is_killed_before_saving=chance.random() < 0.5)
        else:
            reader.begin()


_chances = st.integers(0, 2**32).map(random.Random)


@settings(max_examples=600, deadline=None)
@given(arrivals, _chances)
def test_a_day_that_is_read_as_it_happens_is_the_undisturbed_day(
    written: list[tuple[float, Event]], chance: random.Random
) -> None:
    log = _log(written)
    reader = Reader(log)
    while log.now_ms < log.last_ms:
        log.now_ms += chance.choice([1000, 60_000, 600_000, 3_600_000])
        for name in chance.sample(NAMES, len(NAMES)):
            reader.fetch(name, 1000)
        if chance.random() < 0.7:
            reader.tick()
        if chance.random() < 0.1:
            reader.begin()
    assert told(reader.finish().values()) == _undisturbed(log)


@settings(max_examples=600, deadline=None)
@given(arrivals, _chances)
def test_a_backlog_of_a_day_is_the_undisturbed_day_however_its_topics_are_read(
    written: list[tuple[float, Event]], chance: random.Random
) -> None:
    log = _log(written)
    log.now_ms = log.last_ms + chance.choice([0, 1000, 86_400_000])
    reader = Reader(log)
    _at_random(reader, chance, steps=60)
    assert told(reader.finish().values()) == _undisturbed(log)


@settings(max_examples=600, deadline=None)
@given(arrivals, _chances)
def test_a_backlog_that_is_too_long_to_be_kept_is_the_undisturbed_day_too(
    written: list[tuple[float, Event]], chance: random.Random
) -> None:
    log = _log(written)
    log.now_ms = log.last_ms + 86_400_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(partition_module, "MOST_UNSWEPT", -1)
        reader = Reader(log)
        _at_random(reader, chance, steps=60)
        assert told(reader.finish().values()) == _undisturbed(log)


@settings(max_examples=600, deadline=None)
@given(days, _chances)
def test_topics_that_were_filled_one_after_the_other_are_the_undisturbed_day(
    events: list[Event], chance: random.Random
) -> None:
    order = chance.sample(NAMES, len(NAMES))
    log = _log([(4 * HOUR + order.index(encode(event).topic) * 60, event) for event in sorted(events, key=_time)])
    log.now_ms = log.last_ms + chance.choice([0, 86_400_000])
    reader = Reader(log)
    _at_random(reader, chance, steps=60)
    assert told(reader.finish().values()) == _undisturbed(log)


def test_an_alert_of_a_killed_process_is_taken_back_by_what_its_successor_reads_first() -> None:
    log = _log([(0, action(0)), (30, assigned(30, origin="bootstrap"))])
    reader = Reader(log)
    log.now_ms = _ms(10)
    for name in NAMES:
        reader.fetch(name, 10)
    assert 35 in [alert.rule_number for alert in standing(reader.changes).values()]

    log.now_ms = _ms(60)
    reader.begin()
    reader.fetch("identity.lifecycle", 10)

    assert 35 not in [alert.rule_number for alert in reader.finish().values()]


@pytest.mark.parametrize("hours", [2, 30])
def test_an_alert_shows_the_same_activation_whatever_was_forgotten_meanwhile(hours: int) -> None:
    log = _log(
        [(0, activated(0, until=600)), (hours * HOUR, action(hours * HOUR)), (hours * HOUR, prompt(hours * HOUR))]
    )
    reader = Reader(log)
    for second in (60, HOUR, hours * HOUR - 1):
        log.now_ms = _ms(second)
        for name in NAMES:
            reader.fetch(name, 10)
        reader.tick()
    log.now_ms = log.last_ms
    assert told(reader.finish().values()) == _undisturbed(log)


def _time(event: Event) -> float:
    return event.time.timestamp()
