"""Extended conditions: what has to have happened together, and what must not have happened near it.

A condition is taken apart into ways to hold. Each names rules that must match and rules that must not; what must not
match is looked for wherever it would share a window with what did, so an absence is certain one window after it began.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, product
from typing import NamedTuple

from services.monitoring.domain.sigma import All, Any_, Happened, Never, Reference

MOST_WAYS = 256
"""Ways in which one condition may hold; more than these is no condition that somebody wrote to be read."""


class Way(NamedTuple):
    """One way in which a condition holds."""

    wanted: frozenset[str]
    unwanted: frozenset[str]


class Held(NamedTuple):
    """What was found at a moment."""

    way: Way
    begun_ms: int
    """When the first of what is wanted happened; of each rule the latest match is taken."""


def ways(condition: Happened) -> list[Way]:
    """Return every way in which the condition can hold.

    Raises:
        ValueError: there is none, or one that wants nothing to happen, or more than 256.
    """
    found = list(dict.fromkeys(one for one in _ways(condition, negated=False) if not one.wanted & one.unwanted))
    if not found:
        raise ValueError("the 'condition' can never hold")
    if any(not one.wanted for one in found):
        raise ValueError("the 'condition' would hold where nothing happened: one rule has to match")
    return found


def _ways(condition: Happened, *, negated: bool) -> list[Way]:
    match condition:
        case Reference(name):
            name_alone = frozenset({name})
            return [Way(frozenset(), name_alone) if negated else Way(name_alone, frozenset())]
        case Never(part):
            return _ways(part, negated=not negated)
        case All(parts) | Any_(parts):
            below = [_ways(part, negated=negated) for part in parts]
            if isinstance(condition, Any_) is not negated:
                return list(chain.from_iterable(below))
            return _combined(below)


def _combined(below: Sequence[Sequence[Way]]) -> list[Way]:
    count = 1
    for one in below:
        count *= len(one)
    if count > MOST_WAYS:
        raise ValueError(f"the 'condition' can hold in more than {MOST_WAYS} ways")
    return [
        Way(frozenset().union(*(one.wanted for one in parts)), frozenset().union(*(one.unwanted for one in parts)))
        for parts in product(*below)
    ]


class Together:
    """Says of a moment whether a way holds, in any order."""

    def __init__(self, way: Way, times: Mapping[str, Sequence[int]], *, width_ms: int) -> None:
        self._way, self._times, self._width = way, times, width_ms

    def at(self, rule: str, time_ms: int) -> Held | None:
        """Return what holds with a match of the rule at the moment as the last that was wanted."""
        if rule not in self._way.wanted:
            return None
        latest = [_latest(self._times[one], time_ms) for one in self._way.wanted]
        begun = min(latest)
        if begun <= time_ms - self._width or self._is_unwanted(begun, time_ms):
            return None
        return Held(self._way, begun)

    def _is_unwanted(self, begun: int, until: int) -> bool:
        return any(
            _is_within(self._times[one], until - self._width + 1, begun + self._width - 1) for one in self._way.unwanted
        )


class InTurn:
    """Says of a moment whether a way holds in the order of the rules; what must not match has its place in it too."""

    def __init__(self, way: Way, times: Mapping[str, Sequence[int]], *, order: Sequence[str], width_ms: int) -> None:
        self._way, self._times, self._width = way, times, width_ms
        self._order = [one for one in order if one in way.wanted]
        self._places = {one: sum(other in way.wanted for other in order[: order.index(one)]) for one in way.unwanted}
        """How many wanted rules come before what is unwanted."""

    def at(self, rule: str, time_ms: int) -> Held | None:
        """Return what holds with a match of the rule at the moment as the last in order."""
        if rule != self._order[-1]:
            return None
        turns = [time_ms]
        for one in reversed(self._order[:-1]):
            turns.insert(0, _latest(self._times[one], turns[0]))
        if turns[0] <= time_ms - self._width or self._is_unwanted(turns):
            return None
        return Held(self._way, turns[0])

    def _is_unwanted(self, turns: Sequence[int]) -> bool:
        bounds = [turns[-1] - self._width + 1, *turns, turns[0] + self._width - 1]
        return any(
            _is_within(self._times[one], bounds[place], bounds[place + 1]) for one, place in self._places.items()
        )


def held(conditions: Sequence[Together | InTurn], rules: Iterable[str], time_ms: int) -> dict[str, Held]:
    """Return what holds at a moment for each rule that matched then: of several ways the one with most in it."""
    found: dict[str, Held] = {}
    for rule in rules:
        ways_held = [one for condition in conditions if (one := condition.at(rule, time_ms)) is not None]
        if ways_held:
            found[rule] = max(ways_held, key=lambda one: (len(one.way.wanted), -one.begun_ms, sorted(one.way.wanted)))
    return found


def _latest(times: Sequence[int], until: int) -> int:
    """Return the latest time until then, one before all others if there is none."""
    place = bisect_right(times, until)
    return times[place - 1] if place else -(1 << 62)


def _is_within(times: Sequence[int], begin: int, end: int) -> bool:
    """Say whether one of the times lies in `[begin, end]`."""
    place = bisect_left(times, begin)
    return place < len(times) and times[place] <= end
