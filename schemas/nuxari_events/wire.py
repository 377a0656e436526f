"""CloudEvents on Kafka: after this, nobody thinks about structured and binary mode, headers or JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from nuxari_events.envelope import Event
from nuxari_events.topics import BY_EVENT_TYPE, Topic, contract

MAX_EVENT_BYTES = 256 * 1024
"""An event is a fact, not a document: larger ones are refused before they are parsed."""

STRUCTURED = "application/cloudevents+json"

Headers = Sequence[tuple[str, bytes]]

_ATTRIBUTES = frozenset(Event.model_fields)
_REQUIRED = frozenset({"specversion", "id", "source", "type"})
"""By CloudEvents 1.0. The models have defaults for those who build events; an event that is read must bring its own:
one without an `id` would be another event each time it is read."""


class MalformedEventError(ValueError):
    """The bytes are not an event of the contract.

    `code` is stable and safe to log; `detail` says where and what would be right, and never quotes the input.
    """

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class UnknownEventTypeError(MalformedEventError):
    """The envelope is well formed but its `type` is not of this version's contract: count it and go on."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """An event as Kafka carries it."""

    topic: str
    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def encode(event: Event) -> Encoded:
    """Return the event, in the mode of the topic its type belongs to.

    Raises:
        MalformedEventError: it has more than `MAX_EVENT_BYTES`, or no topic has its type.
    """
    topic = BY_EVENT_TYPE.get(event.type)
    if topic is None:
        raise UnknownEventTypeError("unknown-type", "no topic has events of this `type`")
    headers, value = _in_binary(event) if topic.content_mode == "binary" else _in_structured(event)
    _limit(value)
    return Encoded(topic=topic.name, key=topic.key(event).encode(), value=value, headers=headers)


def _in_structured(event: Event) -> tuple[list[tuple[str, bytes]], bytes]:
    headers = [("content-type", STRUCTURED.encode()), ("ce_type", event.type.encode())]
    return headers, event.model_dump_json(exclude_none=True).encode()


def _in_binary(event: Event) -> tuple[list[tuple[str, bytes]], bytes]:
    """Return the attributes as headers and the data as the value (CloudEvents Kafka binding, section 3.2)."""
    attributes = event.model_dump(mode="json", exclude_none=True, exclude={"data"})
    media_type = attributes.pop("datacontenttype")
    headers = [("content-type", media_type), *((f"ce_{name}", text) for name, text in attributes.items())]
    data: BaseModel = getattr(event, "data")  # noqa: B009 - every event has it, the envelope alone does not say so
    return [(name, text.encode()) for name, text in headers], data.model_dump_json(exclude_none=True).encode()


def decode(topic: Topic, *, value: bytes | None, headers: Headers = ()) -> Event:
    """Return the event in structured or binary mode.

    Where a JSON object repeats a name, the last one counts.

    Raises:
        UnknownEventTypeError: the topic's contract has no such `type`.
        MalformedEventError: anything else that is not an event of the topic's contract.
    """
    text = structured(value=value, headers=headers)
    try:
        return _complete(contract(topic).validate_json(text))
    except ValidationError as error:
        raise _refusal(error, topic=topic, text=text) from None


def structured(*, value: bytes | None, headers: Headers = ()) -> bytes:
    """Return the event's structured-mode JSON whichever mode it came in (CloudEvents Kafka binding, section 3).

    Raises:
        MalformedEventError: a tombstone, an oversized value, a format other than JSON, a number that JSON has not, or
            binary mode with broken headers or data.
    """
    if value is None:
        raise MalformedEventError("tombstone", "the message has no value; an event is a JSON object")
    _limit(value)
    media_type = _media_type(headers)
    if media_type.startswith("application/cloudevents"):
        if media_type != STRUCTURED:
            raise MalformedEventError("unknown-format", f"of the CloudEvents formats, only {STRUCTURED} is read")
    elif any(name == "ce_specversion" for name, _ in headers):
        return _from_binary(value, headers, media_type)
    if b"NaN" in value or b"Infinity" in value:
        _check_json(value)
    return value


