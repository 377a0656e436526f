"""What a correlation measures of a window: a number, kept up to date as occurrences enter the window and leave it."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
from typing import Any, Protocol

from typing_extensions import override

from services.monitoring.domain.sigma import Bound, Kind


class Occurrence(Protocol):
    """One event that a referenced rule matched, or one match of a referenced correlation."""

    @property
    def time_ms(self) -> int:
        """When, in milliseconds since 1970."""

    @property
    def rule(self) -> str:
        """The referenced rule's id."""

    @property
    def values(self) -> tuple[Any, ...] | None:
        """What the condition's fields hold; None if one is missing."""


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

    def key(self, one: Occurrence) -> object:
        return one.values

    def enter(self, one: Occurrence) -> None:
        if (key := self.key(one)) is not None:
            self._seen[key] += 1

    def leave(self, one: Occurrence) -> None:
        if (key := self.key(one)) is not None:
            self._seen[key] -= 1
            if not self._seen[key]:
                del self._seen[key]

    def value(self) -> float:
        return len(self._seen)


class _Rules(_Distinct):
    """How many different rules matched."""

    @override
    def key(self, one: Occurrence) -> object:
        return one.rule


class _Numbers:
    """The numbers of the window by size, so that what is calculated does not depend on arrival."""

    def __init__(self) -> None:
        self.numbers: list[float] = []

    def enter(self, one: Occurrence) -> None:
        if (number := _number(one)) is not None:
            insort(self.numbers, number)

    def leave(self, one: Occurrence) -> None:
        if (number := _number(one)) is not None:
            del self.numbers[bisect_left(self.numbers, number)]


class _Sum(_Numbers):
    def value(self) -> float | None:
        return math.fsum(self.numbers) if self.numbers else None


class _Average(_Numbers):
    def value(self) -> float | None:
        return math.fsum(self.numbers) / len(self.numbers) if self.numbers else None


class _Percentile(_Numbers):
    """Between two numbers by their distance: the continuous percentile of SQL."""

    def __init__(self, percent: float) -> None:
        super().__init__()
        self._percent = percent

    def value(self) -> float | None:
        if not self.numbers:
            return None
        place = (len(self.numbers) - 1) * self._percent / 100
        low = math.floor(place)
        high = min(low + 1, len(self.numbers) - 1)
        return self.numbers[low] + (self.numbers[high] - self.numbers[low]) * (place - low)


def _number(one: Occurrence) -> float | None:
    value: Any = one.values[0] if one.values else None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if is_number else None
