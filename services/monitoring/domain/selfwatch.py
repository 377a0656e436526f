"""Monitoring watches what it hears: a source that falls silent, loses or repeats events, or has a wrong clock.

These are detections of number 56 that no rule can say, as they are about events that are not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID, uuid5

import msgspec

from services.monitoring.domain.model import Alert, Change, Closed, Entity, Fact, Raised, Shown, Technique

_NAMESPACE = UUID("6f0c7f0e-26a5-5d0f-9a43-3d3b1c0a7a11")

_MINUTE = 60_000
LEAST_SILENCE_MS = 10 * _MINUTE
"""A shorter pause is none, however busy the source is otherwise."""
TIMES_P99 = 3
"""So many times the pause that 99 of 100 of its pauses do not reach."""
LEARNED = 100
"""Pauses that have to be known before one is called too long."""
SKEWED_IN_A_ROW = 10
"""Events from the future by which a clock is called wrong; one may be a slip."""
MOST_GAPS = 64
"""Gaps of a source that are waited for at a time; beyond these the oldest are taken for lost."""

REMEMBERED = 32
"""Events of a sequence that are remembered, so that a repeated number is told from a repeated event."""
HELD_MS = 24 * 60 * _MINUTE
"""What is lost or repeated is said for so long."""

_ATTACK = (Technique("T1562.008", "v18"), Technique("T1685.002", "v19"))


class Heard(msgspec.Struct, array_like=True):
    """The last event of a source on a topic: what an alert about its silence rests on."""

    time_ms: int
    id: str
    type: str
    partition: int
    offset: int


class Gap(msgspec.Struct, array_like=True):
    """Numbers of a sequence that did not come: from the first to the last one, and when the next one came."""

    first: int
    last: int
    since_ms: int


class Watch(msgspec.Struct):
    """What is known of one source on one topic."""

    newest_ms: int
    """Its own clock: the newest event."""
    heard_ms: int
    """Ours: when Kafka took its last event."""
    last: Heard | None = None
    pauses: list[int] = []
    """How many pauses lasted 2**n ms at most and more than half of it."""
    learned: int = 0
    next_number: int | None = None
    gaps: list[Gap] = []
    recent: list[tuple[int, str]] = []
    """The last numbers and the events that had them."""
    repeated_ms: int | None = None
    """When a number came that another event had."""
    skewed: int = 0
    """Events from the future in a row."""
    standing: dict[str, Alert] = {}

    def hear(self, fact: Fact, *, is_skewed: bool) -> None:
        """Take note of an event."""
        pause = max(fact.ingested_ms - self.heard_ms, 0).bit_length()
        if len(self.pauses) <= pause:
            self.pauses.extend([0] * (pause + 1 - len(self.pauses)))
        self.pauses[pause] += 1
        self.learned += 1
        self.heard_ms = max(self.heard_ms, fact.ingested_ms)
        self.last = Heard(fact.time_ms, fact.id, fact.type, fact.partition, fact.offset)
        self.skewed = self.skewed + 1 if is_skewed else 0
        if fact.sequence is not None and fact.sequence.isdecimal():
            self._count(int(fact.sequence), fact)

    def longest_pause_ms(self) -> int | None:
        """Return the pause from which on the source is silent; None while too little is known of it."""
        if self.learned < LEARNED:
            return None
        left = self.learned - self.learned // 100
        for exponent, count in enumerate(self.pauses):
            left -= count
            if left <= 0:
                return max(LEAST_SILENCE_MS, TIMES_P99 << exponent)
        return LEAST_SILENCE_MS

    def _count(self, number: int, fact: Fact) -> None:
        """Follow the sequence: a missing number is a gap until it comes, one that another event had is a replay."""
        if self.next_number is None or number == self.next_number:
            self.next_number = number + 1
        elif number > self.next_number:
            self.gaps.append(Gap(self.next_number, number - 1, fact.ingested_ms))
            self.next_number = number + 1
            del self.gaps[:-MOST_GAPS]
        else:
            self._fill(number)
            if any(other == number and id_ != fact.id for other, id_ in self.recent):
                self.repeated_ms = fact.ingested_ms
        self.recent = [*self.recent[-REMEMBERED + 1 :], (number, fact.id)]

    def _fill(self, number: int) -> None:
        for place, gap in enumerate(self.gaps):
            if gap.first <= number <= gap.last:
                below, above = Gap(gap.first, number - 1, gap.since_ms), Gap(number + 1, gap.last, gap.since_ms)
                self.gaps[place : place + 1] = [one for one in (below, above) if one.first <= one.last]
                return


def look(tenant: str, topic: str, source: str, watch: Watch, *, now_ms: int, lateness_ms: int) -> Iterator[Change]:
    """Yield what changed about a source by now; called every few seconds."""
    found = {alert.alert_id: alert for alert in _found(tenant, topic, source, watch, now_ms, lateness_ms)}
    for alert_id, alert in found.items():
        if alert_id not in watch.standing:
            yield Raised(alert)
    for alert_id, alert in watch.standing.items():
        if alert_id not in found:
            yield Closed(alert, "quiet")
    watch.standing = {alert_id: watch.standing.get(alert_id, alert) for alert_id, alert in found.items()}


def _found(tenant: str, topic: str, source: str, watch: Watch, now_ms: int, lateness_ms: int) -> Iterator[Alert]:
    longest = watch.longest_pause_ms()
    silence = now_ms - watch.heard_ms
    if longest is not None and silence > longest:
        yield _alert(
            tenant,
            topic,
            source,
            watch,
            kind="connector_silent",
            title="A source has fallen silent",
            summary=f"{source} has sent nothing on {topic} for longer than {longest // _MINUTE} minutes",
            value=silence,
            threshold=longest,
            mark=watch.last.id if watch.last else "",
        )
    watch.gaps = [gap for gap in watch.gaps if now_ms - gap.since_ms < HELD_MS]
    lost = [gap for gap in watch.gaps if now_ms - gap.since_ms > lateness_ms]
    if lost:
        count = sum(gap.last - gap.first + 1 for gap in lost)
        yield _alert(
            tenant,
            topic,
            source,
            watch,
            kind="sequence_gap",
            title="Events of a source are missing",
            summary=f"{count} events of {source} on {topic} are missing, the first has sequence {lost[0].first}",
            value=count,
            threshold=1,
            mark=str(lost[0].first),
        )
    if watch.repeated_ms is not None and now_ms - watch.repeated_ms < HELD_MS:
        yield _alert(
            tenant,
            topic,
            source,
            watch,
            kind="sequence_repeated",
            title="A source repeats numbers of its sequence",
            summary=f"Other events of {source} on {topic} came with numbers that were given before",
            value=1,
            threshold=1,
            mark=str(watch.repeated_ms),
        )
    if watch.skewed >= SKEWED_IN_A_ROW:
        yield _alert(
            tenant,
            topic,
            source,
            watch,
            kind="clock_skew",
            title="The clock of a source is ahead",
            summary=f"The last {SKEWED_IN_A_ROW} or more events of {source} on {topic} are from the future",
            value=watch.skewed,
            threshold=SKEWED_IN_A_ROW,
            mark="skew",
        )


def _alert(  # noqa: PLR0913 - what an alert says
    tenant: str,
    topic: str,
    source: str,
    watch: Watch,
    *,
    kind: str,
    title: str,
    summary: str,
    value: float,
    threshold: float,
    mark: str,
) -> Alert:
    last = watch.last or Heard(watch.newest_ms, "", "", 0, 0)
    shown = Shown(last.time_ms, source, last.id, "last_event", topic, last.partition, last.offset, last.type)
    return Alert(
        alert_id=str(uuid5(_NAMESPACE, f"{tenant}\x1f{kind}\x1f{topic}\x1f{source}\x1f{mark}")),
        tenant=tenant,
        rule_id=kind,
        rule_number=56,
        rule_title=title,
        rule_version="1",
        severity="high",
        summary=summary,
        group={"source": source, "topic": topic},
        after_ms=watch.heard_ms,
        until_ms=watch.heard_ms + 1,
        value=float(value),
        threshold=float(threshold),
        first_seen_ms=last.time_ms,
        last_seen_ms=last.time_ms,
        related_events_count=1,
        evidence=(shown,),
        attack=_ATTACK,
        entities=(Entity("source", source),),
        tactics=("defense-evasion",),
    )
