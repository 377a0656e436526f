"""Records to facts on the hot path: msgspec reads what is clearly right, the contract judges all the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Union

import msgspec
from nuxari_events.topics import ACCESS_ACTIVITY, BY_NAME, event_type
from nuxari_events.wire import STRUCTURED, UnknownEventTypeError, structured
from nuxari_events.wire import decode as decode_by_contract

from services.monitoring.domain.fact_layout import as_attributes
from services.monitoring.domain.model import Fact
from services.monitoring.mirror import NotMirroredError, mirror_of_event

LONGEST = 4_000
"""Bytes. Whoever has more to say is read by the contract: it refuses numbers of more than 4,300 digits, msgspec skips
them where it does not know the field."""

DEEPEST = 60
"""Brackets. The contract refuses a nesting of 200, msgspec a much deeper one."""

_BROUGHT = frozenset({"specversion", "id"})
"""What an event that is read must bring itself, though the models have a default (CloudEvents 1.0)."""

_ZULU, _OFFSET = len('"2026-03-02T09:00:00.123456Z"'), len('"2026-03-02T09:00:00.123456+01:00"')
"""Longer ones have more than six decimals, which msgspec rounds and the contract cuts off."""

_UNSURE_YEARS = frozenset({1, 9999})
"""Years in which a time can lie outside the calendar once it is in UTC."""

_STRUCTURED = ("content-type", STRUCTURED.encode())

_TIME = msgspec.json.Decoder(Annotated[datetime, msgspec.Meta(tz=True)])


def decode(
    topic: str,
    *,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]],
    partition: int,
    offset: int,
    ingested_ms: int,
) -> Fact | None:
    """Return the event as a fact; None for a well-formed event of a type that nobody here knows.

    Accepts what `nuxari_events.wire.decode` accepts, with the same values; an enumeration's value is plain text.

    Raises:
        MalformedEventError: it is no event of the topic's contract.
    """
    read = _at_once(value, headers) if topic == ACCESS_ACTIVITY.name and value is not None else None
    if read is None:
        try:
            event: Any = decode_by_contract(BY_NAME[topic], value=value, headers=headers)
        except UnknownEventTypeError:
            return None
        read = event, event.type, event.time
        data = as_attributes(event.data.model_dump(mode="json"))
    else:
        data = read[0].data
    known, kind, time = read
    return Fact(
        type=kind,
        source=known.source,
        id=known.id,
        time_ms=round(time.timestamp() * 1000),
        tenant=known.tenantid,
        data=data,
        topic=topic,
        partition=partition,
        offset=offset,
        ingested_ms=ingested_ms,
        subject=known.subject,
        actor=known.actorid,
        sequence=known.sequence,
    )


def _at_once(value: bytes, headers: Sequence[tuple[str, bytes]]) -> tuple[Any, str, datetime] | None:
    """Read what is clearly an event; None for everything else, whatever is wrong with it or merely unusual."""
    try:
        text = value if not headers or headers[0] == _STRUCTURED else structured(value=value, headers=headers)
        if len(text) > LONGEST or text.count(b"[") + text.count(b"{") > DEEPEST:
            return None
        if not text.isascii():
            text.decode()  # msgspec does not look into the values of fields that it does not know
        event = _ACCESS.decode(text)
        time = _time(bytes(event.time))
    except ValueError:
        return None
    return None if time is None else (event, event.__struct_config__.tag, time)


def _time(text: bytes) -> datetime | None:
    """Return the time; None if msgspec and the contract may not agree on it."""
    if len(text) > (_ZULU if text[-2:-1] in b"Zz" else _OFFSET if text[-4:-3] == b":" else 0):
        return None
    time = _TIME.decode(text)
    return None if time.year in _UNSURE_YEARS else time


def _mirrors() -> Iterator[Any]:
    for model in ACCESS_ACTIVITY.event_classes:
        with contextlib.suppress(NotMirroredError):
            yield mirror_of_event(model, type_=event_type(model), required=_BROUGHT)


_ACCESS = msgspec.json.Decoder(Union[tuple(_mirrors())])  # noqa: UP007 - of as many as there are
