"""Lines of any file: found in chunks as they would be one by one, and counted where they cannot be used."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.evaluation import Evaluation, Given
from services.monitoring.domain.fields import reader
from services.monitoring.sigma import running
from services.monitoring.sigma.loading import load
from services.monitoring.sigma.running import Feed, milliseconds
from tests.sigma.running import lines_of, ran
from tests.sigma.test_run import called

RULES = """
title: one
name: one
logsource: {product: test}
detection: {s: {kind: a, data.user|exists: true}, condition: s}
---
title: two
name: two
logsource: {product: test}
detection: {s: {kind: [a, B], data.size|gte: 5}, t: {data.user|contains: dm}, condition: s or t}
---
title: each
correlation:
  type: value_count
  rules: [one, two]
  group-by: [data.user]
  timespan: 10s
  condition: {gte: 1, field: data.size}
  generate: true
"""

USERS = st.sampled_from(["admin", "eve", 7, None, ["x", "y"]])
SIZES = st.sampled_from([1, 5, "7", None])
DATA = st.one_of(
    st.fixed_dictionaries({}, optional={"user": USERS, "size": SIZES}),
    st.sampled_from([None, 7, "x", [{"user": "eve", "size": 9}, {"user": "admin"}], []]),
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "time": st.sampled_from([0, 1, 5, 100, "1970-01-01T00:00:03Z", "never", None]),
        "kind": st.sampled_from(["a", "A", "b", "c", 7, None, ["a"], {"x": "a"}]),
        "data": DATA,
        "data.user": st.sampled_from(["flat", None]),
        "specversion": st.just("1.0"),
        "source": st.sampled_from(["/s", 1]),
        "id": st.sampled_from(["1", "2", "3", None]),
    },
)
LINES = st.one_of(
    EVENTS.map(lambda event: json.dumps(event).encode()),
    EVENTS.map(lambda event: json.dumps(event, indent=1).replace("\n", "\r").encode()),
    st.sampled_from(
        [
            b"",
            b" \t",
            b"[1]",
            b"7",
            b"{",
            b'{"kind": "a"} {"kind": "a"}',
            b'"text"',
            b"\xff",
            b'{"kind": "\xff"}',
            b"{}{}",
        ]
    ),
)


def shape(evaluation: Evaluation) -> list[object]:
    return [
        (one.head.id, one.group, one.value, one.until_ms, one.events_count, list(one.evidence))
        for one in evaluation.findings()
    ]


def one_by_one(lines: list[bytes]) -> tuple[list[object], dict[str, int]]:
    evaluation = Evaluation(load({"rules.yml": RULES}))
    read_time, rejected = reader("time"), {"no JSON": 0, "no JSON object": 0}
    for place, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = json.loads(line.decode())
        except ValueError:
            rejected["no JSON"] += 1
            continue
        if not isinstance(event, dict):
            rejected["no JSON object"] += 1
            continue
        is_cloud_event = "specversion" in event and event.get("source") == "/s" and isinstance(event.get("id"), str)
        source, event_id = ("/s", event["id"]) if is_cloud_event else ("", f"{place:012d}")
        evaluation.take(
            Given(place=place, time_ms=milliseconds(read_time(event)), source=source, id=event_id, fields=event)
        )
    return shape(evaluation), {reason: count for reason, count in rejected.items() if count}


@settings(max_examples=200, deadline=None)
@given(st.lists(LINES, max_size=8), st.sampled_from([7, 40, 1 << 18]), st.booleans())
def test_chunks_of_any_size_find_what_single_lines_do(lines, size, ends_with_a_break):
    text = b"\n".join(lines) + (b"\n" if ends_with_a_break else b"")
    loaded = load({"rules.yml": RULES})
    evaluation = Evaluation(loaded)
    feed = Feed(loaded, evaluation)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(running, "CHUNK", size)

        feed.take(io.BytesIO(text))

    assert (shape(evaluation), dict(feed.rejected)) == one_by_one(lines)


def test_a_byte_order_mark_and_carriage_returns_are_stepped_over():
    found, feed, _ = ran(
        RULES, b'\xef\xbb\xbf{"kind": "a", "data": {"user": "u"}}\r\n\r\n{"kind": "a", "data": {"user": "v"}}\r\n'
    )

    assert [one.evidence[0].place for one in found] == [1, 3]
    assert not feed.rejected


def test_a_line_may_be_longer_than_a_chunk():
    long = {"kind": "a", "data": {"user": "u"}, "padding": "x" * 3 * running.CHUNK}

    found, _, _ = ran(RULES, lines_of([{"kind": "c"}, long, {"kind": "a", "data": {"user": "v"}}]))

    assert [one.evidence[0].place for one in found] == [2, 3]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-02T09:00:00Z", 1772442000000),
        ("2026-03-02T09:00:00.123456Z", 1772442000123),
        ("2026-03-02T09:00:00.123999999Z", 1772442000123),
        ("2026-03-02T11:00:00+02:00", 1772442000000),
        ("2026-03-02 09:00:00", 1772442000000),
        ("2026-03-02", 1772409600000),
        (1772442000, 1772442000000),
        (1772442000.5, 1772442000500),
        (1772442000123, 1772442000123),
        ("1772442000123", 1772442000123),
        (0, 0),
        (-1, -1000),
        ("", None),
        ("now", None),
        (True, None),
        ([1], None),
        (1e300, None),
        (float("inf"), None),
        (float("nan"), None),
    ],
)
def test_a_time_is_read_in_the_forms_that_logs_have(value, expected):
    assert milliseconds(value) == expected


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))  # noqa: DTZ001 - made UTC below
def test_a_time_is_cut_to_the_millisecond_and_never_rounded_up(at):
    at = at.replace(tzinfo=UTC)

    found = milliseconds(at.isoformat())

    assert found is not None
    assert datetime.fromtimestamp(0, UTC) <= at or found <= 0
    assert (at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 - found < 1


@pytest.mark.parametrize("name", ["time", "timestamp", "@timestamp", "eventTime", "published", "createdDateTime"])
def test_the_time_is_found_where_sources_have_it(name):
    found, _, _ = ran(RULES, [{"kind": "a", "data": {"user": "u", "size": 9}, name: "2026-03-02T09:00:00Z", "x": 1}])

    assert {one.until_ms for one in found} == {1772442000000}


def test_a_field_that_is_no_time_gives_way_to_one_that_is():
    found, _, _ = ran(RULES, [{"kind": "a", "data": {"user": "u"}, "time": "12:30", "timestamp": 5}])

    assert {one.until_ms for one in found} == {5000}


def test_the_field_of_the_time_may_be_named(tmp_path):
    rules, events = tmp_path / "rules.yml", tmp_path / "events.jsonl.gz"
    rules.write_text(RULES)
    events.write_bytes(gzip.compress(lines_of([{"kind": "a", "data": {"user": "u"}, "time": 1, "meta": {"at": 7}}])))

    done = called("run", rules, "--events", events, "--time-field", "meta.at", "--json")

    assert done.returncode == 0, done.stderr
    assert {json.loads(line)["last_seen"] for line in done.stdout.splitlines()} == {"1970-01-01T00:00:07.000Z"}


def test_a_table_is_printed_for_people(tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    rules, events = tmp_path / "rules.yml", tmp_path / "events.jsonl"
    rules.write_text(RULES)
    events.write_bytes(lines_of([{"kind": "a", "data": {"user": "[red]u[/]", "size": 9}, "time": 1}]))

    done = called("run", rules, "--events", events)

    assert done.returncode == 0, done.stderr
    assert "[red]u[/]" in done.stdout
    assert "1 gte 1" in done.stdout
