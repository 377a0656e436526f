"""Rules over a whole set of events at once, in event time: nothing has to be guessed, as everything is there.

The stream's engine must come to the same findings one event at a time; this is what it is measured against.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import chain
from typing import Any, NamedTuple

from services.monitoring.domain.fields import Read, reader
from services.monitoring.domain.predicates import Predicate, predicate
from services.monitoring.domain.sigma import Bound, Correlation, Head, RuleSet
from services.monitoring.domain.windows import Hold, holds

EVIDENCE_AT_EACH_END = 32


@dataclass(frozen=True, kw_only=True)
class Given:
    """One event that the rules are run over."""

    place: int
    """Its line, from 1."""
    time_ms: int
    source: str
    id: str
    fields: Mapping[str, Any]


class Match(NamedTuple):
    """One event that a rule matched, or one match of a correlation; they sort as the events do."""

    time_ms: int
    source: str
    id: str
    rule: str
    values: tuple[Any, ...] | None
    events: tuple[Evidence, ...]


class Evidence(NamedTuple):
    """One event that a finding rests on."""

    time_ms: int
    place: int
    source: str
    id: str
    rule: str
    """The id of the rule that matched it."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One run of matches of one rule in one group."""

    head: Head
    group: Mapping[str, str]
    value: float
    """The highest that was reached, over `(after, until]`."""
    condition: Bound | None
    """What the value was held against; None for a rule of single events and for an extended condition."""
    after_ms: int
    until_ms: int
    first_seen_ms: int
    last_seen_ms: int
    events_count: int
    evidence: Sequence[Evidence]
    """The first and the last ones where there are more than twice 32."""


class _Interest(NamedTuple):
    """What a correlation takes of a rule's matches."""

    correlation: int
    """Its place in the rule set."""
    names: tuple[str, ...]
    """What the fields that it groups by are called here."""
    keys: tuple[Read, ...]
    values: tuple[Read, ...] | None
    """None where the condition has no fields."""


_Key = tuple[str, ...]


class Evaluation:
    """Takes events in any order; says at the end what the rules found."""

    def __init__(self, rules: RuleSet) -> None:
        self.counters: Counter[str] = Counter()
        self._rules = rules
        self._raising = rules.raising()
        self._predicates: list[tuple[str, Predicate]] = [
            (name, predicate(rule.condition)) for name, rule in rules.selections.items()
        ]
        self._interests = _interests(rules)
        self._matches: list[dict[_Key, list[Match]]] = [{} for _ in rules.correlations]
        self._singles: list[tuple[str, Given]] = []
        self._seen: set[tuple[str, str]] = set()

    def take(self, event: Given) -> None:
        """Run every rule over the event; the same source and id a second time is a duplicate."""
        identity = (event.source, event.id)
        if identity in self._seen:
            self.counters["duplicates"] += 1
            return
        self._seen.add(identity)
        self.counters["events"] += 1
        fields = event.fields
        for name, holds_for in self._predicates:
            if holds_for(fields):
                self._note(name, event)

    def findings(self) -> list[Finding]:
        """Return what was found, in the order of time."""
        found = [_single(self._rules.selections[name].head, event) for name, event in self._singles]
        for place, rule in enumerate(self._rules.correlations):
            for key, matches in self._matches[place].items():
                matches.sort()
                found += self._correlated(rule, key, matches)
        return sorted(found, key=lambda one: (one.until_ms, one.head.id, sorted(one.group.items())))

    def _note(self, rule: str, event: Given) -> None:
        self.counters["matches"] += 1
        if rule in self._raising:
            self._singles.append((rule, event))
        evidence = (Evidence(event.time_ms, event.place, event.source, event.id, rule),)
        for interest in self._interests.get(rule, ()):
            self._add(interest, rule, event, fields=event.fields, events=evidence)

    def _add(
        self,
        interest: _Interest,
        rule: str,
        at: Given | Match,
        *,
        fields: Mapping[str, Any],
        events: tuple[Evidence, ...],
    ) -> None:
        """A match without a field to group by belongs to nobody: strangers are never put together."""
        key = tuple(_text(read(fields)) for read in interest.keys)
        if None in key:
            self.counters["unkeyed"] += 1
            return
        values = None
        if interest.values is not None:
            values = tuple(_hashable(read(fields)) for read in interest.values)
            values = None if None in values else values
        match = Match(at.time_ms, at.source, at.id, rule, values, events)
        self._matches[interest.correlation].setdefault(key, []).append(match)  # type: ignore[arg-type]

    def _correlated(self, rule: Correlation, key: _Key, matches: list[Match]) -> Iterator[Finding]:
        found = list(holds(rule, matches))
        group = dict(zip(rule.group_by, key, strict=True))
        for interest in self._interests.get(rule.head.id, ()):
            for hold in found:
                events = _events(matches, hold.first, hold.last)
                self._add(interest, rule.head.id, matches[hold.last], fields=group, events=events)
        if rule.head.id in self._raising:
            for run in _runs(rule, matches, found):
                yield _finding(rule, group, matches, run)


