"""What holds for every event and for any bytes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from nuxari_events.envelope import Event
from nuxari_events.topics import BY_EVENT_TYPE, TOPICS, Topic
from nuxari_events.wire import MalformedEventError, decode, encode

from tests.schemas.any_event import topics_and_events
from tests.schemas.golden import golden_object, written

CANARY = "hunter2-canary"

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([CANARY, "2026-03-02T09:00:00Z"]),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8) | st.just(CANARY), inner, max_size=4)
    ),
    max_leaves=12,
)
HEADER_NAMES = st.sampled_from(
    [
        "content-type",
        "ce_specversion",
        "ce_type",
        "ce_id",
        "ce_source",
        "ce_time",
        "ce_subject",
        "ce_tenantid",
        "ce_data",
        "x",
    ]
)
HEADERS = st.lists(
    st.tuples(
        HEADER_NAMES, st.binary(max_size=30) | st.sampled_from([b"1.0", b"application/json", CANARY.encode(), None])
    ),
    max_size=8,
)


def outcome(topic: Topic, value: bytes | None, headers: Any = ()) -> Event | MalformedEventError:
    """What became of a message; any other exception fails the test."""
    try:
        return decode(topic, value=value, headers=headers)
    except MalformedEventError as error:
        return error


@given(topics_and_events())
@settings(max_examples=200, deadline=None)
def test_what_is_written_is_read_back_as_it_was(drawn: tuple[Topic, Event]) -> None:
    topic, event = drawn

    encoded = encode(event)

    assert encoded.topic == topic.name
    assert decode(topic, value=encoded.value, headers=encoded.headers) == event
    assert decode(topic, value=written(event)) == event


@given(topics_and_events())
@settings(max_examples=200, deadline=None)
def test_binary_mode_says_the_same_as_structured_mode(drawn: tuple[Topic, Event]) -> None:
    topic, event = drawn
    attributes = json.loads(written(event))
    data = json.dumps(attributes.pop("data")).encode()
    headers = [(f"ce_{name}", value.encode()) for name, value in attributes.items()]

    assert decode(topic, value=data, headers=headers) == event


@given(st.sampled_from(TOPICS), st.binary(max_size=300), HEADERS)
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_an_event_or_malformed(topic: Topic, value: bytes, headers: Any) -> None:
    assert isinstance(outcome(topic, value, headers), Event | MalformedEventError)


@given(st.sampled_from(TOPICS), JSON, HEADERS)
@settings(max_examples=300, deadline=None)
def test_any_json_is_an_event_or_malformed(topic: Topic, value: Any, headers: Any) -> None:
    assert isinstance(outcome(topic, json.dumps(value).encode(), headers), Event | MalformedEventError)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[Topic, bytes]:
    """A golden instance with some of its values, at any depth, put out by other JSON."""
    event_type = draw(st.sampled_from(sorted(BY_EVENT_TYPE)))
    event = golden_object(event_type)
    for _ in range(draw(st.integers(1, 3))):
        inside = draw(st.sampled_from(_objects_in(event)))
        name = draw(st.sampled_from([*inside, CANARY]))
        inside[name] = draw(JSON)
    return BY_EVENT_TYPE[event_type], json.dumps(event).encode()


def _objects_in(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, dict):
        return [value, *(found for item in value.values() for found in _objects_in(item))]
    return [found for item in value for found in _objects_in(item)] if isinstance(value, list) else []


@given(mutated())
@settings(max_examples=400, deadline=None)
def test_a_mutated_event_is_an_event_or_malformed_and_errors_never_quote_it(drawn: tuple[Topic, bytes]) -> None:
    topic, value = drawn

    found = outcome(topic, value)

    assert isinstance(found, Event) or CANARY not in str(found)


@given(mutated())
@settings(max_examples=200, deadline=None)
def test_what_was_read_once_can_be_written_and_read_again(drawn: tuple[Topic, bytes]) -> None:
    topic, value = drawn

    found = outcome(topic, value)

    if isinstance(found, Event):
        assert decode(topic, value=written(found)) == found
    else:
        assert found.code
