"""Values of an event by the names that rules use: `user_id`, or `userIdentity.arn` for what is nested."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

Read = Callable[[Any], Any]
"""Returns a field's value of an event, None where it is missing."""

MISSING = object()


def reader(name: str) -> Read:
    """Return what reads the field from an event that is a mapping.

    A key that has the whole name, dots included, wins over the path; a list on the path is looked into.
    """
    if "." not in name:
        return lambda event: event.get(name)
    path = tuple(name.split("."))
    return lambda event: event[name] if name in event else _along(event, path)


def is_there(event: Mapping[str, Any], name: str) -> bool:
    """Say whether the event has the field, be it null."""
    if name in event:
        return True
    return "." in name and _along(event, tuple(name.split(".")), default=MISSING) is not MISSING


def texts(value: Any) -> Iterator[str]:  # noqa: ANN401 - any JSON
    """Yield every text in the value, however deep."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from texts(part)


def _along(value: Any, path: tuple[str, ...], *, default: Any = None) -> Any:  # noqa: ANN401 - any JSON
    for place, key in enumerate(path):
        if isinstance(value, Mapping):
            if key not in value:
                return default
            value = value[key]
        elif isinstance(value, list | tuple):
            found = [one for part in value if (one := _along(part, path[place:], default=MISSING)) is not MISSING]
            return found or default
        else:
            return default
    return value