def quiet_of(rule: Correlation) -> timedelta:
    """Return how long a run of matches may pause: what the rule says under `nuxari: quiet`, else its timespan."""
    said: timedelta | None = rule.head.extensions.get("quiet")
    return said or rule.timespan


def _interests(rules: RuleSet) -> dict[str, list[_Interest]]:
    found: dict[str, list[_Interest]] = {}
    for place, rule in enumerate(rules.correlations):
        fields = rule.condition.fields if isinstance(rule.condition, Bound) else ()
        for reference in dict.fromkeys(rule.references):
            names = tuple(rule.aliases.get(name, {}).get(reference, name) for name in rule.group_by)
            values = tuple(rule.aliases.get(name, {}).get(reference, name) for name in fields)
            interest = _Interest(
                place, names, tuple(map(reader, names)), tuple(map(reader, values)) if values else None
            )
            found.setdefault(reference, []).append(interest)
    return found


def _runs(rule: Correlation, matches: Sequence[Match], found: Sequence[Hold]) -> Iterator[list[Hold]]:
    """Yield the holds that are one episode: none further from the one before than the quiet period."""
    quiet_ms = quiet_of(rule) // timedelta(milliseconds=1)
    run: list[Hold] = []
    for hold in found:
        if run and matches[hold.last].time_ms - matches[run[-1].last].time_ms > quiet_ms:
            yield run
            run = []
        run.append(hold)
    if run:
        yield run


def _finding(rule: Correlation, group: Mapping[str, str], matches: Sequence[Match], run: Sequence[Hold]) -> Finding:
    best = max(run, key=lambda hold: hold.value)
    first, last = min(hold.first for hold in run), run[-1].last
    events = _events(matches, first, last)
    return Finding(
        head=rule.head,
        group=group,
        value=best.value,
        condition=rule.condition if isinstance(rule.condition, Bound) else None,
        after_ms=best.after_ms,
        until_ms=matches[best.last].time_ms,
        first_seen_ms=events[0].time_ms,
        last_seen_ms=events[-1].time_ms,
        events_count=len(events),
        evidence=shown(events),
    )


def _single(head: Head, event: Given) -> Finding:
    evidence = (Evidence(event.time_ms, event.place, event.source, event.id, head.id),)
    return Finding(
        head=head,
        group={},
        value=1,
        condition=None,
        after_ms=event.time_ms - 1,
        until_ms=event.time_ms,
        first_seen_ms=event.time_ms,
        last_seen_ms=event.time_ms,
        events_count=1,
        evidence=evidence,
    )


def _events(matches: Sequence[Match], first: int, last: int) -> tuple[Evidence, ...]:
    """Return the events of the matches, each once, in order."""
    return tuple(sorted(set(chain.from_iterable(match.events for match in matches[first : last + 1]))))


def shown(events: Sequence[Evidence]) -> Sequence[Evidence]:
    """Return the first and the last of many."""
    if len(events) <= 2 * EVIDENCE_AT_EACH_END:
        return events
    return (*events[:EVIDENCE_AT_EACH_END], *events[-EVIDENCE_AT_EACH_END:])


def _text(value: Any) -> str | None:  # noqa: ANN401 - any JSON
    """Return the value as part of a group's key; a list or an object is no key."""
    if value is None or isinstance(value, list | dict):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _hashable(value: Any) -> Any:  # noqa: ANN401 - any JSON
    return repr(value) if isinstance(value, list | dict) else value
