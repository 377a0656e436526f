"""Further bounds on the window of a count, read from what a rule lists under `also`."""

from __future__ import annotations

from datetime import timedelta

from services.monitoring.domain.extensions import Also, Further, OneOf
from services.monitoring.sigma.keys import ExtensionError, Keys, Path

_OPERATORS = ("gte", "gt", "lte", "lt", "eq", "neq")


def further(value: object, *, path: Path) -> tuple[Further, ...]:
    """Return the further bounds that are listed.

    Raises:
        ExtensionError: one of them is wrong.
    """
    if not isinstance(value, list) or not value:
        raise ExtensionError(f"'{path[-1]}' is a list of bounds", path=path)
    return tuple(_bound(Keys(one, path=(*path, place))) for place, one in enumerate(value))


def _bound(keys: Keys) -> Further:
    if keys.has("any"):
        found: Further = OneOf(further(keys.take("any"), path=(*keys.path, "any")))
    elif keys.has("span"):
        found = Also(measure="span", number=keys.span("span") // timedelta(milliseconds=1))
    else:
        measure, fields = _measure(keys)
        operator = _operator(keys)
        found = Also(measure=measure, fields=fields, operator=operator, number=keys.number(operator))
    keys.end()
    return found


def _operator(keys: Keys) -> str:
    found = [one for one in _OPERATORS if keys.has(one)]
    if len(found) != 1:
        raise keys.error(f"a bound of 'also' has one of {', '.join(_OPERATORS)}")
    return found[0]


def _measure(keys: Keys) -> tuple[str, tuple[str, ...]]:
    if keys.has("events"):
        if keys.take("events") is not True:
            raise keys.error("'events' of 'also' is true: all of the window's are counted", at="events")
        return "events", ()
    for one in ("distinct", "most_per"):
        if keys.has(one):
            return one, keys.texts(one)
    if keys.has("ratio"):
        return "ratio", _fields_of_ratio(Keys(keys.take("ratio"), path=(*keys.path, "ratio")))
    raise keys.error("a bound of 'also' is about events, distinct, most_per, ratio, span or any")


def _fields_of_ratio(keys: Keys) -> tuple[str, ...]:
    if not keys.has("distinct"):
        raise keys.error("'ratio' needs 'distinct', a name or a list of names")
    fields = keys.texts("distinct")
    keys.end()
    return fields