def _limit(value: bytes) -> None:
    if len(value) > MAX_EVENT_BYTES:
        raise MalformedEventError("too-large", f"the event has {len(value)} bytes; at most {MAX_EVENT_BYTES} are taken")


def _media_type(headers: Headers) -> str:
    """Return the content type in lower case without its parameters, and nothing where there is none."""
    for name, raw in headers:
        if name.lower() == "content-type":
            return _text(name="content-type", raw=raw).partition(";")[0].strip().lower()
    return ""


def _from_binary(value: bytes, headers: Headers, media_type: str) -> bytes:
    _check_json(value)
    attributes = _ce_attributes(headers)
    if media_type:
        attributes["datacontenttype"] = media_type
    # The data stays the text it was: what is read from it does not depend on the mode it came in.
    return json.dumps(attributes)[:-1].encode() + b', "data": ' + value + b"}"


def _ce_attributes(headers: Headers) -> dict[str, str]:
    attributes: dict[str, str] = {}
    for name, raw in headers:
        attribute = name.removeprefix("ce_")
        if attribute == name or attribute not in _ATTRIBUTES:
            continue
        if attribute in attributes:
            raise MalformedEventError("bad-header", f"header {name} occurs more than once")
        attributes[attribute] = _text(name=name, raw=raw)
    return attributes


def _text(*, name: str, raw: bytes | None) -> str:
    """Return a header's text; Kafka's headers may also be null, which aiokafka's types do not say."""
    try:
        return (raw or b"").decode()
    except UnicodeDecodeError:
        raise MalformedEventError("bad-header", f"header {name} is not UTF-8") from None


def _check_json(value: bytes) -> None:
    """Refuse what is not exactly one JSON value; pydantic alone would take NaN and the infinities for one."""
    try:
        from_json(value, allow_inf_nan=False)
    except ValueError:
        raise MalformedEventError("not-json", "the value is not one JSON object") from None


def _complete(event: Event) -> Event:
    absent = _REQUIRED - event.model_fields_set
    if absent:
        raise MalformedEventError("invalid-event", f"{min(absent)}: Field required")
    return event


def _refusal(error: ValidationError, *, topic: Topic, text: bytes) -> MalformedEventError:
    errors = error.errors(include_url=False, include_context=False, include_input=False)
    if any(_is_of_type(one) for one in errors):
        return _refusal_of_type(topic, text)
    first = errors[0]
    if first["type"] == "json_invalid":
        return MalformedEventError("not-json", "the value is not one JSON object")
    return MalformedEventError("invalid-event", f"{_place(first['loc'], topic)}: {first['msg']}"[:500])


def _is_of_type(error: Any) -> bool:  # noqa: ANN401 - pydantic_core.ErrorDetails
    return error["type"] in {"union_tag_invalid", "union_tag_not_found"} or (
        error["loc"] == ("type",) and error["type"] == "literal_error"
    )


def _refusal_of_type(topic: Topic, text: bytes) -> MalformedEventError:
    """Tell a well-formed event of another version, which is skipped, from a broken one, which is not."""
    try:
        _complete(Event.model_validate_json(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        return MalformedEventError("invalid-event", f"{_place(first['loc'], topic)}: {first['msg']}"[:500])
    except MalformedEventError as error:
        return error
    return UnknownEventTypeError("unknown-type", f"`type` is none of {', '.join(sorted(topic.event_types))}")


def _place(loc: tuple[int | str, ...], topic: Topic) -> str:
    """Return the dotted place of an error; from a name that is the sender's own on, it is a star."""
    parts: list[str] = []
    for part in loc:
        if isinstance(part, str) and part not in _names(topic):
            if part in topic.event_types:
                continue
            parts.append("*")
            break
        parts.append(str(part))
    return ".".join(parts) or "the event"


@cache
def _names(topic: Topic) -> frozenset[str]:
    """Return every field name of the contract."""
    found: set[str] = set()
    for model in _models(contract(topic).json_schema()):
        found.update(model.get("properties", ()))
    return frozenset(found)


def _models(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return [schema, *schema.get("$defs", {}).values()]
