"""Conditions as functions of an event: a closure for each test, so that what a condition means is read in one place.

`compiled` makes faster functions of the same conditions; they are held against these.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.monitoring.domain.checks import any_value, value_check
from services.monitoring.domain.conditions import Check, Condition, Every, Exists, Not, Null, SameAs, Some, Test
from services.monitoring.domain.fields import Read, is_there, reader, scalars, text_of, texts

Predicate = Callable[[dict[str, Any]], bool]

_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "equals": str.__eq__,
    "begins": str.startswith,
    "ends": str.endswith,
    "contains": str.__contains__,
}


def predicate(condition: Condition) -> Predicate:
    """Return a function that says whether the condition holds for an event."""
    match condition:
        case Test(field, check):
            return anywhere(check) if field is None else _field_check(field, check)
        case Every(parts):
            every = tuple(map(predicate, parts))
            return lambda event: all(part(event) for part in every)
        case Some(parts):
            some = tuple(map(predicate, parts))
            return lambda event: any(part(event) for part in some)
        case Not(part):
            inner = predicate(part)
            return lambda event: not inner(event)


def anywhere(check: Check) -> Predicate:
    """Return a function that says whether the check holds for any text, number or boolean in the event."""
    holds = value_check(check)
    return lambda event: any(holds(text) for text in texts(event))


def same(check: SameAs, read: Read, read_other: Read) -> Callable[[Any], bool]:
    """Return a function that says whether two fields of an event compare so; of lists one element each is enough."""
    compare = _COMPARE[check.how]

    def test(event: Any) -> bool:  # noqa: ANN401 - whatever the readers read
        others = [text_of(one).lower() for one in scalars(read_other(event))]
        return any(compare(text_of(mine).lower(), other) for mine in scalars(read(event)) for other in others)

    return test


def _field_check(field: str, check: Check) -> Predicate:
    read = reader(field)
    match check:
        case Null():
            return lambda event: read(event) is None
        case Exists(wanted):
            return lambda event: is_there(event, field) is wanted
        case SameAs(other):
            return same(check, read, reader(other))
        case _:
            holds = any_value(check)
            return lambda event: holds(read(event))
