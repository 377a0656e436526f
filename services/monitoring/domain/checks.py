"""Tests of one value: what each kind of check means is read here, whoever runs it over which events."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import re2

from services.monitoring.domain.conditions import Check, Comparison, Expression, Flag, Network, Number, Text, TimePart
from services.monitoring.domain.fields import number_of, text_of

Holds = Callable[[Any], bool]
"""Of one value that is neither missing nor a list."""

_START = datetime(1970, 1, 1, tzinfo=UTC)

LEAST_MILLISECONDS = 100_000_000_000
"""A time that is a number counts milliseconds since 1970 from here on; as seconds it would be the year 5138."""

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


def any_value(check: Check) -> Holds:
    """Return a function that says whether the check holds for a value or one element of a list; null holds nothing."""
    holds = value_check(check)

    def test(value: Any) -> bool:  # noqa: ANN401 - any JSON
        if value is None:
            return False
        return _any_of(value, holds) if isinstance(value, list) else holds(value)

    return test


def _any_of(values: list[Any], holds: Holds) -> bool:
    """Say whether an element holds; lists in lists are looked into."""
    return any(_any_of(one, holds) if isinstance(one, list) else one is not None and holds(one) for one in values)


def value_check(check: Check) -> Holds:  # noqa: PLR0911 - one line for each check
    """Return a function that says whether the check holds for one value.

    Raises:
        TypeError: the check is one of a field in its event, not of a value.
    """
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
        case Network():
            return _network(check)
        case Expression(pattern):
            return lambda value: pattern.search(text_of(value)) is not None
        case TimePart(part, number):
            take = _PARTS[part]
            return lambda value: (at := time_of(value)) is not None and take(at) == number
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


def _network(check: Network) -> Holds:
    network = check.network

    @lru_cache(maxsize=16_384)
    def is_in(text: str) -> bool:
        at = _address(text)
        return at is not None and at in network

    return lambda value: isinstance(value, str) and is_in(value)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text.strip())
    except ValueError:
        return None


def time_of(value: Any) -> datetime | None:  # noqa: ANN401 - any JSON
    """Return the time that the value says, in UTC: ISO 8601, or a number since 1970; None if it is no time.

    A time without an offset is taken for UTC.
    """
    try:
        number = None if _is_date(value) else number_of(value)
        if number is not None:
            return _START + timedelta(milliseconds=number if abs(number) >= LEAST_MILLISECONDS else number * 1000)
        at = datetime.fromisoformat(value)
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_date(value: Any) -> bool:  # noqa: ANN401 - any JSON
    """Say whether it looks like `2026-...`, as nearly every time does; no number does."""
    return isinstance(value, str) and value[4:5] == "-"
