"""What is read and what is refused, in both modes."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from nuxari_events.access import SignInCompleted
from nuxari_events.envelope import Event
from nuxari_events.topics import ACCESS_ACTIVITY, SECURITY_ALERTS, TOKEN_WATERMARKS
from nuxari_events.wire import MAX_EVENT_BYTES, MalformedEventError, UnknownEventTypeError, decode, encode

from tests.schemas.golden import ALERT, SIGN_IN, golden_event, golden_object, golden_text

STRUCTURED = ("content-type", b"application/cloudevents+json")


def a_sign_in(**changes: Any) -> bytes:
    """The golden sign-in as JSON, with attributes changed; `...` takes one away."""
    changed = golden_object(SIGN_IN) | changes
    return json.dumps({name: value for name, value in changed.items() if value is not ...}).encode()


def with_data(**changes: Any) -> bytes:
    return a_sign_in(data=golden_object(SIGN_IN)["data"] | changes)


def with_raw(name: str, json_text: str) -> bytes:
    """The golden sign-in with one more name, whose value is written as given, broken or not."""
    return golden_text(SIGN_IN).rstrip()[:-1] + f', "{name}": {json_text}}}'.encode()


def in_binary_mode(**changes: bytes | None) -> tuple[bytes, list[tuple[str, bytes]]]:
    event = golden_object(SIGN_IN)
    data = event.pop("data")
    headers = {f"ce_{name}": value.encode() for name, value in event.items() if name != "datacontenttype"}
    headers["content-type"] = b"application/json"
    headers |= changes
    return json.dumps(data).encode(), [(name, value) for name, value in headers.items() if value != b"away"]


def refused(value: bytes | None, *headers: tuple[str, bytes], topic: Any = ACCESS_ACTIVITY) -> MalformedEventError:
    with pytest.raises(MalformedEventError) as caught:
        decode(topic, value=value, headers=headers)
    return caught.value


# --- structured mode


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param([STRUCTURED], id="with its content type"),
        pytest.param([("Content-Type", b"Application/CloudEvents+JSON; charset=utf-8")], id="in any case"),
        pytest.param([], id="without headers, as kcat sends a line"),
        pytest.param([("content-type", b"application/json")], id="as plain JSON"),
        pytest.param([STRUCTURED, ("ce_specversion", b"1.0"), ("ce_id", b"another")], id="with mirrored attributes"),
        pytest.param([("x", b"\xff\xfe"), ("nothing", None)], id="with a foreign header that is not text"),
    ],
)
def test_a_structured_event_is_read(headers: list[tuple[str, bytes]]) -> None:
    assert decode(ACCESS_ACTIVITY, value=golden_text(SIGN_IN), headers=headers) == golden_event(SIGN_IN)


def test_what_is_written_is_structured_with_its_type_in_a_header() -> None:
    encoded = encode(golden_event(SIGN_IN))

    assert json.loads(encoded.value) == golden_object(SIGN_IN)
    assert encoded.headers == [STRUCTURED, ("ce_type", SIGN_IN.encode())]
    assert (encoded.topic, encoded.key) == ("access.activity", golden_object(SIGN_IN)["tenantid"].encode())


@pytest.mark.parametrize("content_type", [b"application/cloudevents-batch+json", b"application/cloudevents+avro"])
def test_another_cloudevents_format_is_refused(content_type: bytes) -> None:
    assert refused(golden_text(SIGN_IN), ("content-type", content_type)).code == "unknown-format"


# --- binary mode


def test_a_binary_event_is_read() -> None:
    value, headers = in_binary_mode()

    assert decode(ACCESS_ACTIVITY, value=value, headers=headers) == golden_event(SIGN_IN)


def test_a_binary_event_may_name_the_charset_of_its_data() -> None:
    value, headers = in_binary_mode(**{"content-type": b"application/json; charset=UTF-8"})

    assert decode(ACCESS_ACTIVITY, value=value, headers=headers) == golden_event(SIGN_IN)


def test_extension_headers_of_a_binary_event_are_ignored_whatever_they_hold() -> None:
    value, headers = in_binary_mode(ce_vendor=b"\xff", ce_data=b"{}", ce_null=None)

    assert decode(ACCESS_ACTIVITY, value=value, headers=headers) == golden_event(SIGN_IN)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        pytest.param({"ce_subject": b"\xff\xfe"}, "bad-header", id="a header is not UTF-8"),
        pytest.param({"content-type": b"\xff"}, "bad-header", id="the content type is not UTF-8"),
        pytest.param({"ce_id": None}, "invalid-event", id="a header is null"),
        pytest.param({"ce_id": b"away"}, "invalid-event", id="the id is missing"),
        pytest.param({"ce_source": b"away"}, "invalid-event", id="the source is missing"),
        pytest.param({"ce_type": b"away"}, "invalid-event", id="the type is missing"),
        pytest.param({"ce_specversion": b"0.3"}, "invalid-event", id="an old version of CloudEvents"),
        pytest.param({"content-type": b"text/plain"}, "invalid-event", id="data that is said not to be JSON"),
        pytest.param({"ce_type": b"nuxari.access.nonesuch.v1"}, "unknown-type", id="an unknown type"),
    ],
)
def test_a_binary_event_with_broken_headers_is_refused(headers: dict[str, bytes], code: str) -> None:
    value, sent = in_binary_mode(**headers)

    assert refused(value, *sent).code == code


def test_an_attribute_that_comes_twice_in_the_headers_is_refused() -> None:
    value, headers = in_binary_mode()

    assert refused(value, *headers, ("ce_tenantid", b"another")).code == "bad-header"


@pytest.mark.parametrize("data", [b"", b"\xff", b"{", b"{} {}", b'{}, "tenantid": "another"', b"NaN", b"[" * 5000])
def test_binary_data_that_is_not_one_json_value_is_refused(data: bytes) -> None:
    _, headers = in_binary_mode()

    assert refused(data, *headers).code == "not-json"


# --- what is no event


def test_a_tombstone_is_refused() -> None:
    assert refused(None).code == "tombstone"


def test_ten_megabytes_are_refused_before_they_are_parsed() -> None:
    assert refused(b"[" * 10_000_000).code == "too-large"


def test_the_largest_event_is_read_and_one_byte_more_is_not() -> None:
    largest = golden_text(SIGN_IN).ljust(MAX_EVENT_BYTES)

    assert decode(ACCESS_ACTIVITY, value=largest).type == SIGN_IN
    assert refused(largest + b" ").code == "too-large"


def test_an_event_that_is_too_large_is_not_written() -> None:
    alert: Any = golden_event(ALERT)
    wide = alert.data.evidence[0].model_copy(update={"role": "\N{GRINNING FACE}" * 256, "source": "/" * 256})
    event = alert.model_copy(update={"data": alert.data.model_copy(update={"evidence": (wide,) * 200})})

    with pytest.raises(MalformedEventError) as caught:
        encode(event)

    assert caught.value.code == "too-large"


def test_an_event_of_no_topic_is_not_written() -> None:
    event = Event(
        source="/test", type="nuxari.test.nothing_happened.v1", time=datetime.now(UTC), subject="x", tenantid="acme"
    )

    with pytest.raises(UnknownEventTypeError):
        encode(event)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"hello", id="a word"),
        pytest.param(b"\xff\xfe", id="not UTF-8"),
        pytest.param(b"\xef\xbb\xbf" + golden_text(SIGN_IN), id="a byte order mark"),
        pytest.param(golden_text(SIGN_IN).decode().encode("utf-16"), id="UTF-16"),
        pytest.param(golden_text(SIGN_IN)[:-20], id="cut off"),
        pytest.param(golden_text(SIGN_IN) * 2, id="two events"),
        pytest.param(b"[" * 100_000, id="deep nesting"),
        pytest.param(with_raw("more", "[" * 5000 + "]" * 5000), id="deep nesting in an unknown field"),
        pytest.param(with_raw("more", "NaN"), id="NaN in an unknown field"),
        pytest.param(with_raw("more", "-Infinity"), id="infinity in an unknown field"),
        pytest.param(with_raw("more", "9" * 5000), id="a number of 5000 digits"),
        pytest.param(with_raw("more", r'"\ud800"'), id="a lone surrogate in an unknown field"),
        pytest.param(with_raw(r"\udc00", "1"), id="a lone surrogate in a name"),
        pytest.param(a_sign_in(subject="\ud800"), id="a lone surrogate"),
    ],
)
def test_what_is_not_one_json_text_is_refused(value: bytes) -> None:
    assert refused(value).code == "not-json"


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        (b"[]", "the event: Input should be an object"),
        (b'"text"', "the event: Input should be an object"),
        (b"null", "the event: Input should be an object"),
        (b"{}", "source: Field required"),
        (a_sign_in(type=...), "type: Field required"),
        (a_sign_in(type=None), "type: Input should be a valid string"),
        (a_sign_in(type=5), "type: Input should be a valid string"),
        (a_sign_in(type={"x": 1}), "type: Input should be a valid string"),
        (a_sign_in(id=...), "id: Field required"),
        (a_sign_in(specversion=...), "specversion: Field required"),
        (a_sign_in(specversion="1.1"), "specversion: Input should be '1.0'"),
        (a_sign_in(source=...), "source: Field required"),
        (a_sign_in(tenantid=...), "tenantid: Field required"),
        (a_sign_in(tenantid="Acme"), "tenantid: String should match pattern"),
        (a_sign_in(tenantid="acme\n"), "tenantid: String should match pattern"),
        (a_sign_in(id="a b"), "id: String should match pattern"),
        (a_sign_in(subject=""), "subject: String should have at least 1 character"),
        (a_sign_in(subject="x" * 257), "subject: String should have at most 256 characters"),
        (a_sign_in(subject="a\u0000b"), "subject: String should match pattern"),
        (a_sign_in(subject="two\nlines"), "subject: String should match pattern"),
        (a_sign_in(datacontenttype="text/xml"), "datacontenttype: Input should be 'application/json'"),
        (a_sign_in(data=...), "data: Field required"),
        (a_sign_in(data=[]), "data: Input should be an object"),
        (with_data(user_agent="a\u0000b"), "data.user_agent: String should match pattern"),
        (with_data(user_id=7), "data.user_id: Input should be a valid string"),
        (with_data(outcome="maybe"), "data.outcome: Input should be 'success' or 'failure'"),
        (with_data(mfa="true"), "data.mfa: Input should be a valid boolean"),
        (with_data(mfa=1), "data.mfa: Input should be a valid boolean"),
        (with_data(asn=2**32), "data.asn: Input should be less than or equal to 4294967295"),
        (with_data(asn=10**400), "data.asn: Input should be less than or equal to 4294967295"),
        (with_data(asn=1.5), "data.asn: Input should be a valid integer"),
        (with_data(country="Germany"), "data.country: String should match pattern"),
    ],
)
def test_an_event_against_the_contract_is_refused_by_the_place_and_what_would_be_right(
    value: bytes, detail: str
) -> None:
    error = refused(value)

    assert error.code == "invalid-event"
    assert error.detail.startswith(detail)


def test_an_event_without_an_id_is_refused_also_where_a_topic_has_one_type() -> None:
    watermark = golden_object("nuxari.identity.tokens_revoked.v1")
    del watermark["id"]

    assert refused(json.dumps(watermark).encode(), topic=TOKEN_WATERMARKS).detail == "id: Field required"


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"1e999", b'"1"'])
def test_a_number_that_is_none_is_refused(value: bytes) -> None:
    alert = golden_text(ALERT).replace(b'"value": 1.0', b'"value": ' + value)

    assert refused(alert, topic=SECURITY_ALERTS).code in {"not-json", "invalid-event"}


# --- time


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2026-03-02T09:00:00Z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02t09:00:00z", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02T10:30:00+01:30", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02T10:30:00+0130", datetime(2026, 3, 2, 9, tzinfo=UTC)),
        ("2026-03-02T09:00:00.25-00:00", datetime(2026, 3, 2, 9, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-03-02T09:00:00.123456789Z", datetime(2026, 3, 2, 9, 0, 0, 123_456, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_as_rfc_3339_and_kept_in_utc(written: str, meant: datetime) -> None:
    event = decode(ACCESS_ACTIVITY, value=a_sign_in(time=written))

    assert event.time == meant
    assert event.time.tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    [
        pytest.param("2026-03-02T09:00:00", id="without an offset"),
        pytest.param("2026-03-02", id="a day"),
        pytest.param("2026-03-02T09:00Z", id="without seconds"),
        pytest.param("2026-03-02T09:00:00 Europe/Berlin", id="a zone name"),
        pytest.param("1772442000", id="seconds in text"),
        pytest.param(1_772_442_000, id="seconds"),
        pytest.param("10000-01-01T00:00:00Z", id="the year 10000"),
        pytest.param("9999-12-31T23:59:59-01:00", id="the year 10000 in UTC"),
        pytest.param("0001-01-01T00:00:00+14:00", id="the year 0 in UTC"),
        pytest.param("2016-12-31T23:59:60Z", id="a leap second"),
        pytest.param("2026-02-30T09:00:00Z", id="a day that is none"),
        pytest.param("2026-03-02T24:00:00Z", id="an hour that is none"),
        pytest.param("٢٠٢٦-03-02T09:00:00Z", id="other digits"),
        pytest.param("now", id="a word"),
        pytest.param(None, id="null"),
    ],
)
def test_what_is_no_point_in_time_is_refused(written: Any) -> None:
    error = refused(a_sign_in(time=written))

    assert error.code == "invalid-event"
    assert error.detail.startswith("time: ")


# --- forward compatibility


def test_unknown_fields_are_ignored_at_every_level() -> None:
    value = golden_object(SIGN_IN)
    value |= {"dataschema": "urn:x", "partitionkey": 7, "data": value["data"] | {"risk": {"score": [1, None]}}}

    assert decode(ACCESS_ACTIVITY, value=json.dumps(value).encode()) == golden_event(SIGN_IN)


def test_where_a_name_comes_twice_the_last_one_counts() -> None:
    event = decode(ACCESS_ACTIVITY, value=with_raw("tenantid", '"globex"'))

    assert event.tenantid == "globex"


@pytest.mark.parametrize("event_type", ["nuxari.access.sign_in_completed.v2", "com.example.other", SIGN_IN.upper()])
def test_a_well_formed_event_of_an_unknown_type_is_told_apart(event_type: str) -> None:
    assert isinstance(refused(a_sign_in(type=event_type)), UnknownEventTypeError)
    assert isinstance(
        refused(a_sign_in(type=event_type, data={"new": 1}), topic=TOKEN_WATERMARKS), UnknownEventTypeError
    )


def test_an_event_of_another_topic_is_of_an_unknown_type() -> None:
    assert isinstance(refused(golden_text(ALERT)), UnknownEventTypeError)


@pytest.mark.parametrize("broken", [{"id": ...}, {"tenantid": "A B"}, {"time": "yesterday"}, {"source": 1}])
def test_a_broken_event_of_an_unknown_type_is_malformed(broken: dict[str, Any]) -> None:
    error = refused(a_sign_in(type="nuxari.access.sign_in_completed.v2", **broken))

    assert error.code == "invalid-event"


def test_a_frozen_event_does_not_change() -> None:
    event = golden_event(SIGN_IN)

    with pytest.raises(ValueError, match="frozen"):
        event.tenantid = "another"  # type: ignore[misc]

    assert isinstance(event, SignInCompleted)
