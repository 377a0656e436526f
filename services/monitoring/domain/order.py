"""Rules that matched in a certain order: how much of it had happened by each moment, and since when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

_NEVER = -(1 << 62)


class InOrder(NamedTuple):
    """The longest run of rules in order that ends with a match of the last of them."""

    length: int
    begun_ms: int
    """When the latest such run began."""


class Order:
    """Follows the matches of rules, moment by moment; what happens in one moment happens in any order.

    A rule that is named twice needs two matches.
    """

    def __init__(self, rules: Sequence[str], *, width_ms: int) -> None:
        self._rules = tuple(rules)
        self._width = width_ms
        self._twice = frozenset(rule for rule, count in Counter(rules).items() if count > 1)
        self._begun = [[_NEVER] * (len(self._rules) + 1) for _ in self._rules]
        """When the latest run began that ends with the rule at a place, by the place and the run's length."""

    def follow(self, time_ms: int, matched: Counter[str]) -> dict[str, InOrder]:
        """Take a moment's matches, counted by rule, later ones after earlier; return what ends with each of them."""
        ends = list(self._ends(time_ms, matched))
        found: dict[str, InOrder] = {}
        for place, length, begun in ends:
            self._begun[place][length] = max(begun, self._begun[place][length])
        for place, length, begun in ends:
            rule, one = self._rules[place], InOrder(length, begun)
            if begun > time_ms - self._width and (rule not in found or one > found[rule]):
                found[rule] = one
        return found

    def _ends(self, time_ms: int, matched: Counter[str]) -> Iterator[tuple[int, int, int]]:
        """Yield place, length and begin of each run that ends now, longer ones after those that they go on from."""
        now: dict[tuple[int, int, tuple[str, ...]], int] = {}
        for place, rule in enumerate(self._rules):
            if not matched[rule]:
                continue
            used: tuple[str, ...] = (rule,) if rule in self._twice else ()
            fresh: dict[tuple[int, tuple[str, ...]], int] = {(1, used): time_ms}
            for length, begun in self._before(place):
                fresh[length + 1, used] = begun
            for (_, length, taken), begun in now.items():
                if taken.count(rule) < matched[rule]:
                    key = (length + 1, tuple(sorted(taken + used)))
                    fresh[key] = max(begun, fresh.get(key, _NEVER))
            now |= {(place, length, taken): begun for (length, taken), begun in fresh.items()}
            yield from ((place, length, begun) for (length, _), begun in fresh.items())

    def _before(self, place: int) -> Iterator[tuple[int, int]]:
        """Yield length and begin of the runs of earlier moments that the rule at the place goes on from."""
        for length in range(1, place + 1):
            begun = max(self._begun[before][length] for before in range(place))
            if begun > _NEVER:
                yield length, begun
