"""What a group usually does: values that it seldom has, and spans in which there is far more than ever."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence

from services.monitoring.domain.extensions import Burst, Rare
from services.monitoring.domain.holds import Hold, in_milliseconds, moments
from services.monitoring.domain.measures import Occurrence, measure_of, percentile_of
from services.monitoring.domain.sigma import Bound, Kind

_ANY = Bound(operator="gte", number=1)


def rare(extension: Rare, occurrences: Sequence[Occurrence], *, width: int) -> Iterator[Hold]:
    """Yield where the share of earlier occurrences with the same value is below the bound; the value is the share.

    Those without a value are no samples.
    """
    counts: Counter[Hashable] = Counter()
    first = samples = 0
    for begin, end in moments(occurrences):
        time_ms = occurrences[begin].time_ms
        while occurrences[first].time_ms <= time_ms - width:
            samples -= _count(counts, occurrences[first].extra[0], -1)
            first += 1
        for place in range(begin, end):
            value = occurrences[place].extra[0]
            if value is not None and samples >= extension.samples and counts[value] / samples < extension.below:
                yield Hold(place, place, place, round(counts[value] / samples, 6), time_ms - width, time_ms)
        for place in range(begin, end):
            samples += _count(counts, occurrences[place].extra[0], 1)


def _count(counts: Counter[Hashable], value: Hashable, by: int) -> bool:
    """Count the value if there is one, and say whether there is."""
    if value is not None:
        counts[value] += by
    return value is not None


def burst(extension: Burst, occurrences: Sequence[Occurrence], *, width: int, is_distinct: bool) -> Iterator[Hold]:
    """Yield where the last span has far more than the busiest ones of those before it that had anything."""
    per = in_milliseconds(extension.per)
    times = [one.time_ms for one in occurrences]
    measure = _distinct(occurrences) if is_distinct else _many
    now, first = measure_of(Kind.VALUE_COUNT if is_distinct else Kind.EVENT_COUNT, _ANY), 0
    for begin, end in moments(occurrences):
        time_ms = times[begin]
        for place in range(begin, end):
            now.enter(occurrences[place])
        while times[first] <= time_ms - per:
            now.leave(occurrences[first])
            first += 1
        value = now.value() or 0
        if value < extension.least:
            continue
        before = sorted(_earlier(times, time_ms, per=per, width=width, measure=measure))
        if len(before) < extension.samples:
            continue
        if value >= extension.times * percentile_of(before, extension.percentile):
            for place in range(begin, end):
                yield Hold(place, first, end - 1, value, time_ms - per, time_ms)


def _earlier(
    times: Sequence[int], time_ms: int, *, per: int, width: int, measure: Callable[[int, int], int]
) -> Iterator[int]:
    """Yield what was measured in the spans before the last one that had anything; all lie wholly within the width."""
    most = width // per - 1
    end = bisect_right(times, time_ms - per)
    while end:
        number = (time_ms - times[end - 1]) // per  # of the span that the newest one left is in
        if number > most:
            return
        begin = bisect_right(times, time_ms - (number + 1) * per, hi=end)
        found = measure(begin, end)
        if found:
            yield found
        end = begin


def _many(first: int, end: int) -> int:
    return end - first


def _distinct(occurrences: Sequence[Occurrence]) -> Callable[[int, int], int]:
    return lambda first, end: len({value for place in range(first, end) for value in occurrences[place].values})
