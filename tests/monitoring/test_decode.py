"""The hot decoder takes exactly what the contract takes, with the same values, whatever bytes it is given."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import product
from types import SimpleNamespace
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nuxari_events.envelope import Event, Timestamp
from nuxari_events.topics import ACCESS_ACTIVITY, CREDENTIAL_LIFECYCLE, IDENTITY_LIFECYCLE, PIM_LIFECYCLE, Topic
from nuxari_events.wire import MAX_EVENT_BYTES, STRUCTURED, MalformedEventError, UnknownEventTypeError
from nuxari_events.wire import decode as decode_by_contract
from pydantic import AfterValidator, BaseModel, StringConstraints, create_model, field_validator

from services.monitoring import decode as hot
from services.monitoring.decode import decode
from services.monitoring.domain.model import Fact
from services.monitoring.mirror import NotMirroredError, mirror_of_event
from tests.schemas.any_event import events
from tests.schemas.golden import golden_event

Headers = list[tuple[str, bytes]]
Pairs = list[tuple[bytes, Any]]
"""A JSON object with its names in any order and any number; a value is bytes of JSON or again such an object."""

TOPICS = (ACCESS_ACTIVITY, ACCESS_ACTIVITY, ACCESS_ACTIVITY, IDENTITY_LIFECYCLE, PIM_LIFECYCLE, CREDENTIAL_LIFECYCLE)
SAFE = settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ODD_TIMES = [
    "2026-01-01T00:00:00.1234567Z",
    "2026-01-01T00:00:00.1234999999Z",
    "2026-01-01T00:00:00.1234999z",
    "2026-01-01T00:00:00.1234999+01:00",
    "2026-01-01T00:00:00.1234999-0100",
    "2026-01-01T00:00:00.9999999Z",
    "2026-01-01T00:00:00.9999995+01:00",
    "2026-01-01T00:00:00.1234567+0100",
    "2026-01-01t00:00:00z",
    "2026-01-01 00:00:00-00:00",
    "2026-01-01T00:00:00+23:59",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:60Z",
    "2026-01-01T24:00:00Z",
    "2026-02-30T00:00:00Z",
    "2026-01-01T00:00:00",
    "2026-01-01T00:00Z",
    "2026-01-01T00:00:00Z\n",
    "0001-01-01T00:00:00+00:01",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-00:01",
    "0000-01-01T00:00:00Z",
    "yesterday",
]
ODD_TEXTS = [
    "", "a\n", "\n", "a\x00b", "a\x7f", "a\x85", "a\u2028b", " ", "ADMIN", "é" * 256, "é" * 257, "😀" * 2049,
    "x" * 2048, "1.0", "DE\n", "de", "success", "application/json",
    "00-" + "0" * 32 + "-" + "0" * 16 + "-00\n", "NaN", "[{" * 40,
]  # fmt: skip
ODD_JSON = [
    b"null", b"true", b"false", b"0", b"-0", b"1", b"1.0", b"1e2", b"1E400", b"-1e400", b"4294967295", b"4294967296",
    b"9" * 30, b"9" * 4300, b"9" * 4301, b"1." + b"9" * 40, b"90.00000000000000001", b"89.99999999999999999999",
    b"01", b"1.", b".5", b"+1", b"-", b"NaN", b"Infinity", b"-Infinity", b"nul", b"[]", b"{}", b"[1,]", b'{"a":1,}',
    b"[" * 58 + b"]" * 58, b"[" * 199 + b"]" * 199, b"[" * 250 + b"]" * 250, b'"\xff"', b'"\xed\xa0\x80"',
    b'"\xc0\x80"', b'{"\xff":1}', b'"\\ud800"', b'"\\ud83d\\ude00"', b'"\\udc00\\ud800"', b'"\\u0000"', b'"\\x"',
    b'"\\u12"', b'"a\nb"', b'"\x01"', b'"a\x7f"', b'"\\u007f"', b'"\\u000a"', b'"',
    b'"nuxari.access.role_granted.v1"', b'"nuxari.access.weather_observed.v1"', b'"nuxari.pim.role_activated.v1"',
]  # fmt: skip

FULL = {kind: json.loads(golden_event(kind).model_dump_json()) for kind in sorted(ACCESS_ACTIVITY.event_types)}
"""An event of each type, with every field that it may have."""

_odd_values = st.one_of(
    st.sampled_from(ODD_JSON),
    st.sampled_from(ODD_TEXTS + ODD_TIMES).map(lambda text: json.dumps(text).encode()),
    st.sampled_from(ODD_TEXTS).map(lambda text: json.dumps(text, ensure_ascii=False).encode()),
    st.text(max_size=5).map(lambda text: json.dumps(text).encode()),
    st.integers().map(lambda number: str(number).encode()),
    st.floats(-181, 181).map(lambda number: repr(number).encode()),
    st.datetimes().map(lambda time: json.dumps(time.isoformat() + "Z").encode()),
    st.builds(
        lambda time, places, zone: json.dumps(f"{time.isoformat(timespec='seconds')}.{'9' * places}{zone}").encode(),
        st.datetimes(),
        st.integers(1, 12),
        st.sampled_from(["Z", "z", "+00:00", "-0000", "+14:00", "-23:59"]),
    ),
)
_odd_names = st.one_of(
    st.sampled_from([b'"dataschema"', b'"tracestate"', b'"\\u0069d"', b'"\xff"', b'"\\ud800"', b'""', b'"user_id"']),
    st.text(max_size=5).map(lambda text: json.dumps(text).encode()),
)
_headers: st.SearchStrategy[Headers] = st.one_of(
    st.just([("content-type", STRUCTURED.encode()), ("ce_type", b"whatever")]),
    st.just([]),
    st.sampled_from(
        [
            [("Content-Type", b"application/cloudevents+json; charset=utf-8")],
            [("content-type", b"application/cloudevents+xml")],
            [("content-type", b"application/json")],
            [("content-type", b"\xff")],
            [("ce_type", b"x"), ("content-type", STRUCTURED.encode())],
            [("ce_specversion", b"1.0"), ("ce_id", b"1")],
        ]
    ),
)


def _pairs(value: Any) -> Any:
    if isinstance(value, dict):
        return [(json.dumps(name).encode(), _pairs(part)) for name, part in value.items()]
    return json.dumps(value).encode()


def _text(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    return b"{" + b", ".join(name + b": " + _text(part) for name, part in value) + b"}"


def _change(draw: st.DrawFn, pairs: Pairs) -> None:
    """Drop, replace, add or repeat a field, of the event or of its data."""
    inside = [part for _, part in pairs if isinstance(part, list)]
    pairs = draw(st.sampled_from([pairs, *inside]))
    place = draw(st.integers(0, len(pairs)))
    kind = draw(st.sampled_from(["drop", "replace", "add", "repeat", "move"]))
    if kind == "add" or place == len(pairs):
        pairs.insert(place, (draw(_odd_names), draw(_odd_values)))
    elif kind == "replace":
        pairs[place] = (pairs[place][0], draw(_odd_values))
    elif kind == "repeat":
        pairs.insert(draw(st.integers(0, len(pairs))), (pairs[place][0], draw(_odd_values)))
    else:
        moved = pairs.pop(place)
        if kind == "move":
            pairs.insert(draw(st.integers(0, len(pairs))), moved)


@st.composite
def messages(draw: st.DrawFn) -> tuple[Topic, bytes, Headers]:
    """What somebody may send: an event, an event with something wrong, or what was an event once."""
    topic = draw(st.sampled_from(TOPICS))
    pairs: Pairs = _pairs(json.loads(draw(events(topic)).model_dump_json()))
    for _ in range(draw(st.integers(0, 3))):
        _change(draw, pairs)
    text = _text(pairs)
    if draw(st.integers(0, 9)) == 0:
        at = draw(st.integers(0, len(text)))
        text = text[:at] + draw(st.binary(max_size=2)) + text[at + draw(st.integers(0, 2)) :]
    if draw(st.integers(0, 9)) == 0:
        text = draw(st.sampled_from([b" \n%s\t", b"\xef\xbb\xbf%s", b"%s x", b"%s\x00", b"[%s]", b"\x0c%s"])) % text
    return topic, text, draw(_headers)


def _by_contract(topic: Topic, value: bytes, headers: Headers) -> Event | str:
    try:
        return decode_by_contract(topic, value=value, headers=headers)
    except UnknownEventTypeError:
        return "skipped"
    except MalformedEventError as error:
        return error.code


def _by_fact(topic: Topic, value: bytes, headers: Headers) -> Fact | str:
    try:
        read = decode(topic.name, value=value, headers=headers, partition=3, offset=7, ingested_ms=11)
    except MalformedEventError as error:
        return error.code
    return read or "skipped"


def _plain(data: Any) -> Any:
    """Every value with its type, as JSON has it: 1, 1.0 and True are three things."""
    if isinstance(data, BaseModel):
        return _plain(data.model_dump(mode="json"))
    if isinstance(data, msgspec.Struct):
        return _plain(msgspec.structs.asdict(data))
    if isinstance(data, SimpleNamespace):
        return _plain(vars(data))
    if isinstance(data, dict):
        return {name: _plain(part) for name, part in data.items()}
    if isinstance(data, list | tuple):
        return [_plain(part) for part in data]
    return type(data), data


def _assert_same(topic: Topic, value: bytes, headers: Headers) -> None:
    event, fact = _by_contract(topic, value, headers), _by_fact(topic, value, headers)
    if isinstance(event, str) or isinstance(fact, str):
        assert fact == event
        return
    assert (fact.type, fact.source, fact.id, fact.tenant) == (event.type, event.source, event.id, event.tenantid)
    assert fact.time_ms == round(event.time.timestamp() * 1000)
    assert (fact.topic, fact.partition, fact.offset, fact.ingested_ms) == (topic.name, 3, 7, 11)
    assert _plain(fact.data) == _plain(event.data)  # type: ignore[attr-defined]


@SAFE
@given(messages())
def test_whatever_is_sent_is_taken_or_refused_as_the_contract_does(sent: tuple[Topic, bytes, Headers]) -> None:
    _assert_same(*sent)


@SAFE
@given(st.binary(max_size=40), _headers)
def test_bytes_that_were_never_an_event_are_refused_as_the_contract_does(value: bytes, headers: Headers) -> None:
    _assert_same(ACCESS_ACTIVITY, value, headers)


@pytest.mark.parametrize("kind", FULL)
def test_every_field_takes_or_refuses_what_is_odd_as_the_contract_does(kind: str) -> None:
    pairs: Pairs = _pairs(FULL[kind])
    odd = ODD_JSON + [json.dumps(text).encode() for text in ODD_TEXTS + ODD_TIMES]
    for within in (pairs, dict(pairs)[b'"data"']):
        for at, value in product(range(len(within)), odd):
            right = within[at]
            for now in ([(right[0], value)], [(right[0], value), right], [right, (b'"unknown"', value)]):
                within[at : at + 1] = now
                _assert_same(ACCESS_ACTIVITY, _text(pairs), [])
                within[at : at + len(now)] = [right]


@settings(max_examples=200, deadline=None)
@given(events(ACCESS_ACTIVITY))
def test_an_ordinary_event_never_takes_the_slow_way(event: Event) -> None:
    value = event.model_dump_json(exclude_none=True).encode()
    ordinary = 1 < event.time.year < 9999 and len(value) <= hot.LONGEST and value.count(b"[") + value.count(b"{") < 40
    assert not ordinary or hot._at_once(value, []) is not None


def test_a_tombstone_and_a_giant_are_refused_as_the_contract_does() -> None:
    giant = b'{"a": "%s"}' % (b"x" * MAX_EVENT_BYTES)
    assert _by_fact(ACCESS_ACTIVITY, giant, []) == "too-large"
    with pytest.raises(MalformedEventError) as refused:
        decode(ACCESS_ACTIVITY.name, value=None, headers=[], partition=0, offset=0, ingested_ms=0)
    assert refused.value.code == "tombstone"


@pytest.mark.parametrize(
    "hint",
    [
        list[str],
        dict[str, str],
        datetime,
        Timestamp,
        Annotated[str, StringConstraints(pattern=r"^\w+$")],
        Annotated[str, StringConstraints(pattern=r"^a|b$")],
        Annotated[str, StringConstraints(strip_whitespace=True)],
        Annotated[str, AfterValidator(str.lower)],
    ],
)
def test_what_msgspec_may_understand_otherwise_is_left_to_the_contract(hint: Any) -> None:
    model = create_model("Model", type=(str, "x"), data=(hint, ...))
    with pytest.raises(NotMirroredError):
        mirror_of_event(model, type_="x", required=frozenset())


def test_a_model_with_a_validator_of_its_own_is_left_to_the_contract() -> None:
    class Model(BaseModel):
        type: str

        @field_validator("type")
        @classmethod
        def _short(cls, value: str) -> str:
            return value[:1]

    with pytest.raises(NotMirroredError):
        mirror_of_event(Model, type_="x", required=frozenset())
