"""How far a group comes with an event in it: after this, the value that was reached and its window can be said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf
from typing import NamedTuple

from services.monitoring.domain.evaluation import Match
from services.monitoring.domain.extensions import Further
from services.monitoring.domain.holds import Hold, in_milliseconds
from services.monitoring.domain.sigma import Bound, Correlation
from services.monitoring.domain.windows import holds

_LEAST = {"gte": -inf, "gt": -inf, "lte": inf, "lt": inf}
"""Numbers that every value meets."""


class Reached(NamedTuple):
    """What a correlation makes of one event in one of its groups."""

    holds: bool
    value: float | None
    """The most telling one over a window that has the event in it; None where nothing can be counted."""
    after_ms: int
    until_ms: int
    """The window is `(after, until]`."""
    counts: Mapping[str, int]
    """Events of the group in the window, by the id of the rule that they match."""
    further: tuple[tuple[Further, bool], ...]
    """Each further bound, and whether it holds in a window that has the event in it."""
    same: Mapping[str, tuple[object, int]]
    """Of each field that an extension reads: the event's value, and how many earlier events had the same one."""


def reached(rule: Correlation, matches: Sequence[Match], event: int) -> Reached:
    """Return how far the group's matches come, looked at from the event in that line, which is one of them."""
    found = _best(rule, matches, event)
    holding = found is not None
    if found is None and rule.extension is None and isinstance(rule.condition, Bound):
        found = _best(_undemanding(rule), matches, event)
    at_ms = next(one.time_ms for one in matches if one.place == event)
    after_ms, until_ms = _window(rule, matches, found, at_ms)
    return Reached(
        holds=holding,
        value=None if found is None else found.value,
        after_ms=after_ms,
        until_ms=until_ms,
        counts=Counter(one.rule for one in matches if after_ms < one.time_ms <= until_ms),
        further=tuple((one, _is_met(rule, one, matches, event)) for one in rule.also),
        same=_same(rule, matches, event),
    )


def _best(rule: Correlation, matches: Sequence[Match], event: int) -> Hold | None:
    """Return the most telling hold that rests on the event."""
    found = [hold for hold in holds(rule, matches) if _rests_on(hold, matches, event)]
    few = isinstance(rule.condition, Bound) and rule.condition.operator in {"lt", "lte"}
    choose = min if few else max
    return choose(found, key=lambda hold: hold.value) if found else None


def _rests_on(hold: Hold, matches: Sequence[Match], event: int) -> bool:
    indices = (*range(hold.first, hold.last + 1), hold.at, *hold.others)
    return any(matches[one].place == event for one in indices)


def _undemanding(rule: Correlation) -> Correlation:
    """Return the rule with a bound that everything meets, so that it says what is there."""
    assert isinstance(rule.condition, Bound)  # noqa: S101 - for the type
    least = _LEAST.get(rule.condition.operator, -inf)
    operator = rule.condition.operator if rule.condition.operator in _LEAST else "gte"
    return replace(rule, condition=replace(rule.condition, operator=operator, number=least), also=())


def _is_met(rule: Correlation, further: Further, matches: Sequence[Match], event: int) -> bool:
    alone = replace(_undemanding(rule), also=(further,))
    fields = rule.extra_fields
    order = [fields.index(name) for name in alone.extra_fields]
    arranged = [one._replace(extra=tuple(one.extra[place] for place in order)) for one in matches]
    return _best(alone, arranged, event) is not None


def _window(rule: Correlation, matches: Sequence[Match], hold: Hold | None, at_ms: int) -> tuple[int, int]:
    if hold is None:
        return at_ms - in_milliseconds(rule.timespan), at_ms
    return hold.after_ms, max(matches[hold.at].time_ms, matches[hold.last].time_ms)


def _same(rule: Correlation, matches: Sequence[Match], event: int) -> dict[str, tuple[object, int]]:
    if rule.extension is None:
        return {}
    mine = next(one for one in matches if one.place == event)
    earlier = [one for one in matches if one.time_ms < mine.time_ms]
    return {
        name: (mine.extra[place], sum(one.extra[place] == mine.extra[place] for one in earlier))
        for place, name in enumerate(rule.extra_fields)
    }
