"""Groups, duplicates, alerts and chains of correlations: the same for every order of lines."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.findings import Finding
from tests.sigma import naive
from tests.sigma.naive import Seen
from tests.sigma.running import findings, ran

RULES = """
title: a
name: a
logsource: {product: test}
detection: {s: {kind: [a, both]}, condition: s}
---
title: b
name: b
logsource: {product: test}
detection: {s: {kind: [b, both]}, condition: s}
---
title: many
name: many
correlation: {type: event_count, rules: [a, b], group-by: [user], timespan: 10s, condition: {gte: 3}}
nuxari: {quiet: 5s}
---
title: places
name: places
correlation: {type: value_count, rules: [a, b], group-by: [user], timespan: 10s, condition: {gte: 2, field: [ip, port]}}
---
title: a without b
name: absent
correlation: {type: temporal_ordered, rules: [a, b], group-by: [user], timespan: 10s, condition: a and not b}
---
title: many after a
name: chained
correlation: {type: temporal_ordered, rules: [a, many], group-by: [user], timespan: 30s}
level: high
---
title: many three times
name: repeated
correlation: {type: event_count, rules: [many], group-by: [user], timespan: 20s, condition: {gte: 3}}
"""

EVENTS = st.lists(
    st.fixed_dictionaries(
        {"time": st.integers(0, 60), "kind": st.sampled_from(["a", "a", "b", "both", "other"])},
        optional={
            "user": st.sampled_from(["u", "v", ["u", "v"], ["u", "u"], None, {"x": 1}, 7]),
            "ip": st.sampled_from(["1", "2", ["1", "3"]]),
            "port": st.sampled_from([80, "80", 81]),
        },
    ),
    max_size=14,
)


def shape(found: list[Finding], *, with_places: bool = False) -> list[Any]:
    return sorted(
        (
            one.head.id,
            sorted(one.group.items()),
            one.value,
            one.after_ms,
            one.until_ms,
            one.first_seen_ms,
            one.last_seen_ms,
            one.events_count,
            sorted(
                (event.time_ms, event.rule, event.source, event.id) if with_places else (event.time_ms, event.rule)
                for event in one.evidence
            ),
        )
        for one in found
    )


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.randoms(use_true_random=False))
def test_the_order_of_lines_changes_nothing(events, random):
    shuffled = list(events)
    random.shuffle(shuffled)

    straight, mixed = findings(RULES, events), findings(RULES, shuffled)

    assert shape(straight) == shape(mixed)


@settings(max_examples=80, deadline=None)
@given(EVENTS, st.lists(st.integers(0, 13), max_size=8), st.randoms(use_true_random=False))
def test_a_cloud_event_that_comes_again_is_counted_once(events, repeated, random):
    sent = [{"specversion": "1.0", "source": "/s", "id": f"{place:02d}", **event} for place, event in enumerate(events)]
    again = [*sent, *(sent[place] for place in repeated if place < len(sent))]
    random.shuffle(again)

    once, twice = findings(RULES, sent), findings(RULES, again)

    assert shape(once, with_places=True) == shape(twice, with_places=True)


def groups_of(event: dict[str, Any]) -> set[str]:
    user = event.get("user")
    return {
        str(one)
        for one in (user if isinstance(user, list) else [user])
        if one is not None and not isinstance(one, dict)
    }


def of_user(events: list[dict[str, Any]], user: str, rules: tuple[str, ...]) -> list[Seen]:
    return [
        Seen(event["time"] * 1000, f"{place:02d}", rule)
        for place, event in enumerate(events)
        if user in groups_of(event)
        for rule in rules
        if event["kind"] in (rule, "both")
    ]


def runs(times: list[int], quiet: int) -> list[tuple[int, int]]:
    found: list[list[int]] = []
    for at in sorted(times):
        if found and at - found[-1][1] <= quiet:
            found[-1][1] = at
        else:
            found.append([at, at])
    return [(begin, end) for begin, end in found]


def ends(found: list[Finding], rule: str, user: str) -> list[int | None]:
    return sorted(one.last_seen_ms for one in found if one.head.id == rule and one.group == {"user": user})


@settings(max_examples=80, deadline=None)
@given(EVENTS)
def test_there_is_one_alert_for_each_group_until_it_has_been_quiet(events):
    found = findings(RULES, [event for event in events if event["kind"] != "other"])

    for user in ("u", "v", "7"):
        seen = [one._replace(rule="any") for one in of_user(events, user, ("a", "b"))]
        seen = sorted(set(seen))  # an event that both rules match is one event
        at = {one.id: one.time_ms for one in seen}
        held = dict(naive.measured(seen, 10_000, "gte", 3, naive.event_count))
        again = naive.measured([one for one in seen if one.id in held], 20_000, "gte", 3, naive.event_count)
        assert ends(found, "repeated", user) == [end for _, end in runs([at[name] for name, _ in again], 20_000)]


@settings(max_examples=80, deadline=None)
@given(EVENTS)
def test_an_absence_is_found_where_brute_force_finds_it(events):
    found = findings(RULES, events)

    for user in ("u", "v", "7"):
        seen = of_user(events, user, ("a", "b"))
        held = naive.extended(seen, 10_000, ("a", "b"), ("and", "a", ("not", "b")), is_ordered=True)
        at = {one.id: one.time_ms for one in seen}
        assert ends(found, "absent", user) == [end for _, end in runs([at[name] for name in held], 10_000)]


def test_a_match_without_the_field_to_group_by_is_put_together_with_nobody():
    events = [{"time": second, "kind": "a"} for second in range(9)]

    found, _, evaluation = ran(RULES, events)

    assert found == []
    assert evaluation.counters["unkeyed"] == 9 * 4


def test_lines_without_a_time_are_matched_and_not_correlated():
    rule = "title: r\nname: r\nlogsource: {product: t}\ndetection: {s: {kind: a}, condition: s}\n"
    about = "{type: event_count, rules: [r], timespan: 1m, condition: {gte: 1}, generate: true}"
    correlation = f"---\ntitle: c\ncorrelation: {about}\n"

    found, _, evaluation = ran(rule + correlation, [{"kind": "a"}, {"kind": "a", "time": "yesterday"}, {"kind": "b"}])

    assert [(one.head.id, one.until_ms) for one in found] == [("r", None), ("r", None)]
    assert evaluation.counters["untimed"] == 2


def test_a_long_run_shows_its_ends_and_counts_all():
    found = findings(RULES, [{"time": second, "kind": "b", "user": "u"} for second in range(500)])

    (many,) = [one for one in found if one.head.id == "repeated"]
    assert many.events_count == 500
    assert [one.place for one in many.evidence] == [*range(1, 33), *range(469, 501)]
    assert (many.first_seen_ms, many.last_seen_ms) == (0, 499_000)
