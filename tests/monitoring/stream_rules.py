"""Rules over made-up events, run by the stream's engine and by reading everything at once, told in the same words."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from services.monitoring.domain.engine import Engine
from services.monitoring.domain.evaluation import Evaluation, Given
from services.monitoring.domain.fact_layout import as_attributes
from services.monitoring.domain.limits import Limits
from services.monitoring.domain.model import Alert, Change, Closed, Fact
from services.monitoring.domain.program import Program, Raising, Source
from services.monitoring.domain.sigma import RuleSet
from services.monitoring.sigma.loading import load

START_MS = 1_772_438_400_000
"""2026-03-02T08:00:00Z, a Monday."""

LATER_MS = START_MS + 40 * 24 * 3_600_000
"""When everything that was waited for is certain."""

Event = Mapping[str, Any]
"""`time` in seconds after the start, `id`, `source`, `tenant`, and whatever the rules look at as `data`."""


def program_of(rules: str | RuleSet) -> Program:
    loaded = load({"rules.yml": rules}) if isinstance(rules, str) else rules
    raising = {one: Raising(severity="low") for one in loaded.raising()}
    return Program(Source(rules=loaded, raising=raising))


def fact(event: Event, *, offset: int = 0) -> Fact:
    time_ms = START_MS + round(event["time"] * 1000)
    return Fact(
        type=event.get("type", "test"),
        source=event.get("source", "/s"),
        id=event["id"],
        time_ms=time_ms,
        tenant=event.get("tenant", "acme"),
        data=as_attributes(event),
        topic="access.activity",
        partition=0,
        offset=offset,
        ingested_ms=event.get("ingested_ms", LATER_MS),
    )


def told_at_once(rules: str | RuleSet, events: Iterable[Event]) -> list[tuple[Any, ...]]:
    """What the offline evaluation finds."""
    evaluation = Evaluation(load({"rules.yml": rules}) if isinstance(rules, str) else rules)
    for place, event in enumerate(events):
        time_ms = START_MS + round(event["time"] * 1000)
        given = Given(
            place=place, time_ms=time_ms, source=event.get("source", "/s"), id=event["id"], fields={"data": event}
        )
        evaluation.take(given)
    return sorted(
        (
            one.head.id,
            tuple(one.group.values()),
            float(one.value),
            one.after_ms,
            one.until_ms,
            one.first_seen_ms,
            one.last_seen_ms,
            one.events_count,
            tuple((event.time_ms, event.id, event.rule) for event in one.evidence),
        )
        for one in evaluation.findings()
    )


def told(alerts: Iterable[Alert]) -> list[tuple[Any, ...]]:
    return sorted(
        (
            alert.rule_id,
            tuple(alert.group.values()),
            alert.value,
            alert.after_ms,
            alert.until_ms,
            alert.first_seen_ms,
            alert.last_seen_ms,
            alert.related_events_count,
            tuple((event.time_ms, event.id, event.role) for event in alert.evidence),
        )
        for alert in alerts
    )


class Stream:
    """An engine that is fed, and the alerts that stood last: those that went quiet included."""

    def __init__(self, programs: Callable[[str], Program], *, limits: Limits | None = None) -> None:
        self._programs, self._limits = programs, limits
        self.engine = Engine(programs, limits=limits)
        self.alerts: dict[str, Alert] = {}
        self.changes: list[Change] = []
        self._offset = 0

    def feed(self, event: Event) -> None:
        self.engine.observe(fact(event, offset=self._offset))
        self._offset += 1

    def settle(self) -> None:
        self._note(self.engine.settle())

    def advance(self, now_ms: int) -> None:
        self._note(self.engine.advance(now_ms=now_ms))

    def sweep(self, now_ms: int) -> None:
        self._note(self.engine.sweep(now_ms=now_ms))

    def crash_and_restore(self) -> None:
        """Begin anew with what a snapshot keeps."""
        self.settle()
        self.engine = Engine.restore(self.engine.snapshot(), self._programs, limits=self._limits)

    def end(self) -> None:
        """Let everything come that time brings."""
        for _ in range(4):
            self.sweep(LATER_MS + 3_600_000)

    def _note(self, changes: Sequence[Change]) -> None:
        self.changes += changes
        for change in changes:
            if not isinstance(change, Closed):
                self.alerts[change.alert.alert_id] = change.alert
            elif change.reason != "quiet":
                self.alerts.pop(change.alert.alert_id, None)


def run(program: Program, events: Iterable[Event], *, chance: random.Random | None = None) -> list[tuple[Any, ...]]:
    """What stands at the end; with chance, settled, ticked, swept and restored at any point on the way."""
    stream = Stream(lambda _: program)
    for event in events:
        stream.feed(event)
        if chance is not None:
            _anything(stream, chance)
    stream.end()
    return told(stream.alerts.values())


def _anything(stream: Stream, chance: random.Random) -> None:
    if chance.random() < 0.3:
        stream.settle()
    if chance.random() < 0.1:
        stream.advance(START_MS)
    if chance.random() < 0.05:
        stream.sweep(START_MS + chance.randrange(60_000))
    if chance.random() < 0.05:
        stream.crash_and_restore()
