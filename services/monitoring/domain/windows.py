"""Windows in event time: at which of a group's occurrences a correlation holds, whatever order they arrived in.

A sliding window is `(t - timespan, t]` and is looked at for the time t of every occurrence, in milliseconds, with all
that happened at t in it: so nothing depends on the order of what happened in the same millisecond.
"""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from services.monitoring.domain.absence import Held, InTurn, Together, held, ways
from services.monitoring.domain.measures import Occurrence, measure_of
from services.monitoring.domain.order import Order
from services.monitoring.domain.sigma import Bound, Correlation, Kind, WindowKind

_MILLISECOND = timedelta(milliseconds=1)

_HOLDS: dict[str, Callable[[Any, Any], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
    "eq": operator.eq,
    "neq": operator.ne,
}


class Hold(NamedTuple):
    """An occurrence at which the correlation holds."""

    at: int
    """Index of the occurrence."""
    first: int
    """Index of the earliest occurrence that is counted."""
    last: int
    """Index of the latest: the last one of the same millisecond."""
    value: float
    after_ms: int
    """The window is `(after, time of the occurrence]`."""
    due_ms: int
    """From when on no occurrence in time can undo it: later than now where something must not happen."""


def holds(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    """Yield where the correlation holds; the occurrences are one group's, sorted by time."""
    if len(occurrences) < _fewest(rule):
        return
    for begin, end in _spans(rule, occurrences):
        part = occurrences if end - begin == len(occurrences) else occurrences[begin:end]
        for hold in _in_span(rule, part):
            yield hold if not begin else _moved(hold, begin)


def _fewest(rule: Correlation) -> float:
    """Return how many occurrences there have to be at least: most groups never come so far."""
    condition, counts = rule.condition, (Kind.EVENT_COUNT, Kind.TEMPORAL, Kind.TEMPORAL_ORDERED)
    is_counted = isinstance(condition, Bound) and condition.operator in {"gte", "gt", "eq"} and rule.kind in counts
    return condition.number if is_counted else 1  # type: ignore[union-attr]


def _moved(hold: Hold, by: int) -> Hold:
    return hold._replace(at=hold.at + by, first=hold.first + by, last=hold.last + by)


def _spans(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[tuple[int, int]]:
    """Yield the runs of occurrences that may share a window; for sliding windows that is all of them."""
    width = _milliseconds(rule.timespan)
    match rule.window:
        case WindowKind.SLIDING:
            yield 0, len(occurrences)
        case WindowKind.TUMBLING:
            yield from _runs(occurrences, lambda one, _, first: one // width == first // width)
        case WindowKind.SESSION:
            gap = _milliseconds(rule.gap or rule.timespan)
            yield from _runs(occurrences, lambda one, before, first: one - before <= gap and one - first < width)


def _runs(occurrences: Sequence[Occurrence], belongs: Callable[[int, int, int], bool]) -> Iterator[tuple[int, int]]:
    """Yield runs; `belongs` is asked for the time of an occurrence, of the one before it and of the run's first."""
    begin = 0
    for place in range(1, len(occurrences)):
        times = (occurrences[one].time_ms for one in (place, place - 1, begin))
        if not belongs(*times):
            yield begin, place
            begin = place
    if occurrences:
        yield begin, len(occurrences)


def _moments(occurrences: Sequence[Occurrence]) -> Iterator[tuple[int, int]]:
    """Yield the runs of occurrences of the same millisecond."""
    return _runs(occurrences, lambda one, before, _: one == before)


def _milliseconds(span: timedelta) -> int:
    return span // _MILLISECOND


def _in_span(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    if not isinstance(rule.condition, Bound):
        return _extended(rule, occurrences)
    if rule.kind is Kind.TEMPORAL_ORDERED:
        return _ordered(rule, rule.condition, occurrences)
    return _measured(rule, rule.condition, occurrences)


def _measured(rule: Correlation, condition: Bound, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    width, is_met, first = _milliseconds(rule.timespan), _HOLDS[condition.operator], 0
    measure = measure_of(rule.kind, condition)
    for begin, end in _moments(occurrences):
        for place in range(begin, end):
            measure.enter(occurrences[place])
        time_ms = occurrences[begin].time_ms
        while occurrences[first].time_ms <= time_ms - width:
            measure.leave(occurrences[first])
            first += 1
        value = measure.value()
        if value is not None and is_met(value, condition.number):
            for place in range(begin, end):
                yield Hold(place, first, end - 1, value, time_ms - width, time_ms)


def _ordered(rule: Correlation, condition: Bound, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    """Yield where so many of the rules matched in order within the window, the last of them now."""
    width, is_met = _milliseconds(rule.timespan), _HOLDS[condition.operator]
    order, begins = Order(rule.references, width_ms=width), _Begins(occurrences)
    for begin, end in _moments(occurrences):
        time_ms = occurrences[begin].time_ms
        found = order.follow(time_ms, Counter(occurrences[place].rule for place in range(begin, end)))
        for place in range(begin, end):
            one = found.get(occurrences[place].rule)
            if one is not None and is_met(one.length, condition.number):
                yield Hold(place, begins.of(one.begun_ms), end - 1, one.length, time_ms - width, time_ms)


def _extended(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    width, begins = _milliseconds(rule.timespan), _Begins(occurrences)
    conditions = _conditions(rule, occurrences)
    for begin, end in _moments(occurrences):
        time_ms = occurrences[begin].time_ms
        found = held(conditions, dict.fromkeys(occurrences[place].rule for place in range(begin, end)), time_ms)
        for place in range(begin, end):
            one = found.get(occurrences[place].rule)
            if one is not None:
                value = len(one.way.wanted)
                yield Hold(place, begins.of(one.begun_ms), end - 1, value, time_ms - width, _due(one, width, time_ms))


def _due(one: Held, width: int, time_ms: int) -> int:
    return one.begun_ms + width if one.way.unwanted else time_ms


def _conditions(rule: Correlation, occurrences: Sequence[Occurrence]) -> list[Together | InTurn]:
    assert not isinstance(rule.condition, Bound)  # noqa: S101 - for the type
    width = _milliseconds(rule.timespan)
    times: dict[str, list[int]] = {one: [] for one in rule.references}
    for one in occurrences:
        times[one.rule].append(one.time_ms)
    if rule.kind is Kind.TEMPORAL_ORDERED:
        return [InTurn(way, times, order=rule.references, width_ms=width) for way in ways(rule.condition)]
    return [Together(way, times, width_ms=width) for way in ways(rule.condition)]


class _Begins:
    """Where in the sorted occurrences a time begins; asked for times that are in them and mostly grow."""

    def __init__(self, occurrences: Sequence[Occurrence]) -> None:
        self._firsts: dict[int, int] = {}
        for place in range(len(occurrences) - 1, -1, -1):
            self._firsts[occurrences[place].time_ms] = place

    def of(self, time_ms: int) -> int:
        return self._firsts[time_ms]
