"""Rules made ready for the stream: what an event is tested for, which groups it goes to, what is asked of these."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.monitoring.domain import fields
from services.monitoring.domain.absence import ways
from services.monitoring.domain.compiled import compiled
from services.monitoring.domain.conditions import Condition, Text, leaves
from services.monitoring.domain.fact_layout import Facts
from services.monitoring.domain.grouping import Interest, interests
from services.monitoring.domain.matching import Matcher
from services.monitoring.domain.model import Fact, Technique
from services.monitoring.domain.quick import Quick, quick
from services.monitoring.domain.retention import reach_ms
from services.monitoring.domain.sigma import Bound, Correlation, Head, Kind, RuleSet, counts_events, of_single

ALERT_TYPE = "nuxari.security.alert_raised.v1"
"""Of the events as which alerts are fed back to the rules."""


@dataclass(frozen=True, kw_only=True)
class Raising:
    """What is said of a rule that raises alerts, beyond the rule itself."""

    severity: str
    mode: str = "live"


@dataclass(frozen=True, kw_only=True)
class Excepting:
    """Events that a rule does not count."""

    id: str
    rule: str
    reason: str
    condition: Condition
    begins_ms: int
    ends_ms: int


@dataclass(frozen=True, kw_only=True)
class Source:
    """What a program is made of."""

    rules: RuleSet
    raising: Mapping[str, Raising]
    """By the rule's id: only these raise."""
    exceptions: Sequence[Excepting] = ()
    layout: Facts = field(default_factory=Facts)


class Ready(NamedTuple):
    """One correlation, or one rule of single events that raises, made ready."""

    place: int
    rule: Correlation
    about: Raising | None
    """None: it raises nothing, it only serves others."""
    version: str
    number: int
    """Of the catalogue of detections; 0 of a tenant's own."""
    name: str
    quiet_ms: int
    keep_ms: int
    """How far back something may look that rests on its events."""
    is_single: bool
    """Whether an event is judged by itself: then one that is too late for windows is judged all the same."""
    is_each: bool
    """Whether the value of an episode is how many events it has."""
    is_absence: bool
    pending_ms: int
    """How long it may take until it is certain that it holds at an event."""
    is_once: bool
    """Whether an event that several of its rules match counts once."""
    is_join: bool
    """Whether an event can make a standing alert fall: then it is looked at now and not at the next tick."""
    is_fed_back: bool
    """Whether its alerts are events for other rules."""
    quick: Quick
    shape: str
    attack: tuple[Technique, ...]
    tactics: tuple[str, ...]


class Program:
    """The rules of one configuration, compiled once."""

    def __init__(self, source: Source) -> None:
        singles = [of_single(one) for one in source.rules.selections.values() if one.head.id in source.raising]
        rules = RuleSet(source.rules.selections, (*source.rules.correlations, *singles))
        selections = source.rules.selections
        self.matcher = Matcher([one.condition for one in selections.values()], source.layout)
        self.selections = tuple(selections)
        of_facts = interests(rules, source.layout.reader)
        self.interests = tuple(tuple(of_facts.get(name, ())) for name in selections)
        """By the bit of the rule that matched."""
        below = interests(RuleSet(selections, source.rules.correlations), fields.reader)
        self.above: list[tuple[Interest, ...]] = [
            tuple(below.get(one.head.id, ())) if one.head.id not in selections else () for one in rules.correlations
        ]
        self.ready = tuple(_readies(rules, source, self.above, singles=len(singles)))
        self.place_of = {one.rule.head.id: one.place for one in self.ready}
        heads = [*(one.head for one in selections.values()), *(one.head for one in rules.correlations)]
        self.names = {head.id: _name(head) for head in heads}
        """What rules are called in evidence, by id."""
        self.exceptions = _exceptions(source)
        self.feeds_back = any(ALERT_TYPE in _literals(one.condition) for one in selections.values())

    def excepted(self, rule: str, fact: Fact, time_ms: int) -> str:
        """Return the id of the exception that says that the rule does not count the event; empty if none does."""
        for one, holds in self.exceptions.get(rule, ()):
            if one.begins_ms <= time_ms < one.ends_ms and holds(fact):
                return one.id
        return ""


