"""What rules can do beyond Sigma: the stream comes to what reading everything at once does, also where it forgets."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.limits import Limits
from tests.monitoring.stream_rules import START_MS, Stream, program_of, run, told, told_at_once

_BASE = "".join(
    f"title: {name}\nname: {name}\nlogsource: {{product: test}}\n"
    f"detection: {{s: {{data.kind: {name}}}, condition: s}}\n---\n"
    for name in ("sign_in", "action", "begun", "ended", "assigned", "revoked", "approval")
)

RULES = f"""{_BASE}title: new
name: new
correlation: {{type: event_count, rules: [sign_in], group-by: [data.user], timespan: 20s, condition: {{gte: 1}}}}
nuxari: {{first_seen: {{fields: [data.country, data.ip], learning: 10s, after: 3}}, quiet: 5s}}
---
title: both new
name: both_new
correlation: {{type: event_count, rules: [sign_in], group-by: [data.user], timespan: 15s, condition: {{gte: 1}}}}
nuxari: {{first_seen: {{fields: [data.country, data.ip], at_least: 2}}, quiet: 5s}}
---
title: new flow
name: new_flow
correlation:
  {{type: event_count, rules: [sign_in], group-by: [data.user, data.country], timespan: 15s, condition: {{gte: 1}}}}
nuxari: {{first_seen: {{}}, quiet: 5s}}
---
title: dormant
name: dormant
correlation: {{type: event_count, rules: [sign_in], group-by: [data.user], timespan: 40s, condition: {{gte: 1}}}}
nuxari: {{dormant: {{for: 12s}}, quiet: 5s}}
---
title: travel
name: travel
correlation: {{type: event_count, rules: [sign_in], group-by: [data.user], timespan: 30s, condition: {{gte: 2}}}}
nuxari:
  impossible_travel:
    latitude: data.lat
    longitude: data.lon
    unless_both: [data.vpn]
    same: data.ip
    distance_km: 500
    speed_kmh: 300000
  quiet: 5s
---
title: rare
name: rare
correlation: {{type: event_count, rules: [sign_in], group-by: [data.user], timespan: 30s, condition: {{gte: 1}}}}
nuxari: {{baseline: {{rare: data.country, below: 0.3, samples: 3}}, quiet: 5s}}
---
title: burst
name: burst
correlation: {{type: event_count, rules: [sign_in], group-by: [data.user], timespan: 30s, condition: {{gte: 1}}}}
nuxari: {{baseline: {{per: 5s, percentile: 99, times: 1.5, least: 2, samples: 2}}, quiet: 5s}}
---
title: outside
name: outside
correlation:
  type: temporal
  rules: [action, begun, ended, assigned, revoked]
  group-by: [data.user]
  timespan: 20s
  condition: {{gte: 1}}
nuxari:
  interval_join:
    action: action
    is: outside
    skew: 2s
    intervals:
      - {{begin: begun, end: ended, key: data.key, from: data.from, to: data.to, until: data.until}}
      - {{begin: assigned, end: revoked}}
  quiet: 5s
---
title: inside
name: inside
correlation:
  {{type: temporal, rules: [action, assigned, revoked], group-by: [data.user], timespan: 20s, condition: {{gte: 1}}}}
nuxari:
  interval_join: {{action: action, is: inside, skew: 1s, intervals: [{{begin: assigned, end: revoked}}]}}
  quiet: 5s
---
title: ring
name: ring
correlation: {{type: event_count, rules: [approval], group-by: [data.tenant], timespan: 30s, condition: {{gte: 1}}}}
nuxari: {{ring: {{from: data.user, to: data.other, least: 1, share: 0.7, of_least: 3}}, quiet: 5s}}
---
title: also
name: also
correlation: {{type: event_count, rules: [sign_in], group-by: [data.user], timespan: 20s, condition: {{gte: 3}}}}
nuxari:
  also:
    - {{distinct: data.ip, gte: 2}}
    - any: [{{most_per: data.country, gte: 3}}, {{ratio: {{distinct: data.ip}}, gt: 0.5}}]
    - {{span: 3s}}
  quiet: 5s
---
title: new and then an action
name: chained
correlation: {{type: temporal_ordered, rules: [new, action], group-by: [data.user], timespan: 10s}}
"""

PROGRAM = program_of(RULES)

_TIMES = st.sampled_from([0, 1, 2, 3, 5, 8, 10, 12, 15, 20, 22, 30, 31, 40, 45, 60])
_event = st.fixed_dictionaries(
    {
        "time": _TIMES,
        "kind": st.sampled_from(
            ["sign_in"] * 5 + ["action", "action", "begun", "ended", "assigned", "revoked", "approval", "approval"]
        ),
        "user": st.sampled_from(["u", "u", "v"]),
        "tenant": st.just("acme"),
    },
    optional={
        "other": st.sampled_from(["u", "v", "w"]),
        "country": st.sampled_from(["DE", "FR", "US"]),
        "ip": st.sampled_from(["1", "2", "3"]),
        "lat": st.sampled_from([0, 50.0, -33.9]),
        "lon": st.sampled_from([8.0, 150.0]),
        "vpn": st.booleans(),
        "key": st.sampled_from(["k", "l"]),
        "from": st.sampled_from(["2026-03-02T08:00:05Z", "2026-03-02T08:00:00Z"]),
        "to": st.sampled_from(["2026-03-02T08:00:20Z", "2026-03-02T08:00:50Z"]),
        "until": st.just("2026-03-02T08:00:12Z"),
    },
)


def _forward(event: dict[str, Any]) -> dict[str, Any]:
    """What is said of a time lies ahead: nobody ends an activation before it is said."""
    said = {"from", "to", "until"}
    return {
        name: value
        for name, value in event.items()
        if name not in said or int(str(value)[17:19]) >= event["time"]  # seconds of the same minute
    }


EVENTS = st.lists(_event, max_size=24).map(
    lambda events: [{**_forward(event), "id": f"{place:02d}"} for place, event in enumerate(events)]
)


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_the_stream_comes_to_what_reading_everything_at_once_comes_to(
    events: list[dict[str, Any]], chance: random.Random
) -> None:
    arrived = [*events, *chance.sample(events, len(events) // 3)]
    chance.shuffle(arrived)

    assert run(PROGRAM, arrived, chance=chance) == told_at_once(RULES, events)


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_what_is_forgotten_as_soon_as_may_be_is_not_missed(events: list[dict[str, Any]], chance: random.Random) -> None:
    stream = Stream(lambda _: PROGRAM, limits=Limits(lateness=timedelta(0)))
    for event in sorted(events, key=lambda one: (one["time"], one["id"])):
        at_ms = START_MS + event["time"] * 1000
        stream.feed({**event, "ingested_ms": at_ms})
        stream.settle()
        for _ in range(2):
            stream.sweep(at_ms)
        if chance.random() < 0.2:
            stream.crash_and_restore()

    stream.end()

    assert told(stream.alerts.values()) == told_at_once(RULES, events)
