"""What a rule says about itself under `nuxari`, and what groups the findings of a rule of single events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from services.monitoring.domain.findings import Finding
from services.monitoring.sigma.loading import load
from tests.sigma.running import findings

HEAD = """
  detection: 7
  summary: "{user_id} signed in"
  attack: {v18: [T1078, T1078.004], v19: [T1078.004]}
  needs: [nuxari.access.sign_in_completed.v1]
  runbook: |
    1. Look.
    2. Act.
"""

SINGLE = """
title: single
name: single
logsource: {product: test}
detection: {s: {kind: a}, condition: s}
nuxari:"""

CORRELATION = f"""{SINGLE} {{}}
---
title: counted
name: counted
correlation:
  {{type: event_count, rules: [single], group-by: [data.user_id, place], timespan: 5m, condition: {{gte: 2}}}}
nuxari:"""


def at(second: float, user: str | None = "ada", **more: Any) -> dict[str, Any]:
    return {"time": second, "kind": "a", "place": "x", "data": {"user_id": user}, **more}


def told(found: list[Finding]) -> list[tuple[dict[str, str], float, int | None, int | None, int]]:
    return [(dict(one.group), one.value, one.first_seen_ms, one.last_seen_ms, one.events_count) for one in found]


def test_a_head_is_read_of_either_kind_of_rule():
    for text, name in ((SINGLE, "single"), (CORRELATION, "counted")):
        rules = load({"rules.yml": text + HEAD})
        heads = [*(one.head for one in rules.selections.values()), *(one.head for one in rules.correlations)]
        (head,) = (one for one in heads if one.name == name)

        assert head.extensions == {
            "detection": 7,
            "summary": "{user_id} signed in",
            "attack": {"v18": ("T1078", "T1078.004"), "v19": ("T1078.004",)},
            "needs": ("nuxari.access.sign_in_completed.v1",),
            "runbook": "1. Look.\n2. Act.\n",
        }


def test_a_group_loses_data_before_its_names():
    (found,) = findings(CORRELATION + " {quiet: 1m}", [at(0), at(1)])

    assert found.group == {"user_id": "ada", "place": "x"}


def test_events_of_a_single_rule_are_one_finding_for_each_group_and_quiet_period():
    found = findings(SINGLE + " {group_by: [data.user_id], quiet: 10s}", [at(0), at(10), at(5, "bob"), at(20.001)])

    assert told(found) == [
        ({"user_id": "bob"}, 1, 5000, 5000, 1),
        ({"user_id": "ada"}, 2, 0, 10_000, 2),
        ({"user_id": "ada"}, 1, 20_001, 20_001, 1),
    ]


def test_a_group_is_quiet_for_half_an_hour_where_the_rule_does_not_say():
    assert load({"rules.yml": SINGLE + " {quiet: 1h}"}).selections["single"].head.extensions["quiet"] == timedelta(
        hours=1
    )
    found = findings(SINGLE + " {group_by: [data.user_id]}", [at(0), at(1800), at(3600.001)])

    assert [(value, first) for _, value, first, _, _ in told(found)] == [(2, 0), (1, 3_600_001)]


def test_without_fields_to_group_by_each_event_is_a_finding_of_its_own():
    assert [one.value for one in findings(SINGLE + " {quiet: 1h}", [at(0), at(1)])] == [1, 1]


def test_an_event_without_the_field_to_group_by_is_nobodys():
    assert findings(SINGLE + " {group_by: [data.user_id]}", [at(0, None)]) == []


def test_a_single_rule_with_a_group_still_feeds_correlations():
    text = CORRELATION.replace("nuxari: {}", "nuxari: {group_by: [data.user_id]}", 1) + " {quiet: 1m}"

    assert [one.head.name for one in findings(text, [at(0), at(1)])] == ["counted"]


def test_an_alias_stands_for_the_fields_that_an_extension_reads_too():
    text = """
title: old
name: old
logsource: {product: test}
detection: {s: {kind: a}, condition: s}
---
title: young
name: young
logsource: {product: test}
detection: {s: {kind: b}, condition: s}
---
title: new place
name: new
correlation:
  type: event_count
  rules: [old, young]
  group-by: [user]
  aliases: {country: {old: data.land}}
  timespan: 90d
  condition: {gte: 1}
nuxari: {first_seen: {fields: [country], after: 1}}
"""
    events = [
        {"time": 0, "kind": "a", "user": "u", "data": {"land": "DE"}},
        {"time": 60, "kind": "b", "user": "u", "country": "DE"},
        {"time": 120, "kind": "b", "user": "u", "country": "FR"},
    ]

    assert [one.until_ms for one in findings(text, events)] == [120_000]
