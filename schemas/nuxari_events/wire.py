"""CloudEvents on Kafka: after this, nobody thinks about structured and binary mode, headers or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from nuxari_events.envelope import Event
from nuxari_events.topics import BY_EVENT_TYPE, Topic, contract

MAX_EVENT_BYTES = 256 * 1024
"""An event is a fact, not a document: larger ones are refused before they are parsed."""

STRUCTURED = "application/cloudevents+json"

Headers = Sequence[tuple[str, bytes]]


class MalformedEventError(ValueError):
    """The bytes are not an event of the contract.

    `code` is stable and safe to log; `detail` says where and what would be right, and never quotes the input.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class UnknownEventTypeError(MalformedEventError):
    """The event is well formed but of a type this version does not know: count it and go on."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """An event as Kafka carries it."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def encode(event: Event) -> Encoded:
    """Return the event in structured mode for the topic its type belongs to."""
    topic = BY_EVENT_TYPE[event.type]
    headers = [("content-type", STRUCTURED.encode()), ("ce_type", event.type.encode())]
    value = event.model_dump_json(exclude_none=True).encode()
    return Encoded(topic=topic.name, key=topic.key(event).encode(), value=value, headers=headers)


def decode(topic: Topic, *, value: bytes | None, headers: Headers = ()) -> Event:
    """Return the event in structured or binary mode.

    Raises:
        UnknownEventTypeError: the topic's contract has no such `type`.
        MalformedEventError: anything else that is not an event of the topic's contract.
    """
    text = structured(value=value, headers=headers)
    try:
        return contract(topic).validate_json(text)
    except ValidationError as error:
        raise _refusal(error, topic) from None


def structured(*, value: bytes | None, headers: Headers = ()) -> bytes:
    """Return the event's structured-mode JSON whichever mode it came in.

    Raises:
        MalformedEventError: a tombstone, an oversized value, or binary mode with broken headers or data.
    """
    if value is None:
        raise MalformedEventError("tombstone", "the message has no value; an event is a JSON object")
    if len(value) > MAX_EVENT_BYTES:
        raise MalformedEventError("too-large", f"the value has {len(value)} bytes; at most {MAX_EVENT_BYTES} are read")
    if not any(name == "ce_specversion" for name, _ in headers):
        return value
    return _from_binary(value, headers)


def _from_binary(value: bytes, headers: Headers) -> bytes:
    attributes = dict(_ce_attributes(headers))
    try:
        attributes["data"] = json.loads(value)
    except (ValueError, RecursionError):
        raise MalformedEventError("not-json", "the data of a binary-mode event is not JSON") from None
    return json.dumps(attributes).encode()


def _ce_attributes(headers: Headers) -> Iterable[tuple[str, Any]]:
    for name, raw in headers:
        if name.startswith("ce_"):
            try:
                yield name[3:], raw.decode()
            except UnicodeDecodeError:
                raise MalformedEventError("bad-header", f"header {name[:40]!a} is not UTF-8") from None


def _refusal(error: ValidationError, topic: Topic) -> MalformedEventError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return MalformedEventError("not-json", "the value is not one JSON object")
    if first["type"] == "union_tag_invalid" or (first["loc"] == ("type",) and first["type"] == "literal_error"):
        return UnknownEventTypeError("unknown-type", f"`type` is none of {', '.join(sorted(topic.event_types))}")
    if first["type"] == "union_tag_not_found":
        return MalformedEventError("invalid-event", "`type` is missing")
    where = ".".join(str(part) for part in first["loc"] if part not in topic.event_types) or "the event"
    return MalformedEventError("invalid-event", f"{where}: {first['msg']}"[:500])
