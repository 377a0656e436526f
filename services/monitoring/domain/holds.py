"""A place where a correlation holds, and the moments at which it is looked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import NamedTuple

from services.monitoring.domain.measures import Occurrence

_MILLISECOND = timedelta(milliseconds=1)


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
    about: str = ""
    """What tells holds of one group apart that are about different things, such as the people of a ring."""
    others: tuple[int, ...] = ()
    """Indices of occurrences outside of `first` to `last` that explain it."""


def runs(occurrences: Sequence[Occurrence], belongs: Callable[[int, int, int], bool]) -> Iterator[tuple[int, int]]:
    """Yield runs; `belongs` is asked for the time of an occurrence, of the one before it and of the run's first."""
    begin = 0
    for place in range(1, len(occurrences)):
        times = (occurrences[one].time_ms for one in (place, place - 1, begin))
        if not belongs(*times):
            yield begin, place
            begin = place
    if occurrences:
        yield begin, len(occurrences)


def moments(occurrences: Sequence[Occurrence]) -> Iterator[tuple[int, int]]:
    """Yield the runs of occurrences of the same millisecond."""
    begin, count = 0, len(occurrences)
    while begin < count:
        time_ms, end = occurrences[begin].time_ms, begin + 1
        while end < count and occurrences[end].time_ms == time_ms:
            end += 1
        yield begin, end
        begin = end


def in_milliseconds(span: timedelta) -> int:
    """Return the span in whole milliseconds."""
    return span // _MILLISECOND
