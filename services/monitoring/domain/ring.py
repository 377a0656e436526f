"""People who decide for each other: rings, decisions for oneself, and givers who are nearly the only one of a taker."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from itertools import permutations

from services.monitoring.domain.extensions import Ring
from services.monitoring.domain.fields import text_of
from services.monitoring.domain.holds import Hold, moments
from services.monitoring.domain.measures import Occurrence

_ARROW = " → "

_Edge = tuple[str, str]
"""Who gave, and to whom."""


class _Given:
    """Who gave to whom within the window, and where in the occurrences that is."""

    def __init__(self) -> None:
        self._places: dict[_Edge, deque[int]] = {}
        self._takers: dict[str, set[str]] = {}
        self._received: Counter[str] = Counter()

    def enter(self, edge: _Edge, place: int) -> None:
        self._places.setdefault(edge, deque()).append(place)
        self._takers.setdefault(edge[0], set()).add(edge[1])
        self._received[edge[1]] += 1

    def leave(self, edge: _Edge) -> None:
        """Let the earliest one of the edge out again."""
        places = self._places[edge]
        places.popleft()
        self._received[edge[1]] -= 1
        if not places:
            del self._places[edge]
            self._takers[edge[0]].discard(edge[1])

    def times(self, edge: _Edge) -> int:
        return len(self._places.get(edge, ()))

    def share(self, edge: _Edge) -> float:
        """Return the edge's part of all that the taker received."""
        return self.times(edge) / self._received[edge[1]]

    def received(self, taker: str) -> int:
        return self._received[taker]

    def takers(self, giver: str, *, least: int) -> list[str]:
        return [one for one in self._takers.get(giver, ()) if one != giver and self.times((giver, one)) >= least]

    def among(self, people: Sequence[str]) -> list[int]:
        """Return where these people gave to each other."""
        edges = permutations(people, 2) if len(people) > 1 else [(people[0], people[0])]
        return sorted(place for edge in edges for place in self._places.get(edge, ()))


def ring(extension: Ring, occurrences: Sequence[Occurrence], *, width: int) -> Iterator[Hold]:
    """Yield the decisions that complete a ring; the value is how many people are in it, of a share the share."""
    given, first = _Given(), 0
    edges = [_edge(one) for one in occurrences]
    for begin, end in moments(occurrences):
        time_ms = occurrences[begin].time_ms
        while occurrences[first].time_ms <= time_ms - width:
            edge = edges[first]
            if edge is not None:
                given.leave(edge)
            first += 1
        for place in range(begin, end):
            edge = edges[place]
            if edge is not None:
                given.enter(edge, place)
        for place in range(begin, end):
            for about, people, value in _found(extension, given, edges[place]):
                others = tuple(other for other in given.among(people) if other != place)
                yield Hold(place, place, place, value, time_ms - width, time_ms, about, others)


def _edge(one: Occurrence) -> _Edge | None:
    giver, taker = one.extra[0], one.extra[1]
    return None if giver is None or taker is None else (text_of(giver), text_of(taker))


def _found(extension: Ring, given: _Given, edge: _Edge | None) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Yield what it is about, the people, and the value."""
    if edge is None:
        return
    giver, taker = edge
    if giver == taker:
        yield giver, (giver,), 1
        return
    if given.times(edge) >= extension.least:
        for people in sorted({tuple(sorted(path)) for path in _rings(extension, given, edge)}):
            yield _ARROW.join(people), people, len(people)
    share = given.share(edge)
    if extension.share is not None and given.received(taker) >= extension.of_least and share > extension.share:
        yield f"{giver}{_ARROW}{taker}", edge, round(share, 4)


def _rings(extension: Ring, given: _Given, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the ways back to the first of the path, each person once."""
    for taker in given.takers(path[-1], least=extension.least):
        if taker == path[0]:
            yield path
        elif len(path) < extension.longest and taker not in path:
            yield from _rings(extension, given, (*path, taker))
