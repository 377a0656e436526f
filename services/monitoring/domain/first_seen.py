"""What is new to a group, and what comes after a long silence."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator, Sequence
from datetime import timedelta

from services.monitoring.domain.extensions import Dormant, FirstSeen
from services.monitoring.domain.holds import Hold, in_milliseconds, moments
from services.monitoring.domain.measures import Occurrence

_DAY = timedelta(days=1) // timedelta(milliseconds=1)


def first_seen(extension: FirstSeen, occurrences: Sequence[Occurrence], *, width: int) -> Iterator[Hold]:
    """Yield where so many of the values were not seen in the width before; what is missing is not new."""
    latest: list[dict[Hashable, int]] = [{} for _ in extension.fields]
    learned = _Learned(extension, occurrences, width=width)
    last = -1 << 62
    for begin, end in moments(occurrences):
        time_ms = occurrences[begin].time_ms
        if learned.at(begin, time_ms):
            for place in range(begin, end):
                new = _new(extension, occurrences[place], latest, since=time_ms - width, last=last)
                if new >= extension.at_least:
                    yield Hold(place, place, place, new, time_ms - width, time_ms)
        last = time_ms
        for place in range(begin, end):
            for seen, value in zip(latest, occurrences[place].extra, strict=False):
                if value is not None:
                    seen[value] = time_ms


def _new(extension: FirstSeen, one: Occurrence, latest: Sequence[dict[Hashable, int]], *, since: int, last: int) -> int:
    if not extension.fields:
        return int(last <= since)
    pairs = zip(latest, one.extra, strict=False)
    return sum(value is not None and seen.get(value, since) <= since for seen, value in pairs)


class _Learned:
    """Says from when on something can be new: before that everything would be."""

    def __init__(self, extension: FirstSeen, occurrences: Sequence[Occurrence], *, width: int) -> None:
        self._age = None if extension.learning is None else in_milliseconds(extension.learning)
        self._after = extension.after
        self._occurrences, self._width, self._first = occurrences, width, 0

    def at(self, begin: int, time_ms: int) -> bool:
        """Say so of the moment that begins there."""
        if self._age is None and self._after is None:
            return True
        while self._occurrences[self._first].time_ms <= time_ms - self._width:
            self._first += 1
        earlier = begin - self._first
        is_old = self._age is not None and earlier > 0 and self._occurrences[self._first].time_ms <= time_ms - self._age
        return is_old or (self._after is not None and earlier >= self._after)


def dormant(extension: Dormant, occurrences: Sequence[Occurrence], *, width: int) -> Iterator[Hold]:
    """Yield where the occurrence before was so long ago; the value is in days."""
    silence = in_milliseconds(extension.silence)
    before: int | None = None
    for begin, end in moments(occurrences):
        time_ms = occurrences[begin].time_ms
        if before is not None and silence <= time_ms - occurrences[before].time_ms < width:
            value = round((time_ms - occurrences[before].time_ms) / _DAY, 3)
            for place in range(begin, end):
                yield Hold(place, place, place, value, occurrences[before].time_ms, time_ms, "", (before,))
        before = end - 1


def kept_of_first_seen(
    extension: FirstSeen, occurrences: Sequence[Occurrence], *, width: int, horizon_ms: int
) -> list[Occurrence]:
    """Return what is needed of the past: the newest of each value, the last few, and enough to know how old it is."""
    begin = bisect_left(occurrences, horizon_ms - width + 1, key=lambda one: one.time_ms)
    old = bisect_left(occurrences, horizon_ms + 1, key=lambda one: one.time_ms)
    needed = set(range(max(begin, old - max(extension.after or 0, 1)), len(occurrences)))
    needed |= _newest(extension, occurrences, begin, old)
    if extension.learning is not None:
        needed |= _witnesses(occurrences, begin, old, width=width - in_milliseconds(extension.learning))
    return [occurrences[place] for place in sorted(needed)]


def _newest(extension: FirstSeen, occurrences: Sequence[Occurrence], begin: int, end: int) -> set[int]:
    """Return the newest of each value of each field."""
    found: dict[tuple[int, Hashable], int] = {}
    for place in range(begin, end):
        for field, value in enumerate(occurrences[place].extra[: len(extension.fields)]):
            if value is not None:
                found[field, value] = place
    return set(found.values())


def _witnesses(occurrences: Sequence[Occurrence], begin: int, end: int, *, width: int) -> set[int]:
    """Return so few that each span of the width, half open, has one of them if it has any of all."""
    found: list[int] = []
    for place in range(begin, end):
        if len(found) > 1 and occurrences[place].time_ms - occurrences[found[-2]].time_ms <= width:
            found[-1] = place  # the one before is within reach of this one
        else:
            found.append(place)
    return set(found)


def kept_of_dormant(occurrences: Sequence[Occurrence], *, width: int, horizon_ms: int) -> list[Occurrence]:
    """Return the newest of the past and all that is later."""
    begin = bisect_left(occurrences, horizon_ms - width + 1, key=lambda one: one.time_ms)
    old = bisect_left(occurrences, horizon_ms + 1, key=lambda one: one.time_ms)
    return list(occurrences[max(begin, old - 1) :])
