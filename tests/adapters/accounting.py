"""Checks that hold for every adapter: nothing is lost unnamed, nothing leaves the contract, ids stay."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from nuxari_events import wire
from nuxari_events.adapters import Adapter, Conversion
from nuxari_events.envelope import Event
from nuxari_events.topics import ACCESS_ACTIVITY

Record = dict[str, Any]
Place = tuple[str | int, ...]


def converted(adapter: Adapter, record: Record, **options: Any) -> Conversion:
    result = adapter.convert(record, **options)
    assert isinstance(result, Conversion), result
    return result


def only_event(adapter: Adapter, record: Record, **options: Any) -> Any:
    (event,) = converted(adapter, record, **options).events
    return event


def data_of(event: Event) -> dict[str, Any]:
    """What its data says, without what it leaves open."""
    dumped: dict[str, Any] = event.data.model_dump(mode="json", exclude_none=True)  # type: ignore[attr-defined]
    return dumped


def check_that_it_reads_back(conversion: Conversion) -> None:
    for event in conversion.events:
        encoded = wire.encode(event)
        assert encoded.topic == ACCESS_ACTIVITY.name
        assert wire.decode(ACCESS_ACTIVITY, value=encoded.value, headers=encoded.headers) == event


def check_that_nothing_is_lost_unnamed(adapter: Adapter, record: Record, **options: Any) -> None:
    """Every value that is not named as dropped changes the outcome when it is another one."""
    conversion = converted(adapter, record, **options)
    for place in leaves(record):
        if shown(place) not in conversion.dropped:
            other = adapter.convert(_with_another_value(record, place), **options)
            assert other != conversion, f"{shown(place)} is neither mapped nor dropped"


def leaves(value: object, place: Place = ()) -> Iterator[Place]:
    match value:
        case dict():
            for key, below in value.items():
                yield from leaves(below, (*place, key))
        case list():
            for index, below in enumerate(value):
                yield from leaves(below, (*place, index))
        case None | "":
            return
        case _:
            yield place


def shown(place: Place) -> str:
    return ".".join(key if isinstance(key, str) else "[]" for key in place).replace(".[]", "[]")


def _with_another_value(record: Record, place: Place) -> Record:
    changed = copy.deepcopy(record)
    *above, last = place
    within: Any = changed
    for key in above:
        within = within[key]
    within[last] = _another(within[last])
    return changed


def _another(value: object) -> object:
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str() if value[:4].isdigit() and "T" in value:
            return "2001-01-01T00:00:00Z"
        case _:
            return "another"
