"""Whether a group must be looked at for an event that it got: a cheap test that says no only where nothing is new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta

from services.monitoring.domain.sigma import Bound, Correlation, Kind, WindowKind
from services.monitoring.domain.state import Entry

Quick = Callable[[Sequence[Entry], Entry], bool]
"""Of the group's entries and the one that was added; whether where the rule holds may have changed."""

_MILLISECOND = timedelta(milliseconds=1)


def quick(rule: Correlation) -> Quick:  # noqa: PLR0911 - one line for each kind
    """Return the test for the rule; one that always says yes where nothing cheaper is known."""
    condition, extension = rule.condition, rule.extension
    if extension is not None:
        return _always
    if (
        not isinstance(condition, Bound)
        or condition.operator not in {"gte", "gt"}
        or rule.window is not WindowKind.SLIDING
    ):
        return _always
    least = int(condition.number) + (condition.operator == "gt")
    if rule.kind is Kind.EVENT_COUNT:
        return _at_least(max(least, 1), rule.timespan // _MILLISECOND)
    if rule.kind is Kind.VALUE_COUNT:
        return _values_at_least(max(least, 1), rule.timespan // _MILLISECOND)
    if rule.kind is Kind.TEMPORAL_ORDERED and least == len(rule.references) > 1:
        return _ends_order(rule.references[-1])
    if rule.kind is Kind.TEMPORAL:
        return _at_least(max(least, 1), rule.timespan // _MILLISECOND)
    return _always


def _always(_: Sequence[Entry], __: Entry) -> bool:
    return True


def _at_least(least: int, width_ms: int) -> Quick:
    """So many events within the window are needed, each brings one."""
    if least == 1:
        return _always

    def test(entries: Sequence[Entry], entry: Entry) -> bool:
        if len(entries) < least:
            return False
        return entries[-1] is not entry or entries[-least].time_ms > entry.time_ms - width_ms

    return test


def _values_at_least(least: int, width_ms: int) -> Quick:
    """So many different values within the window are needed; an event may bring several."""

    def test(entries: Sequence[Entry], entry: Entry) -> bool:
        if entries[-1] is not entry:
            return True
        found: set[tuple[str, ...]] = set()
        for one in reversed(entries):
            if one.time_ms <= entry.time_ms - width_ms:
                return False
            found.update(one.values)
            if len(found) >= least:
                return True
        return False

    return test


def _ends_order(last: str) -> Quick:
    """In order, something new holds only where the last rule matches, or where an event came late.

    What happens in one millisecond happens in any order.
    """

    def test(entries: Sequence[Entry], entry: Entry) -> bool:
        if entry.rule == last or entries[-1] is not entry:
            return True
        return len(entries) > 1 and entries[-2].time_ms == entry.time_ms

    return test
