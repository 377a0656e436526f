"""Windows in event time: at which of a group's occurrences a correlation holds, whatever order they arrived in.

A sliding window is `(t - timespan, t]` and is looked at for the time t of every occurrence, in milliseconds, with all
that happened at t in it: so nothing depends on the order of what happened in the same millisecond.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from services.monitoring.domain.absence import Held, InTurn, Together, held, ways
from services.monitoring.domain.baseline import burst, rare
from services.monitoring.domain.extensions import (
    Burst,
    Dormant,
    Extension,
    FirstSeen,
    IntervalJoin,
    Rare,
    Ring,
    Travel,
)
from services.monitoring.domain.first_seen import dormant, first_seen
from services.monitoring.domain.further import OPERATORS, FurtherBounds
from services.monitoring.domain.holds import Hold, in_milliseconds, moments, runs
from services.monitoring.domain.interval_join import interval_join
from services.monitoring.domain.measures import Occurrence, measure_of
from services.monitoring.domain.order import Order
from services.monitoring.domain.ring import ring
from services.monitoring.domain.sigma import Bound, Correlation, Kind, WindowKind
from services.monitoring.domain.travel import impossible_travel

__all__ = ["Hold", "holds"]


def holds(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    """Yield where the correlation holds; the occurrences are one group's, sorted by time."""
    if rule.extension is not None:
        yield from _extension(rule, rule.extension, occurrences)
        return
    if len(occurrences) < _fewest(rule):
        return
    for begin, end in spans_of_windows(rule, occurrences):
        part = occurrences if end - begin == len(occurrences) else occurrences[begin:end]
        for hold in _in_span(rule, part):
            yield hold if not begin else _moved(hold, begin)


def _extension(  # noqa: PLR0911 - one line for each kind
    rule: Correlation, extension: Extension, occurrences: Sequence[Occurrence]
) -> Iterator[Hold]:
    width = in_milliseconds(rule.timespan)
    match extension:
        case FirstSeen():
            return first_seen(extension, occurrences, width=width)
        case Dormant():
            return dormant(extension, occurrences, width=width)
        case Travel():
            return impossible_travel(extension, occurrences, width=width)
        case Rare():
            return rare(extension, occurrences, width=width)
        case Burst():
            return burst(extension, occurrences, width=width, is_distinct=rule.kind is Kind.VALUE_COUNT)
        case IntervalJoin():
            return interval_join(extension, rule.extra_fields, occurrences, width=width)
        case Ring():
            return ring(extension, occurrences, width=width)


def _fewest(rule: Correlation) -> float:
    """Return how many occurrences there have to be at least: most groups never come so far."""
    condition, counts = rule.condition, (Kind.EVENT_COUNT, Kind.TEMPORAL, Kind.TEMPORAL_ORDERED)
    is_counted = isinstance(condition, Bound) and condition.operator in {"gte", "gt", "eq"} and rule.kind in counts
    return condition.number if is_counted else 1  # type: ignore[union-attr]


def _moved(hold: Hold, by: int) -> Hold:
    return hold._replace(at=hold.at + by, first=hold.first + by, last=hold.last + by)


def spans_of_windows(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[tuple[int, int]]:
    """Yield the runs of occurrences that may share a window; for sliding windows that is all of them."""
    width = in_milliseconds(rule.timespan)
    match rule.window:
        case WindowKind.SLIDING:
            yield 0, len(occurrences)
        case WindowKind.TUMBLING:
            yield from runs(occurrences, lambda one, _, first: one // width == first // width)
        case WindowKind.SESSION:
            gap = in_milliseconds(rule.gap or rule.timespan)
            yield from runs(occurrences, lambda one, before, first: one - before <= gap and one - first < width)


def _in_span(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    if not isinstance(rule.condition, Bound):
        return _extended(rule, occurrences)
    if rule.kind is Kind.TEMPORAL_ORDERED:
        return _ordered(rule, rule.condition, occurrences)
    return _measured(rule, rule.condition, occurrences)


def _measured(rule: Correlation, condition: Bound, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    width, is_met, first = in_milliseconds(rule.timespan), OPERATORS[condition.operator], 0
    measure = measure_of(rule.kind, condition)
    also = FurtherBounds(rule.also, rule.extra_fields) if rule.also else None
    for begin, end in moments(occurrences):
        for place in range(begin, end):
            measure.enter(occurrences[place])
            if also is not None:
                also.enter(occurrences[place])
        time_ms = occurrences[begin].time_ms
        while occurrences[first].time_ms <= time_ms - width:
            measure.leave(occurrences[first])
            if also is not None:
                also.leave(occurrences[first])
            first += 1
        value = measure.value()
        if value is None or not is_met(value, condition.number):
            continue
        if also is None or also.hold(span_ms=time_ms - occurrences[first].time_ms):
            for place in range(begin, end):
                yield Hold(place, first, end - 1, value, time_ms - width, time_ms)


def _ordered(rule: Correlation, condition: Bound, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    """Yield where so many of the rules matched in order within the window, the last of them now."""
    width, is_met = in_milliseconds(rule.timespan), OPERATORS[condition.operator]
    order, begins = Order(rule.references, width_ms=width), _Begins(occurrences)
    for begin, end in moments(occurrences):
        time_ms = occurrences[begin].time_ms
        found = order.follow(time_ms, Counter(occurrences[place].rule for place in range(begin, end)))
        for place in range(begin, end):
            one = found.get(occurrences[place].rule)
            if one is not None and is_met(one.length, condition.number):
                yield Hold(place, begins.of(one.begun_ms), end - 1, one.length, time_ms - width, time_ms)


def _extended(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    width, begins = in_milliseconds(rule.timespan), _Begins(occurrences)
    conditions = _conditions(rule, occurrences)
    for begin, end in moments(occurrences):
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
    width = in_milliseconds(rule.timespan)
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
