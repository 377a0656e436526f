"""What correlations can do beyond Sigma, as data: each kind is a key under `nuxari` and a module that evaluates it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class FirstSeen:
    """Holds where a value is new to the group: not seen in the timespan before."""

    fields: tuple[str, ...] = ()
    """Each is judged alone; none: the group itself is what is new."""
    at_least: int = 1
    """So many of the fields have to be new."""
    learning: timedelta | None = None
    """Only where the group has been known for so long, ..."""
    after: int | None = None
    """... or has had so many events; None of both: the first one ever is new too."""


@dataclass(frozen=True, kw_only=True)
class Dormant:
    """Holds at the first event of a group after a long silence."""

    silence: timedelta


@dataclass(frozen=True, kw_only=True)
class Travel:
    """Holds where nobody can have come from where the event before was."""

    latitude: str
    longitude: str
    distance_km: float
    speed_kmh: float
    unless_both: tuple[str, ...] = ()
    """Fields; where one of them is true at both ends, no place is believed."""
    same: str | None = None
    """A field that must differ, such as the address."""


@dataclass(frozen=True, kw_only=True)
class Rare:
    """Holds where the group seldom had the value."""

    field: str
    below: float
    """A share, from 0 to 1."""
    samples: int


@dataclass(frozen=True, kw_only=True)
class Burst:
    """Holds where there is far more within a span than there was in the busiest ones before."""

    per: timedelta
    percentile: int
    times: float
    least: float
    samples: int


@dataclass(frozen=True, kw_only=True)
class Interval:
    """What begins and ends: two kinds of events, of one key if there is one."""

    begin: tuple[str, ...]
    end: tuple[str, ...] = ()
    """Ids of rules."""
    key: str | None = None
    start: str | None = None
    """A field of the beginning that says since when it counts; None is the event's time."""
    to: str | None = None
    """A field of the beginning that says until when it was planned."""
    until: str | None = None
    """A field of the end that says when it ended; None is the event's time."""


@dataclass(frozen=True, kw_only=True)
class IntervalJoin:
    """Holds at an action outside all intervals, or inside one, at the action's time."""

    actions: tuple[str, ...]
    """Ids of rules."""
    is_inside: bool
    intervals: tuple[Interval, ...]
    skew: timedelta = timedelta(0)
    """Clocks may differ by so much, in favour of the action."""


@dataclass(frozen=True, kw_only=True)
class Ring:
    """Holds where people decide for each other, for themselves, or one nearly always for another."""

    giver: str
    taker: str
    """Fields: who decided, and for whom."""
    longest: int = 3
    """People in a ring."""
    least: int = 2
    """Decisions for each edge of it."""
    share: float | None = None
    """One giver has more than this part of a taker's decisions, ..."""
    of_least: int = 5
    """... where there are so many."""


Extension = FirstSeen | Dormant | Travel | Rare | Burst | IntervalJoin | Ring


@dataclass(frozen=True, kw_only=True)
class Also:
    """A further bound on what is in the same window."""

    measure: str
    """`events`, `distinct`, `most_per`, `ratio` (different values for each event) or `span` (milliseconds)."""
    fields: tuple[str, ...] = ()
    operator: str = "gte"
    number: float = 1


@dataclass(frozen=True)
class OneOf:
    """One of the bounds holds."""

    of: tuple[Also | OneOf, ...]


Further = Also | OneOf


def fields_of(extension: Extension | None) -> tuple[str, ...]:
    """Return the fields of events that the extension reads."""
    match extension:
        case FirstSeen():
            return extension.fields
        case Travel():
            named = (extension.latitude, extension.longitude, *extension.unless_both)
            return (*named, extension.same) if extension.same else named
        case Rare():
            return (extension.field,)
        case IntervalJoin():
            names = (name for one in extension.intervals for name in (one.key, one.start, one.to, one.until))
            return tuple(dict.fromkeys(name for name in names if name is not None))
        case Ring():
            return (extension.giver, extension.taker)
        case _:
            return ()


def fields_of_further(further: tuple[Further, ...]) -> tuple[str, ...]:
    """Return the fields of events that further bounds read."""
    found: list[str] = []
    for one in further:
        found += fields_of_further(one.of) if isinstance(one, OneOf) else one.fields
    return tuple(dict.fromkeys(found))
