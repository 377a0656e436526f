"""Events written one per line."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nuxari_events.envelope import Event
from nuxari_events.pim import RoleActivated

from services.cli.event_lines import MAX_LINE_BYTES, Defaults, Line, Refusal, lines_of, moved, newest_time, read_event

AT = datetime(2025, 6, 3, 9, tzinfo=UTC)
DEFAULTS = Defaults(at=AT)
RFC_3339 = "a time with seconds and its offset is needed (RFC 3339), such as 2026-03-02T09:00:00Z"
SIGN_IN = "nuxari.access.sign_in_completed.v1"


def a_sign_in(**changes: Any) -> dict[str, Any]:
    return {
        "type": SIGN_IN,
        "subject": "alice",
        "tenantid": "acme",
        "data": {"user_id": "alice", "outcome": "failure"},
    } | changes


def an_activation() -> dict[str, Any]:
    data = {
        "activation_id": "a-1",
        "user_id": "alice",
        "role": "client_admin",
        "starts_at": "2025-06-03T09:00:00Z",
        "ends_at": "2025-06-03T10:00:00Z",
    }
    return a_sign_in(type="nuxari.pim.role_activated.v1", time="2025-06-03T09:00:00Z", data=data)


def a_line(fields: object, *, number: int = 3) -> Line:
    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return Line(number=number, text=text, size=len(text))


def refused(fields: object) -> Refusal:
    result = read_event(a_line(fields), defaults=DEFAULTS)
    assert isinstance(result, Refusal), result
    return result


def accepted(fields: object, *, defaults: Defaults = DEFAULTS) -> Event:
    result = read_event(a_line(fields), defaults=defaults)
    assert isinstance(result, Event), result
    return result


def test_what_a_line_leaves_out_is_filled_in() -> None:
    event = accepted(a_sign_in())

    assert (event.specversion, event.source, event.time) == ("1.0", "/nuxari/cli/publish", AT)
    assert event.id != accepted(a_sign_in()).id


def test_what_a_line_says_is_kept() -> None:
    event = accepted(a_sign_in(id="1", source="/here", time="2025-01-01T00:00:00+01:00"))

    assert (event.id, event.source, event.tenantid) == ("1", "/here", "acme")
    assert event.time == datetime(2024, 12, 31, 23, tzinfo=UTC)


def test_a_tenant_that_is_given_is_every_events_tenant() -> None:
    assert accepted(a_sign_in(), defaults=Defaults(at=AT, tenant_id="mine")).tenantid == "mine"


@pytest.mark.parametrize(
    ("fields", "code", "sentence"),
    [
        (b'{"type": ', "not-json", "line 3: column 10: Expecting value; one JSON object on one line is right"),
        (b"\xff\xfe", "not-json", "line 3: not UTF-8; one JSON object in UTF-8 is right"),
        ([1], "not-json", "line 3: an event is a JSON object: {...}"),
        (b"[" * 100_000, "not-json", "line 3: nested too deeply for an event"),
        (
            a_sign_in(type="nuxari.access.sign_in_complete.v1"),
            "unknown-type",
            f"line 3: type: no such event type; the nearest is {SIGN_IN}",
        ),
        (a_sign_in(data={"user_id": "alice"}), "invalid-event", "line 3: data.outcome: Field required"),
        (
            a_sign_in(data={"user_id": "alice", "outcome": "maybe"}),
            "invalid-event",
            "line 3: data.outcome: Input should be 'success' or 'failure'",
        ),
        (
            a_sign_in(time="2025-06-03T09:00:00"),
            "invalid-event",
            f"line 3: time: Value error, {RFC_3339}",
        ),
    ],
)
def test_a_bad_line_is_refused_with_its_number_the_place_and_what_would_be_right(
    fields: object, code: str, sentence: str
) -> None:
    refusal = refused(fields)

    assert (refusal.code, refusal.sentence) == (code, sentence)


def test_a_type_unlike_any_other_is_answered_with_all_of_them() -> None:
    assert SIGN_IN in refused(a_sign_in(type="???")).detail
    assert SIGN_IN in refused(a_sign_in(type=None)).detail


def test_a_refusal_never_quotes_the_line() -> None:
    assert "hunter2" not in refused(a_sign_in(data={"user_id": "alice", "outcome": "hunter2"})).sentence


@given(st.binary(max_size=300) | st.dictionaries(st.text(max_size=5), st.text(max_size=5)).map(json.dumps))
def test_no_line_whatever_it_holds_breaks_the_reader(text: bytes | str) -> None:
    line = a_line(text.encode() if isinstance(text, str) else text)

    assert isinstance(read_event(line, defaults=DEFAULTS), Event | Refusal)


def test_lines_are_numbered_as_an_editor_does_and_blank_ones_are_no_events() -> None:
    lines = list(lines_of(io.BytesIO(b'{"a":1}\n\n  \r\n{"b":2}')))

    assert [(line.number, line.text) for line in lines] == [(1, b'{"a":1}\n'), (4, b'{"b":2}')]


@pytest.mark.parametrize("length", [MAX_LINE_BYTES + 1, MAX_LINE_BYTES * 3 + 7])
def test_a_line_that_is_too_long_is_refused_and_the_next_one_is_read(length: int) -> None:
    stream = io.BytesIO(b"x" * length + b"\n" + json.dumps(a_sign_in()).encode())

    long, next_one = list(lines_of(stream))

    assert (long.number, long.text, long.size) == (1, None, length + 1)
    assert isinstance(read_event(long, defaults=DEFAULTS), Refusal)
    assert next_one.number == 2
    assert isinstance(read_event(next_one, defaults=DEFAULTS), Event)


def test_moving_an_event_moves_every_time_in_it() -> None:
    event = moved(accepted(an_activation()), by=timedelta(days=1))

    assert isinstance(event, RoleActivated)
    assert event.time == event.data.starts_at == datetime(2025, 6, 4, 9, tzinfo=UTC)
    assert event.data.ends_at == datetime(2025, 6, 4, 10, tzinfo=UTC)
    assert event.data.user_id == "alice"


def test_the_newest_time_is_that_of_the_events_that_can_be_read() -> None:
    events = [accepted(an_activation()), accepted(a_sign_in(time="2020-01-01T00:00:00Z")), refused([1])]

    assert newest_time(events) == AT
    assert newest_time([refused([1])]) is None
