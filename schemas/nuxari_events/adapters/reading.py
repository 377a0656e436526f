"""What every adapter needs to read a record: after this, nothing of a record that is no event is guessed at."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import quote

from pydantic import ValidationError

from nuxari_events.adapters.conversion import Conversion, Unread
from nuxari_events.adapters.fields import Fields
from nuxari_events.envelope import Event
from nuxari_events.ids import derived_id

_COUNTRY = re.compile(r"^[A-Z]{2}$")
_CORRELATION = re.compile(r"^[!-~]{1,128}$")
_MOST_DEGREES = (("latitude", 90), ("longitude", 180))
_MOST_ASN = 4_294_967_295


class UnreadableError(Exception):
    """The record is not what the adapter knows; carries the reason that is counted and reported."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.unread = Unread(code=code, detail=detail)


@dataclass(frozen=True, kw_only=True)
class Head:
    """What every event of one record shares."""

    source: str
    record_id: str
    """The source's own id of the record; every event's id is derived from it, so reading it again makes duplicates."""
    time: datetime
    tenant_id: str
    actor_id: str
    correlation_id: str | None = None

    def envelope(self, *, subject: str, part: str = "", time: datetime | None = None) -> dict[str, Any]:
        """Return the envelope of one event; several of one record each name their `part`."""
        return {
            "id": derived_id(self.source, self.record_id, part),
            "source": self.source,
            "time": time or self.time,
            "subject": subject,
            "tenantid": self.tenant_id,
            "actorid": self.actor_id,
            "correlationid": self.correlation_id,
        }


def conversion_of(record: Mapping[str, object], build: Callable[[Fields], tuple[Event, ...]]) -> Conversion | Unread:
    """Return what `build` makes of the record, with what it did not take; or why it made nothing."""
    fields = Fields(record)
    try:
        events = build(fields)
    except UnreadableError as refusal:
        return refusal.unread
    except ValidationError as error:
        return _outside_the_contract(error)
    return Conversion(events=events, dropped=fields.untaken(), remarks=fields.remarks)


def _outside_the_contract(error: ValidationError) -> Unread:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return Unread(code="outside-contract", detail=f"{where}: {first['msg']}"[:500])


def needed(fields: Fields, *path: str) -> str:
    """Return the text at the path without taking it.

    Raises:
        UnreadableError: there is none.
    """
    value = fields.look_text(*path)
    if value is None:
        raise UnreadableError("missing-field", f"{'.'.join(path)}: a text is needed")
    return value


def needed_name(fields: Fields, *path: str) -> str:
    """Take one line of text.

    Raises:
        UnreadableError: there is none.
    """
    value = fields.name(*path)
    if value is None:
        raise UnreadableError("missing-field", f"{'.'.join(path)}: one line of text is needed")
    return value


def moment_of(value: object) -> datetime | None:
    """Return the point in time that a text names (RFC 3339), in UTC; None where it names none."""
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        return time.astimezone(UTC) if time is not None and time.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def needed_time(fields: Fields, *path: str) -> datetime:
    """Take the time at the path.

    Raises:
        UnreadableError: there is none, or it has no offset.
    """
    time = moment_of(fields.look(*path))
    if time is None:
        raise UnreadableError("bad-time", f"{'.'.join(path)}: a time like 2024-08-02T08:53:24Z is needed")
    fields.take(*path)
    return time


def is_ip(value: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    try:
        ip_address(value)
    except ValueError:
        return False
    return True


def country_code(fields: Fields, *path: str) -> str | None:
    """Take an ISO 3166-1 alpha-2 code; anything else is left with a remark."""
    value = fields.look_text(*path)
    if value is None:
        return None
    if not _COUNTRY.match(value):
        fields.remark("left out, no country code", *path)
        return None
    fields.take(*path)
    return value


def coordinates(fields: Fields, *, latitude: str, longitude: str) -> dict[str, float]:
    """Take both degrees of a place; where one is missing or impossible, neither."""
    values = [fields.look(name) for name in (latitude, longitude)]
    if values == [None, None]:
        return {}
    found: dict[str, float] = {}
    for (name, most), value in zip(_MOST_DEGREES, values, strict=True):
        if isinstance(value, int | float) and not isinstance(value, bool) and -most <= value <= most:
            found[name] = float(value)
    if len(found) < len(values):
        fields.remark("left out, no place on Earth", latitude)
        return {}
    fields.take(latitude)
    fields.take(longitude)
    return found


def as_number(fields: Fields, *path: str) -> int | None:
    """Take the number of an autonomous system; sources write 0 where they know none."""
    value = fields.look(*path)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value <= _MOST_ASN:
        return None
    return fields.integer(*path)


def correlation(fields: Fields, *path: str) -> str | None:
    """Take an id that several records share, where the envelope has room for it."""
    value = fields.look_text(*path)
    if value is None or not _CORRELATION.match(value):
        return None
    return fields.text(*path)


def source_of(product: str, name: str) -> str:
    """Return the CloudEvents `source` of a connected system."""
    return f"/connectors/{product}/{quote(name, safe='', errors='replace')}"
