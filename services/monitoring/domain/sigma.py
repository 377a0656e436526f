"""Sigma rules and correlations as data: what the engine evaluates, whatever file they came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from services.monitoring.domain.conditions import Condition
from services.monitoring.domain.extensions import Extension, Further, IntervalJoin, fields_of, fields_of_further

DEEPEST = 10
"""Correlations of correlations of ...: so many levels, and no cycle."""


QUIET = timedelta(minutes=30)
"""An episode of what needs no window is over when nothing came for so long."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """What every rule says about itself."""

    id: str
    """The rule's UUID, else its name, else its title."""
    name: str | None
    title: str
    level: str = "informational"
    description: str = ""
    tags: tuple[str, ...] = ()
    false_positives: tuple[str, ...] = ()
    extensions: Mapping[str, Any] = field(default_factory=dict)
    """What stands under the rule's key `nuxari`."""


@dataclass(frozen=True, kw_only=True)
class LogSource:
    """Where a rule looks; None is everywhere."""

    category: str | None = None
    product: str | None = None
    service: str | None = None


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A Sigma rule: what it says of one event."""

    head: Head
    logsource: LogSource
    condition: Condition


class Kind(StrEnum):
    """The types of Sigma correlation rules v2.1."""

    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"


@dataclass(frozen=True, kw_only=True)
class Bound:
    """`value <operator> number`; operators are `gte`, `gt`, `lte`, `lt`, `eq`, `neq`."""

    operator: str
    number: int | float
    fields: tuple[str, ...] = ()
    """Whose values are counted, as tuples, or calculated with."""
    percentile: int | None = None


@dataclass(frozen=True)
class Reference:
    """Another rule, in an extended condition."""

    id: str


@dataclass(frozen=True)
class All:
    """All of it happened in the window."""

    of: tuple[Happened, ...]


@dataclass(frozen=True)
class Any_:  # noqa: N801 - `Any` is taken
    """One of it happened in the window."""

    of: tuple[Happened, ...]


@dataclass(frozen=True)
class Never:
    """It did not happen in the window."""

    of: Happened


Happened = Reference | All | Any_ | Never


class WindowKind(StrEnum):
    """How a window is laid over time; Sigma itself knows the first alone."""

    SLIDING = "sliding"
    """`(t - timespan, t]` for every event's time t."""
    TUMBLING = "tumbling"
    """Spans of that length that begin at multiples of it since 1970."""
    SESSION = "session"
    """From the first event until none came for the gap, `timespan` at most."""


@dataclass(frozen=True, kw_only=True)
class Correlation:
    """A Sigma correlation rule."""

    head: Head
    kind: Kind
    references: tuple[str, ...]
    """Ids of the rules that it correlates, in the order it names them."""
    group_by: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]
    """What a field of `group_by` is called in the events of a rule, by alias and rule id."""
    timespan: timedelta
    condition: Bound | Happened
    generate: bool = False
    """Whether the rules that it correlates raise alerts of their own too."""
    window: WindowKind = WindowKind.SLIDING
    gap: timedelta | None = None
    """Of a session window; None is the timespan."""
    pause: timedelta | None = None
    """How long it may be quiet within one alert; None is the timespan, of an extension 30 minutes."""
    extension: Extension | None = None
    also: tuple[Further, ...] = ()
    """Further bounds on what is in the same window; all of them hold."""

    @property
    def quiet(self) -> timedelta:
        """How long no event may make it hold until the next one begins another alert."""
        return self.pause or (self.timespan if self.extension is None else QUIET)

    @property
    def extra_fields(self) -> tuple[str, ...]:
        """The fields of events that extensions read, in the order in which occurrences bring them."""
        return tuple(dict.fromkeys((*fields_of(self.extension), *fields_of_further(self.also))))

    @property
    def wanted(self) -> frozenset[str]:
        """The rules whose matches it rests on: all but those that must not match."""
        return frozenset(self.references) if isinstance(self.condition, Bound) else _wanted(self.condition)


def _wanted(condition: Happened, *, negated: bool = False) -> frozenset[str]:
    match condition:
        case Reference(name):
            return frozenset() if negated else frozenset({name})
        case All(parts) | Any_(parts):
            return frozenset().union(*(_wanted(one, negated=negated) for one in parts))
        case Never(part):
            return _wanted(part, negated=not negated)


@dataclass(frozen=True)
class RuleSet:
    """Rules that belong together; every reference leads to one of them, and none in a circle."""

    selections: Mapping[str, Selection]
    correlations: Sequence[Correlation]
    """In such an order that each comes after what it refers to."""

    def raising(self) -> frozenset[str]:
        """Return the ids of the rules that raise alerts: all but those that a correlation has taken for itself."""
        taken = {one for rule in self.correlations if not rule.generate for one in rule.references}
        return frozenset({*self.selections, *(rule.head.id for rule in self.correlations)} - taken)


def of_single(rule: Selection) -> Correlation:
    """Return a rule of single events as the correlation that holds at each of them, by what it groups by."""
    extensions = rule.head.extensions
    return Correlation(
        head=rule.head,
        kind=Kind.EVENT_COUNT,
        references=(rule.head.id,),
        group_by=tuple(extensions.get("group_by", ())),
        aliases={},
        timespan=timedelta(milliseconds=1),
        condition=Bound(operator="gte", number=1),
        pause=extensions.get("quiet", QUIET),
    )


def counts_events(rule: Correlation, *, is_single: bool) -> bool:
    """Say whether the value of an episode is how many events make it hold: each of them does by itself."""
    return is_single or isinstance(rule.extension, IntervalJoin)