def _readies(rules: RuleSet, source: Source, above: Sequence[Sequence[Interest]], *, singles: int) -> Iterator[Ready]:
    keeps = _keeps(rules, above)
    count = len(rules.correlations)
    fed = _looked_at_by_alert_rules(rules)
    for place, rule in enumerate(rules.correlations):
        is_single = place >= count - singles
        about = source.raising.get(rule.head.id)
        is_each = counts_events(rule, is_single=is_single)
        yield Ready(
            place=place,
            rule=rule,
            about=about,
            version=_version(rules, rule, about),
            number=int(rule.head.extensions.get("detection", 0)),
            name=_name(rule.head),
            quiet_ms=rule.quiet // timedelta(milliseconds=1),
            keep_ms=keeps[place],
            is_single=is_single,
            is_each=is_each,
            is_absence=(absence := _is_absence(rule)),
            pending_ms=rule.timespan // timedelta(milliseconds=1) if absence else 0,
            is_once=len(rule.references) > 1 and rule.kind not in (Kind.TEMPORAL, Kind.TEMPORAL_ORDERED),
            is_join=(is_each and not is_single) or not isinstance(rule.condition, Bound),
            is_fed_back=rule.head.id not in fed,
            quick=quick(rule),
            shape=_shape(rules, rule),
            attack=_attack(rule.head),
            tactics=_tactics(rule.head),
        )


def _is_absence(rule: Correlation) -> bool:
    return not isinstance(rule.condition, Bound) and any(way.unwanted for way in ways(rule.condition))


def _keeps(rules: RuleSet, above: Sequence[Sequence[Interest]]) -> list[int]:
    """Return how far back each correlation's events may be asked for, by it or by what rests on it."""
    found = [0] * len(rules.correlations)
    for place in range(len(rules.correlations) - 1, -1, -1):
        upper = max((found[one.correlation] for one in above[place]), default=0)
        found[place] = reach_ms(rules.correlations[place]) + upper
    return found


def _looked_at_by_alert_rules(rules: RuleSet) -> frozenset[str]:
    """Return the rules that look at alerts: their own are not fed back to them."""
    found = {name for name, one in rules.selections.items() if ALERT_TYPE in _literals(one.condition)}
    for rule in rules.correlations:
        if found & set(rule.references):
            found.add(rule.head.id)
    return frozenset(found)


def _literals(condition: Condition) -> frozenset[str]:
    return frozenset(
        str(test.check.literal)
        for test in leaves(condition)
        if test.field == "type" and isinstance(test.check, Text) and test.check.literal is not None
    )


def _exceptions(source: Source) -> dict[str, list[tuple[Excepting, Callable[[Any], bool]]]]:
    found: dict[str, list[tuple[Excepting, Callable[[Any], bool]]]] = {}
    for one in source.exceptions:
        match = compiled({0: one.condition}, source.layout)
        if match is not None:
            found.setdefault(one.rule, []).append((one, _as_bool(match)))
    return found


def _as_bool(match: Callable[[Any], int]) -> Callable[[Any], bool]:
    return lambda event: bool(match(event))


def _name(head: Head) -> str:
    return head.name or head.id


def _attack(head: Head) -> tuple[Technique, ...]:
    said: Mapping[str, Sequence[str]] = head.extensions.get("attack", {})
    return tuple(Technique(id_, version) for version, ids in said.items() for id_ in ids)


def _tactics(head: Head) -> tuple[str, ...]:
    names = (tag.removeprefix("attack.") for tag in head.tags if tag.startswith("attack."))
    return tuple(name for name in names if not name[:2].lower().startswith(("t0", "t1", "t2", "g0", "s0")))


def _version(rules: RuleSet, rule: Correlation, about: Raising | None) -> str:
    """First 12 hex digits of the SHA-256 of the definition: another definition is another version."""
    return _hash([repr(rule), repr(about), *_definitions(rules, rule.references)])


def _shape(rules: RuleSet, rule: Correlation) -> str:
    """Return a hash of what decides which entries a group holds: with the same one a changed rule goes on with them."""
    own = (rule.kind, rule.references, rule.group_by, sorted(map(repr, rule.aliases.items())))
    fields_read = repr(rule.condition.fields) if isinstance(rule.condition, Bound) else repr(rule.condition)
    return _hash([repr(own), fields_read, repr((rule.extension, rule.also)), *_definitions(rules, rule.references)])


def _definitions(rules: RuleSet, references: Iterable[str]) -> Iterator[str]:
    for one in references:
        if one in rules.selections:
            yield repr(rules.selections[one].condition)
        else:
            below = next(rule for rule in rules.correlations if rule.head.id == one)
            yield repr(below)
            yield from _definitions(rules, below.references)


def _hash(parts: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def milliseconds(at: datetime) -> int:
    """Return the time in milliseconds since 1970."""
    return round(at.timestamp() * 1000)
