"""Further bounds on the window of a count: how many different values, how many for each, over how long."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from services.monitoring.domain.extensions import Also, Further, OneOf
from services.monitoring.domain.measures import Occurrence

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
    "eq": operator.eq,
    "neq": operator.ne,
}


class FurtherBounds:
    """Follows what enters the window and leaves it, and says whether all of the bounds hold."""

    def __init__(self, bounds: Sequence[Further], fields: Sequence[str]) -> None:
        self._bounds = bounds
        self._counts: dict[tuple[str, ...], _Counts] = {}
        self._places: dict[tuple[str, ...], tuple[int, ...]] = {}
        self._events = 0
        for one in _leaves(bounds):
            if one.fields:
                self._counts[one.fields] = _Counts()
                self._places[one.fields] = tuple(fields.index(name) for name in one.fields)

    def enter(self, one: Occurrence) -> None:
        """Take an occurrence into the window."""
        self._events += 1
        for fields, value in self._values(one):
            self._counts[fields].enter(value)

    def leave(self, one: Occurrence) -> None:
        """Let the occurrence out of the window again."""
        self._events -= 1
        for fields, value in self._values(one):
            self._counts[fields].leave(value)

    def hold(self, *, span_ms: int) -> bool:
        """Say whether all of the bounds hold for a window whose occurrences lie so far apart."""
        return all(self._holds(one, span_ms) for one in self._bounds)

    def _values(self, one: Occurrence) -> list[tuple[tuple[str, ...], tuple[Any, ...]]]:
        found = []
        for fields, places in self._places.items():
            value = tuple(one.extra[place] for place in places)
            if None not in value:
                found.append((fields, value))
        return found

    def _holds(self, bound: Further, span_ms: int) -> bool:
        if isinstance(bound, OneOf):
            return any(self._holds(one, span_ms) for one in bound.of)
        return OPERATORS[bound.operator](self._measured(bound, span_ms), bound.number)

    def _measured(self, bound: Also, span_ms: int) -> float:
        match bound.measure:
            case "events":
                return self._events
            case "span":
                return span_ms
            case "most_per":
                return self._counts[bound.fields].most
            case "ratio":
                return self._counts[bound.fields].different / max(self._events, 1)
            case _:
                return self._counts[bound.fields].different


class _Counts:
    """How often each value is there, and what is asked about that, without looking at all of them."""

    def __init__(self) -> None:
        self._of: Counter[tuple[Any, ...]] = Counter()
        self._with: Counter[int] = Counter()
        """How many values are there so often."""
        self.most = 0

    @property
    def different(self) -> int:
        return len(self._of)

    def enter(self, value: tuple[Any, ...]) -> None:
        count = self._of[value] + 1
        self._of[value] = count
        self._with[count - 1] -= 1
        self._with[count] += 1
        self.most = max(self.most, count)

    def leave(self, value: tuple[Any, ...]) -> None:
        count = self._of[value]
        self._with[count] -= 1
        self._with[count - 1] += 1
        if count == self.most and not self._with[count]:
            self.most -= 1
        if count > 1:
            self._of[value] = count - 1
        else:
            del self._of[value]


def _leaves(bounds: Sequence[Further]) -> list[Also]:
    found: list[Also] = []
    for one in bounds:
        found += _leaves(one.of) if isinstance(one, OneOf) else [one]
    return found
