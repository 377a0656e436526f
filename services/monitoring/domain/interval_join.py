"""Actions joined with intervals, such as activations, at the time of the action and whatever order they arrived in."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

from services.monitoring.domain.checks import time_of
from services.monitoring.domain.extensions import Interval, IntervalJoin
from services.monitoring.domain.holds import Hold, in_milliseconds
from services.monitoring.domain.measures import Occurrence

_OPEN = 1 << 62


class Span(NamedTuple):
    """One interval, `[start, end)`, and the occurrences that began and ended it."""

    start_ms: int
    end_ms: int
    begun: tuple[int, ...]
    ended: tuple[int, ...]
    latest_ms: int
    """When the latest of these occurrences was."""


def interval_join(
    extension: IntervalJoin, fields: Sequence[str], occurrences: Sequence[Occurrence], *, width: int
) -> Iterator[Hold]:
    """Yield each action that lies outside all intervals, or inside one; `fields` are those of the occurrences' extra.

    `width` is how long an interval that is over still explains an action outside of it.
    """
    actions, skew = frozenset(extension.actions), in_milliseconds(extension.skew)
    places = [place for place, one in enumerate(occurrences) if one.rule in actions]
    if not places:
        return
    spans = _Spans(span for one in extension.intervals for span in spans_of(one, fields, occurrences))
    for place in places:
        time_ms = occurrences[place].time_ms
        if extension.is_inside:
            explaining = spans.inside(time_ms, skew=skew)
            if explaining is None:
                continue
        elif spans.is_covered(time_ms, skew=skew):
            continue
        else:
            explaining = spans.over_last(time_ms, width=width)
        others = () if explaining is None else (*explaining.begun, *explaining.ended)
        before = tuple(one for one in others if occurrences[one].time_ms <= time_ms)
        yield Hold(place, place, place, 1, time_ms - 1, time_ms, "", before)


class _Spans:
    """Intervals, to be asked about many times."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._by_start = sorted(spans)
        self._starts = [span.start_ms for span in self._by_start]
        self._latest_ends = list(accumulate((span.end_ms for span in self._by_start), max))
        self._by_end = sorted(self._by_start, key=lambda span: (span.end_ms, span.start_ms))
        self._ends = [span.end_ms for span in self._by_end]

    def is_covered(self, time_ms: int, *, skew: int) -> bool:
        """Say whether an interval that is longer by the skew at both ends holds the time."""
        begun = bisect_right(self._starts, time_ms + skew)
        return bool(begun) and time_ms < self._latest_ends[begun - 1] + skew

    def inside(self, time_ms: int, *, skew: int) -> Span | None:
        """Return the interval that holds the time for certain, a skew from its ends; of several the one begun last."""
        begun = bisect_right(self._starts, time_ms - skew)
        if not begun or time_ms >= self._latest_ends[begun - 1] - skew:
            return None
        latest_first = (self._by_start[place] for place in range(begun - 1, -1, -1))
        return next(span for span in latest_first if time_ms < span.end_ms - skew)

    def over_last(self, time_ms: int, *, width: int) -> Span | None:
        """Return the interval that was over last before the time: what whoever acted may have relied on."""
        over = bisect_right(self._ends, time_ms)
        return self._by_end[over - 1] if over and self._ends[over - 1] > time_ms - width else None


def spans_of(interval: Interval, fields: Sequence[str], occurrences: Sequence[Occurrence]) -> Iterator[Span]:
    """Yield the intervals that the occurrences make."""
    if interval.key is None:
        yield from _toggled(interval, fields, occurrences)
    else:
        yield from _keyed(interval, fields, occurrences)


def _keyed(interval: Interval, fields: Sequence[str], occurrences: Sequence[Occurrence]) -> Iterator[Span]:
    """Yield an interval for each key that has begun: of several beginnings the first counts, of several ends too."""
    begun: dict[object, list[int]] = {}
    ended: dict[object, list[int]] = {}
    key = fields.index(str(interval.key))
    for place, one in enumerate(occurrences):
        if one.extra[key] is None:
            continue
        if one.rule in interval.begin:
            begun.setdefault(one.extra[key], []).append(place)
        if one.rule in interval.end:
            ended.setdefault(one.extra[key], []).append(place)
    for name, places in begun.items():
        ends = ended.get(name, [])
        starts = [_time(occurrences[one], interval.start, fields, or_else=occurrences[one].time_ms) for one in places]
        until = [_time(occurrences[one], interval.to, fields, or_else=_OPEN) for one in places]
        until += [_time(occurrences[one], interval.until, fields, or_else=occurrences[one].time_ms) for one in ends]
        latest = max(occurrences[one].time_ms for one in (*places, *ends))
        yield Span(min(starts), min(until), tuple(places), tuple(ends), latest)


def _toggled(interval: Interval, fields: Sequence[str], occurrences: Sequence[Occurrence]) -> Iterator[Span]:
    """Yield an interval from each beginning to the next end; what begins while it lasts changes nothing."""
    events = []
    for place, one in enumerate(occurrences):
        if one.rule in interval.end:
            events.append((_time(one, interval.until, fields, or_else=one.time_ms), 0, place))
        if one.rule in interval.begin:
            events.append((_time(one, interval.start, fields, or_else=one.time_ms), 1, place))
    since: tuple[int, int] | None = None
    for time_ms, is_begin, place in sorted(events):
        if is_begin and since is None:
            since = (time_ms, place)
        elif not is_begin and since is not None:
            yield Span(since[0], time_ms, (since[1],), (place,), occurrences[place].time_ms)
            since = None
    if since is not None:
        yield Span(since[0], _OPEN, (since[1],), (), occurrences[since[1]].time_ms)


def _time(one: Occurrence, field: str | None, fields: Sequence[str], *, or_else: int) -> int:
    """Return the time in the field in milliseconds since 1970, the other one where there is none."""
    at = None if field is None else time_of(one.extra[fields.index(field)])
    return or_else if at is None else round(at.timestamp() * 1000)


def kept_of_interval_join(
    extension: IntervalJoin, fields: Sequence[str], occurrences: Sequence[Occurrence], *, width: int, horizon_ms: int
) -> list[Occurrence]:
    """Return later actions, and the intervals that can still cover or explain one: open ones for ever."""
    oldest = horizon_ms - width - in_milliseconds(extension.skew)
    needed = {place for place, one in enumerate(occurrences) if one.time_ms > horizon_ms}
    for interval in extension.intervals:
        for span in spans_of(interval, fields, occurrences):
            if span.end_ms > oldest or span.latest_ms > oldest:
                needed |= {*span.begun, *span.ended}
        ends = interval.end
        needed |= {place for place, one in enumerate(occurrences) if one.rule in ends and one.time_ms > oldest}
        needed |= {
            place for place, one in enumerate(occurrences) if one.rule in interval.begin and one.time_ms > oldest
        }
    return [occurrences[place] for place in sorted(needed)]
