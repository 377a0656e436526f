"""Conditions as functions of an event: a closure for each test, so that what a test means is read in one place."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import re2

from services.monitoring.domain.conditions import (
    Check,
    Comparison,
    Condition,
    Every,
    Exists,
    Expression,
    Flag,
    Network,
    Not,
    Null,
    Number,
    SameAs,
    Some,
    Test,
    Text,
    TimePart,
)
from services.monitoring.domain.fields import Read, is_there, reader, texts

Predicate = Callable[[Mapping[str, Any]], bool]
Holds = Callable[[Any], bool]
"""Of one value that is neither missing nor a list."""

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}

_PARTS: dict[str, Callable[[datetime], int]] = {
    "minute": lambda at: at.minute,
    "hour": lambda at: at.hour,
    "day": lambda at: at.day,
    "week": lambda at: at.isocalendar().week,
    "month": lambda at: at.month,
    "year": lambda at: at.year,
}


def predicate(condition: Condition) -> Predicate:
    """Return a function that says whether the condition holds for an event."""
    match condition:
        case Test(field, check):
            return _anywhere(check) if field is None else _field_check(field, check)
        case Every(parts):
            return _every(tuple(map(predicate, parts)))
        case Some(parts):
            return _some(tuple(map(predicate, parts)))
        case Not(part):
            inner = predicate(part)
            return lambda event: not inner(event)


def _anywhere(check: Check) -> Predicate:
    holds = _value_check(check)
    return lambda event: any(holds(text) for text in texts(event))


def _every(parts: tuple[Predicate, ...]) -> Predicate:
    def holds(event: Mapping[str, Any]) -> bool:
        for part in parts:  # noqa: SIM110 - a generator would cost more than the tests
            if not part(event):
                return False
        return True

    return holds


def _some(parts: tuple[Predicate, ...]) -> Predicate:
    def holds(event: Mapping[str, Any]) -> bool:
        for part in parts:  # noqa: SIM110 - as above
            if part(event):
                return True
        return False

    return holds


def _field_check(field: str, check: Check) -> Predicate:
    read = reader(field)
    match check:
        case Null():
            return lambda event: read(event) is None
        case Exists(wanted):
            return lambda event: is_there(event, field) is wanted
        case SameAs():
            return _same_as(field, check)
        case _:
            return _of_value(read, _value_check(check))


def _of_value(read: Read, holds: Holds) -> Predicate:
    def test(event: Mapping[str, Any]) -> bool:
        value = read(event)
        if value is None:
            return False
        return _any_of(value, holds) if value.__class__ is list else holds(value)

    return test


def _same_as(field: str, check: SameAs) -> Predicate:
    read, read_other = reader(field), reader(check.field)

    def test(event: Mapping[str, Any]) -> bool:
        mine, other = read(event), read_other(event)
        if mine is None or other is None:
            return False
        mine, other = text_of(mine).lower(), text_of(other).lower()
        if check.begins or check.ends:
            return (not check.begins or mine.startswith(other)) and (not check.ends or mine.endswith(other))
        return mine == other

    return test


def _any_of(value: Any, holds: Holds) -> bool:  # noqa: ANN401 - any JSON
    """Say whether an element holds; lists in lists are looked into."""
    return any(_any_of(one, holds) if isinstance(one, list) else one is not None and holds(one) for one in value)


def _value_check(check: Check) -> Holds:  # noqa: PLR0911 - one line for each check
    match check:
        case Text():
            return _text(check)
        case Number(number):
            return lambda value: number_of(value) == number
        case Flag(wanted):
            return lambda value: value is wanted or (isinstance(value, str) and value.lower() == str(wanted).lower())
        case Comparison(name, number):
            compare = _OPERATORS[name]
            return lambda value: (mine := number_of(value)) is not None and compare(mine, number)
        case Network(network):
            return lambda value: isinstance(value, str) and (at := _address(value)) is not None and at in network
        case Expression(pattern):
            return lambda value: pattern.search(text_of(value)) is not None
        case TimePart(part, number):
            take = _PARTS[part]
            return lambda value: (at := _time(value)) is not None and take(at) == number
        case _:
            raise TypeError(f"{type(check).__name__} is a check of a field")


def _text(check: Text) -> Holds:  # noqa: PLR0911 - one line for each form
    """Return the cheapest test of the text that there is."""
    fold: Callable[[str], str] = (lambda text: text) if check.is_cased else str.lower
    match tuple(fold(part) if isinstance(part, str) else part for part in check.parts):
        case ():
            return lambda value: not text_of(value)
        case (str() as whole,):
            return lambda value: fold(text_of(value)) == whole
        case (None, str() as part, None):
            return lambda value: part in fold(text_of(value))
        case (str() as part, None):
            return lambda value: fold(text_of(value)).startswith(part)
        case (None, str() as part):
            return lambda value: fold(text_of(value)).endswith(part)
        case (None,):
            return lambda _: True
        case parts:
            match_whole = re2.compile("(?s)" + "".join(map(_as_regex, parts))).fullmatch
            return lambda value: match_whole(fold(text_of(value))) is not None


def _as_regex(part: str | bool | None) -> str:  # noqa: FBT001 - False is the wildcard for one character
    if part is None:
        return ".*"
    return re2.escape(part) if isinstance(part, str) else "."


def text_of(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the value as the text that rules compare with: JSON's words for true and false."""
    if value.__class__ is str:
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def number_of(value: Any) -> int | float | None:  # noqa: ANN401 - any JSON
    """Return the value as a number, None if it is none; a boolean is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    return _parsed(value) if isinstance(value, str) else None


@lru_cache(maxsize=4096)
def _parsed(text: str) -> int | float | None:
    try:
        return int(text) if text.lstrip("+-").isdecimal() and len(text) < 19 else float(text)  # noqa: PLR2004 - digits
    except ValueError:
        return None


@lru_cache(maxsize=65_536)
def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip())
    except ValueError:
        return None


def _time(value: Any) -> datetime | None:  # noqa: ANN401 - any JSON
    try:
        if isinstance(value, str):
            at = datetime.fromisoformat(value)
            return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        number = number_of(value)
        return None if number is None else datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return None
