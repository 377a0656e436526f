"""Windows in event time: at which of a group's occurrences a correlation holds, whatever order they arrived in.

A sliding window is `(t - timespan, t]` and is looked at for the time t of every occurrence, in milliseconds.
Occurrences come sorted by time; of several in one millisecond each sees those before it in order, and itself.
"""

from __future__ import annotations

import operator
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from services.monitoring.domain.measures import Measure, Occurrence, measure_of
from services.monitoring.domain.sigma import All, Any_, Bound, Correlation, Happened, Kind, Never, Reference, WindowKind

_FOR_EVER = 1 << 62

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

    first: int
    """Index of the earliest occurrence that is counted."""
    last: int
    """Index of the occurrence itself."""
    value: float
    after_ms: int
    """The window is `(after, time of the occurrence]`."""
    due_ms: int
    """From when on no occurrence in time can undo it: later than now where something must not happen."""


def holds(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    """Yield where the correlation holds, in order."""
    for begin, end in _spans(rule, occurrences):
        part = occurrences if (begin, end) == (0, len(occurrences)) else occurrences[begin:end]
        for hold in _in_span(rule, part):
            yield hold._replace(first=hold.first + begin, last=hold.last + begin)


def _spans(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[tuple[int, int]]:
    """Yield the runs of occurrences that may share a window; for sliding windows that is all of them."""
    width = _milliseconds(rule)
    match rule.window:
        case WindowKind.SLIDING:
            yield 0, len(occurrences)
        case WindowKind.TUMBLING:
            yield from _runs(occurrences, lambda one, _, first: one.time_ms // width == first.time_ms // width)
        case WindowKind.SESSION:
            gap = (rule.gap.total_seconds() * 1000) if rule.gap else width
            yield from _runs(
                occurrences,
                lambda one, before, first: one.time_ms - before.time_ms <= gap and one.time_ms - first.time_ms < width,
            )


def _runs(
    occurrences: Sequence[Occurrence], belongs: Callable[[Occurrence, Occurrence, Occurrence], bool]
) -> Iterator[tuple[int, int]]:
    begin = 0
    for place in range(1, len(occurrences)):
        if not belongs(occurrences[place], occurrences[place - 1], occurrences[begin]):
            yield begin, place
            begin = place
    if occurrences:
        yield begin, len(occurrences)


def _in_span(rule: Correlation, occurrences: Sequence[Occurrence]) -> Iterator[Hold]:
    condition, width = rule.condition, _milliseconds(rule)
    if not isinstance(condition, Bound):
        return _expression(rule, condition, occurrences, width)
    if rule.kind is Kind.TEMPORAL_ORDERED:
        return _ordered(rule.references, occurrences, width)
    return _measured(measure_of(rule.kind, condition), condition, occurrences, width)


def _milliseconds(rule: Correlation) -> int:
    return round(rule.timespan.total_seconds() * 1000)


def _measured(measure: Measure, condition: Bound, occurrences: Sequence[Occurrence], width: int) -> Iterator[Hold]:
    is_met, first = _HOLDS[condition.operator], 0
    for last, one in enumerate(occurrences):
        measure.enter(one)
        after = one.time_ms - width
        while occurrences[first].time_ms <= after:
            measure.leave(occurrences[first])
            first += 1
        value = measure.value()
        if value is not None and is_met(value, condition.number):
            yield Hold(first, last, value, after, one.time_ms)


# --- order


def _ordered(references: Sequence[str], occurrences: Sequence[Occurrence], width: int) -> Iterator[Hold]:
    """Yield each occurrence of the last rule that ends a chain of all rules in order within the window.

    What happens in the same millisecond happens in any order.
    """
    chains: list[int | None] = [None] * len(references)
    """For each length of a chain, where the latest-begun one of that length begins."""
    for begin, end in _runs(occurrences, lambda one, before, _: one.time_ms == before.time_ms):
        moment = range(begin, end)
        for length, reference in enumerate(references):
            for place in moment:
                if occurrences[place].rule == reference:
                    chains[length] = _latest(chains[length], place if length == 0 else chains[length - 1])
        after = occurrences[begin].time_ms - width
        start = chains[-1]
        if start is not None and occurrences[start].time_ms > after:
            ends = [place for place in moment if occurrences[place].rule == references[-1]]
            if ends:
                yield Hold(start, ends[-1], len(references), after, occurrences[begin].time_ms)


def _latest(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)


# --- extended conditions


def _expression(
    rule: Correlation, condition: Happened, occurrences: Sequence[Occurrence], width: int
) -> Iterator[Hold]:
    """Yield where what must happen has happened, and what must not has no window in common with it."""
    times = {one: [o.time_ms for o in occurrences if o.rule == one] for one in rule.references}
    wanted = _wanted(condition)
    first = 0
    for last, one in enumerate(occurrences):
        after = one.time_ms - width
        while occurrences[first].time_ms <= after:
            first += 1
        start = _start(rule, condition, occurrences[first : last + 1]) if one.rule in wanted else None
        if start is None:
            continue
        begun = occurrences[first + start].time_ms
        near = _near(rule, times, begun=begun, until=one.time_ms, width=width)
        if _is_met(condition, near):
            due = begun + width if _has_never(condition) else one.time_ms
            yield Hold(first + start, last, len(wanted), after, due)


def _near(
    rule: Correlation, times: Mapping[str, Sequence[int]], *, begun: int, until: int, width: int
) -> Callable[[str], bool]:
    """Return what says whether a rule matched so near that it shares a window with `[begun, until]`.

    In order, a rule that is named before the others is looked for before them, any other one after the first.
    """
    if rule.kind is not Kind.TEMPORAL_ORDERED:
        return lambda name: _is_between(times[name], until - width, begun + width)
    places = {name: place for place, name in enumerate(rule.references)}
    first = min(places[name] for name in _wanted(rule.condition)) if not isinstance(rule.condition, Bound) else 0

    def near(name: str) -> bool:
        lower, upper = (until - width, begun) if places[name] < first else (begun, begun + width)
        return _is_between(times[name], lower, upper)

    return near


def _start(rule: Correlation, condition: Happened, window: Sequence[Occurrence]) -> int | None:
    """Return where in the window the earliest occurrence lies that is needed; the window's last one is wanted."""
    latest = {one.rule: place for place, one in enumerate(window)}
    if not _is_met(condition, lambda _: False, seen=latest.__contains__):
        return None
    wanted = _wanted(condition)
    if rule.kind is Kind.TEMPORAL_ORDERED:
        chain = list(_ordered([name for name in rule.references if name in wanted], window, _FOR_EVER))
        return chain[-1].first if chain and chain[-1].last == len(window) - 1 else None
    return min(place for name, place in latest.items() if name in wanted)


def _is_met(
    condition: Happened,
    near: Callable[[str], bool],
    *,
    seen: Callable[[str], bool] = lambda _: True,
    negated: bool = False,
) -> bool:
    """Say whether the condition holds; `seen` tells of what must happen, `near` of what must not."""
    match condition:
        case Reference(name):
            return near(name) if negated else seen(name)
        case All(parts):
            return all(_is_met(one, near, seen=seen, negated=negated) for one in parts)
        case Any_(parts):
            return any(_is_met(one, near, seen=seen, negated=negated) for one in parts)
        case Never(part):
            return not _is_met(part, near, seen=seen, negated=not negated)


def _wanted(condition: Happened, *, negated: bool = False) -> frozenset[str]:
    """Return the rules that must happen, as opposed to those that must not."""
    match condition:
        case Reference(name):
            return frozenset() if negated else frozenset({name})
        case All(parts) | Any_(parts):
            return frozenset().union(*(_wanted(one, negated=negated) for one in parts))
        case Never(part):
            return _wanted(part, negated=not negated)


def _has_never(condition: Happened) -> bool:
    match condition:
        case Reference():
            return False
        case All(parts) | Any_(parts):
            return any(map(_has_never, parts))
        case Never():
            return True


def _is_between(times: Sequence[int], after: int, before: int) -> bool:
    """Say whether one of the times lies in `(after, before)`."""
    place = bisect_right(times, after)
    return place < len(times) and times[place] < before
