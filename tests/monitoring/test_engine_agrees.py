"""The stream's engine comes to what reading everything at once comes to: any order, duplicates, ticks, crashes."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.model import Closed
from tests.monitoring.stream_rules import START_MS, Stream, program_of, run, told, told_at_once

RULES = """
title: a
name: a
logsource: {product: test}
detection: {s: {data.kind: [a, both]}, condition: s}
---
title: b
name: b
logsource: {product: test}
detection: {s: {data.kind: [b, both]}, condition: s}
---
title: many
name: many
correlation:
  {type: event_count, rules: [a, b], group-by: [data.user], timespan: 10s, condition: {gte: 3}, generate: true}
nuxari: {quiet: 5s}
---
title: places
name: places
correlation:
  type: value_count
  rules: [a, b]
  group-by: [data.user]
  timespan: 10s
  condition: {gte: 2, field: [data.ip, data.port]}
---
title: a without b
name: absent
correlation: {type: temporal_ordered, rules: [a, b], group-by: [data.user], timespan: 10s, condition: a and not b}
---
title: both
name: together
correlation: {type: temporal, rules: [a, b], group-by: [data.user], timespan: 10s}
---
title: few
name: few
correlation: {type: event_count, rules: [a], group-by: [data.user], timespan: 20s, condition: {lt: 2}}
---
title: sum
name: sum
correlation:
  {type: value_sum, rules: [a, b], group-by: [data.user], timespan: 20s, condition: {gte: 200, field: data.port}}
---
title: many after a
name: chained
correlation: {type: temporal_ordered, rules: [a, many], group-by: [data.user], timespan: 30s, generate: true}
level: high
---
title: many three times
name: repeated
correlation:
  {type: event_count, rules: [many], group-by: [data.user], timespan: 20s, condition: {gte: 3}, generate: true}
---
title: chained without the end of many
name: deep
correlation: {type: temporal, rules: [chained, repeated], group-by: [data.user], timespan: 40s}
---
title: tumbling
name: tumbling
correlation: {type: event_count, rules: [a, b], group-by: [data.user], timespan: 10s, condition: {gte: 3}}
nuxari: {window: tumbling}
---
title: session
name: session
correlation: {type: event_count, rules: [a, b], group-by: [data.user], timespan: 30s, condition: {gte: 4}}
nuxari: {window: session, gap: 4s}
"""

PROGRAM = program_of(RULES)

_event = st.fixed_dictionaries(
    {"time": st.integers(0, 60), "kind": st.sampled_from(["a", "a", "b", "both", "other"])},
    optional={
        "user": st.sampled_from(["u", "v", ["u", "v"], ["u", "u"], None]),
        "ip": st.sampled_from(["1", "2", ["1", "3"]]),
        "port": st.sampled_from([80, "80", 81]),
    },
)
EVENTS = st.lists(_event, max_size=22).map(
    lambda events: [{**event, "id": f"{place:02d}"} for place, event in enumerate(events)]
)


@settings(max_examples=300, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_the_stream_comes_to_what_reading_everything_at_once_comes_to(
    events: list[dict[str, Any]], chance: random.Random
) -> None:
    arrived = [*events, *chance.sample(events, len(events) // 3)]
    chance.shuffle(arrived)

    assert run(PROGRAM, arrived, chance=chance) == told_at_once(RULES, events)


@settings(max_examples=60, deadline=None)
@given(EVENTS, EVENTS, st.randoms(use_true_random=False))
def test_another_tenant_in_the_same_partition_changes_nothing(
    mine: list[dict[str, Any]], others: list[dict[str, Any]], chance: random.Random
) -> None:
    theirs = [{**event, "tenant": "other"} for event in others]
    mixed = [*mine, *theirs]
    chance.shuffle(mixed)
    stream = Stream(lambda _: PROGRAM)

    for event in mixed:
        stream.feed(event)
    stream.end()

    assert told(one for one in stream.alerts.values() if one.tenant == "acme") == told_at_once(RULES, mine)


@settings(max_examples=60, deadline=None)
@given(EVENTS)
def test_nothing_is_kept_of_what_nothing_can_need(events: list[dict[str, Any]]) -> None:
    stream = Stream(lambda _: PROGRAM)
    for event in events:
        stream.feed(event)

    stream.end()

    assert not any(count for rules in stream.engine.sizes().values() for count in rules.values())


def test_an_absence_is_raised_when_it_is_certain_and_taken_back_when_it_turns_out_to_be_none() -> None:
    stream = Stream(lambda _: PROGRAM)
    stream.feed({"id": "1", "time": 0, "kind": "a", "user": "u", "ingested_ms": START_MS})
    stream.settle()
    before = [one for one in stream.alerts.values() if one.rule_id == "absent"]

    stream.feed({"id": "2", "time": 700, "kind": "other", "user": "u", "ingested_ms": START_MS + 700_000})
    stream.advance(START_MS + 700_000)
    certain = [one for one in stream.alerts.values() if one.rule_id == "absent"]
    stream.feed({"id": "3", "time": 4, "kind": "b", "user": "u", "source": "/slow", "ingested_ms": START_MS + 701_000})
    stream.settle()

    assert before == []
    assert [one.group for one in certain] == [{"user": "u"}]
    assert [one for one in stream.alerts.values() if one.rule_id == "absent"] == []
    assert [one.reason for one in stream.changes if isinstance(one, Closed)] == ["satisfied"]
