"""Events written one per line: after this, a line is an event of the contract or a refusal that says where and why."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import IO, Any, TypeVar

from nuxari_events import wire
from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7
from nuxari_events.topics import BY_EVENT_TYPE
from pydantic import BaseModel

MAX_LINE_BYTES = wire.MAX_EVENT_BYTES
"""The contract reads no larger event, so no longer line is kept in memory."""

SOURCE = "/nuxari/cli/publish"

AnyEvent = TypeVar("AnyEvent", bound=Event)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a file."""

    number: int
    """From 1."""
    text: bytes | None
    """None where it is longer than `MAX_LINE_BYTES`."""
    size: int
    """Bytes, the line's end included."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """A line that is not published: what is wrong, where, and what would be right. Never quotes the line."""

    line: int
    code: str
    detail: str

    @property
    def sentence(self) -> str:
        """The refusal as a reader sees it."""
        return f"line {self.line}: {self.detail}"


@dataclass(frozen=True, kw_only=True)
class Defaults:
    """What is filled in where a line leaves it out; `specversion` is 1.0 and `id` a new UUIDv7."""

    at: datetime
    """The `time` of events without one."""
    tenant_id: str | None = None
    """The tenant of every event, whatever its line says; None leaves each line its own."""
    source: str = SOURCE


def lines_of(stream: IO[bytes]) -> Iterator[Line]:
    """Yield the lines that are not blank, holding at most one in memory."""
    number = 0
    while text := stream.readline(MAX_LINE_BYTES + 1):
        number += 1
        size, whole = len(text), len(text) <= MAX_LINE_BYTES
        if not whole and not text.endswith(b"\n"):
            size += _skip_the_rest(stream)
        if text.strip():
            yield Line(number=number, text=text if whole else None, size=size)


def _skip_the_rest(stream: IO[bytes]) -> int:
    skipped = 0
    while more := stream.readline(MAX_LINE_BYTES):
        skipped += len(more)
        if more.endswith(b"\n"):
            break
    return skipped


def read_event(line: Line, *, defaults: Defaults) -> Event | Refusal:
    """Return the line's event, with what it leaves out filled in, or why there is none."""
    if line.text is None:
        return Refusal(line=line.number, code="too-large", detail=f"at most {MAX_LINE_BYTES} bytes are one event")
    try:
        fields = json.loads(line.text.decode().rstrip("\r\n"))
    except json.JSONDecodeError as error:
        detail = f"column {error.colno}: {error.msg}; one JSON object on one line is right"
        return Refusal(line=line.number, code="not-json", detail=detail)
    except UnicodeDecodeError:
        return Refusal(line=line.number, code="not-json", detail="not UTF-8; one JSON object in UTF-8 is right")
    except RecursionError:
        return Refusal(line=line.number, code="not-json", detail="nested too deeply for an event")
    if not isinstance(fields, dict):
        return Refusal(line=line.number, code="not-json", detail="an event is a JSON object: {...}")
    return _of_its_contract(_filled(fields, defaults), line.number)


def _filled(fields: dict[str, Any], defaults: Defaults) -> dict[str, Any]:
    missing = {"specversion": "1.0", "id": uuid7(), "source": defaults.source, "time": defaults.at.isoformat()}
    tenant = {} if defaults.tenant_id is None else {"tenantid": defaults.tenant_id}
    return missing | fields | tenant


def _of_its_contract(fields: dict[str, Any], number: int) -> Event | Refusal:
    topic = BY_EVENT_TYPE.get(str(fields.get("type")))
    if topic is None:
        return Refusal(line=number, code="unknown-type", detail=f"type: {_nearest_type(fields.get('type'))}")
    try:
        return wire.decode(topic, value=json.dumps(fields).encode())
    except wire.MalformedEventError as error:
        return Refusal(line=number, code=error.code, detail=error.detail)


def _nearest_type(given: object) -> str:
    near = get_close_matches(str(given), BY_EVENT_TYPE, n=1)
    if near:
        return f"no such event type; the nearest is {near[0]}"
    return f"no such event type; there are {', '.join(sorted(BY_EVENT_TYPE))}"


def newest_time(events: Iterable[Event | Refusal]) -> datetime | None:
    """Return the latest time of the events; None where there are none."""
    return max((event.time for event in events if isinstance(event, Event)), default=None)


def moved(event: AnyEvent, *, by: timedelta) -> AnyEvent:
    """Return the event with its time, and every time in its data, moved by so much.

    Raises:
        OverflowError: a time would leave the years 1 to 9999.
    """
    times_moved: AnyEvent = _moved(event, by)
    return times_moved


def _moved(value: Any, by: timedelta) -> Any:  # noqa: ANN401 - whatever an event holds
    match value:
        case datetime():
            return value + by
        case BaseModel():
            return value.model_copy(
                update={name: _moved(getattr(value, name), by) for name in type(value).model_fields}
            )
        case tuple():
            return tuple(_moved(one, by) for one in value)
        case _:
            return value
