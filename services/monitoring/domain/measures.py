"""What a correlation measures of a window: a number, kept up to date as occurrences enter the window and leave it."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from typing_extensions import override

from services.monitoring.domain.fields import number_of
from services.monitoring.domain.sigma import Bound, Kind

_UNIT = 1 << 1074

_LARGEST = 1e300
"""A number beyond it is none: a thousand of them would be more than a float can hold."""


class Occurrence(Protocol):
    """One event that a referenced rule matched, or one match of a referenced correlation."""

    @property
    def time_ms(self) -> int:
        """When, in milliseconds since 1970."""

    @property
    def rule(self) -> str:
        """The referenced rule's id."""

    @property
    def values(self) -> Sequence[tuple[Any, ...]]:
        """What the condition's fields hold: one tuple, several where a field is a list, none where one is missing."""

    @property
    def extra(self) -> tuple[Any, ...]:
        """What the extensions' fields hold: of each its first value, None where it is missing."""


class Measure(Protocol):
    """Of what is in the window now."""

    def enter(self, one: Occurrence) -> None:
        """Take an occurrence into the window."""

    def leave(self, one: Occurrence) -> None:
        """Let the occurrence out of the window again."""

    def value(self) -> float | None:
        """Return the number, None where there is nothing to measure."""


def measure_of(kind: Kind, condition: Bound) -> Measure:  # noqa: PLR0911 - one line for each kind
    """Return a measure of an empty window."""
    match kind:
        case Kind.EVENT_COUNT:
            return _Count()
        case Kind.VALUE_COUNT:
            return _Distinct()
        case Kind.TEMPORAL | Kind.TEMPORAL_ORDERED:
            return _Rules()
        case Kind.VALUE_SUM:
            return _Sum()
        case Kind.VALUE_AVG:
            return _Average()
        case Kind.VALUE_MEDIAN:
            return _Percentile(50)
        case Kind.VALUE_PERCENTILE:
            return _Percentile(50 if condition.percentile is None else condition.percentile)


class _Count:
    """How many occurrences there are."""

    def __init__(self) -> None:
        self._count = 0

    def enter(self, _: Occurrence) -> None:
        self._count += 1

    def leave(self, _: Occurrence) -> None:
        self._count -= 1

    def value(self) -> float:
        return self._count


class _Distinct:
    """How many different values there are."""

    def __init__(self) -> None:
        self._seen: Counter[object] = Counter()

    def keys(self, one: Occurrence) -> Iterable[object]:
        return one.values

    def enter(self, one: Occurrence) -> None:
        for key in self.keys(one):
            self._seen[key] += 1

    def leave(self, one: Occurrence) -> None:
        for key in self.keys(one):
            self._seen[key] -= 1
            if not self._seen[key]:
                del self._seen[key]

    def value(self) -> float:
        return len(self._seen)


class _Rules(_Distinct):
    """How many different rules matched."""

    @override
    def keys(self, one: Occurrence) -> Iterable[object]:
        return (one.rule,)


class _Sum:
    """The sum, exact until it is rounded at last: so it depends neither on the order nor on what came and went."""

    def __init__(self) -> None:
        self._units = 0
        """In units of the smallest number that a float can be."""
        self._count = 0

    def enter(self, one: Occurrence) -> None:
        for number in _numbers(one):
            self._units += _in_units(number)
            self._count += 1

    def leave(self, one: Occurrence) -> None:
        for number in _numbers(one):
            self._units -= _in_units(number)
            self._count -= 1

    def value(self) -> float | None:
        return self._units / _UNIT if self._count else None


class _Average(_Sum):
    @override
    def value(self) -> float | None:
        return self._units / (_UNIT * self._count) if self._count else None


def _in_units(number: float) -> int:
    numerator, denominator = number.as_integer_ratio()
    return numerator * (_UNIT // denominator)


class _Percentile:
    """Between two numbers by their distance: the continuous percentile of SQL."""

    def __init__(self, percent: float) -> None:
        self._percent = percent
        self._numbers: list[float] = []

    def enter(self, one: Occurrence) -> None:
        for number in _numbers(one):
            insort(self._numbers, number)

    def leave(self, one: Occurrence) -> None:
        for number in _numbers(one):
            del self._numbers[bisect_left(self._numbers, number)]

    def value(self) -> float | None:
        if not self._numbers:
            return None
        return percentile_of(self._numbers, self._percent)


def percentile_of(numbers: Sequence[float], percent: float) -> float:
    """Return SQL's continuous percentile of numbers in order, of which there is at least one."""
    place = (len(numbers) - 1) * percent / 100
    low = math.floor(place)
    high = min(low + 1, len(numbers) - 1)
    return numbers[low] + (numbers[high] - numbers[low]) * (place - low)


def _numbers(one: Occurrence) -> Iterable[float]:
    found = (number_of(value[0]) for value in one.values)
    return [number for number in found if number is not None and abs(number) <= _LARGEST]
