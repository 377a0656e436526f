"""Values of an event by the names that rules use: `user_id`, or `userIdentity.arn` for what is nested."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

Read = Callable[[Any], Any]
"""Returns a field's value of an event, None where it is missing."""

MISSING = object()

_JSON_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_LONGEST_NUMBER = 40
"""Characters; a longer text is not taken for a number."""


def reader(name: str) -> Read:
    """Return what reads the field from an event that is a dictionary.

    A key that has the whole name, dots included, wins over the path; a list on the path is looked into.
    """
    if "." not in name:
        return lambda event: event.get(name)
    path = tuple(name.split("."))
    return lambda event: event[name] if name in event else along(event, path)


def is_there(event: dict[str, Any], name: str) -> bool:
    """Say whether the event has the field, be it null."""
    if name in event:
        return True
    return "." in name and along(event, tuple(name.split(".")), default=MISSING) is not MISSING


def along(value: Any, path: tuple[str, ...], *, default: Any = None) -> Any:  # noqa: ANN401 - any JSON
    """Return what lies at the end of the path, of a list on it what lies there in each element."""
    for place, key in enumerate(path):
        if isinstance(value, dict):
            if key not in value:
                return default
            value = value[key]
        elif isinstance(value, list):
            found = [one for part in value if (one := along(part, path[place:], default=MISSING)) is not MISSING]
            return found or default
        else:
            return default
    return value


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield every text, number and boolean in the value as text, however deep; names of fields are none of them."""
    if isinstance(value, dict):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from texts(part)
    elif value is not None:
        yield text_of(value)


def scalars(value: Any) -> Iterator[Any]:  # noqa: ANN401 - any JSON
    """Yield the value, of a list each of its elements; nothing of null and of an object."""
    if isinstance(value, list):
        for part in value:
            yield from scalars(part)
    elif value is not None and not isinstance(value, dict):
        yield value


def text_of(value: Any) -> str:  # noqa: ANN401 - any JSON
    """Return the value as the text that rules compare with: JSON's words for true and false, JSON for an object.

    Quotation marks within an object's texts stand bare: such a text is often JSON itself, like a policy document.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace('\\"', '"')
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:  # noqa: PLR2004 - exact up to here
        return str(int(value))
    return str(value)


def number_of(value: Any) -> int | float | None:  # noqa: ANN401 - any JSON
    """Return the value as a number, None if it is none: a boolean, or text that is not a JSON number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER:
        return None
    found = _JSON_NUMBER.fullmatch(value)
    if found is None:
        return None
    return float(value) if found[2] or found[3] else int(value)
