"""Further bounds on the window of a count, against brute force, and as rule files say it."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.extensions import Also, Further, OneOf
from services.monitoring.domain.sigma import Bound, Kind
from tests.sigma.correlated import at
from tests.sigma.extended import Seen, correlation, held, occurrences, ran, window
from tests.sigma.naive import OPERATORS

FIELDS = ("x", "y")

LEAVES = st.builds(
    Also,
    measure=st.sampled_from(["distinct", "most_per", "ratio"]),
    fields=st.sampled_from([("x",), ("y",), ("x", "y")]),
    operator=st.sampled_from(sorted(OPERATORS)),
    number=st.sampled_from([0, 0.5, 1, 2, 3]),
) | st.builds(
    Also,
    measure=st.sampled_from(["events", "span"]),
    operator=st.sampled_from(sorted(OPERATORS)),
    number=st.sampled_from([0, 1, 3, 500, 999]),
)
BOUNDS = st.lists(
    st.recursive(
        LEAVES, lambda inner: st.lists(inner, min_size=1, max_size=2).map(lambda of: OneOf(tuple(of))), max_leaves=3
    ),
    min_size=1,
    max_size=3,
).map(tuple)
EXTRA = st.tuples(*[st.sampled_from([None, "1", "2", "3"])] * 2)
ALL_READ = Also(measure="distinct", fields=("x", "y"), operator="gte", number=0)
"""So that the occurrences bring both fields in this order."""


def measured(bound: Also, seen: list[Seen]) -> float:
    if bound.measure == "span":
        return seen[-1].time_ms - seen[0].time_ms
    if bound.measure == "events":
        return len(seen)
    values = Counter(tuple(one.extra[FIELDS.index(field)] for field in bound.fields) for one in seen)
    values = Counter({value: count for value, count in values.items() if None not in value})
    if bound.measure == "most_per":
        return max(values.values(), default=0)
    return len(values) / (len(seen) if bound.measure == "ratio" else 1)


def holds_too(bound: Further, seen: list[Seen]) -> bool:
    if isinstance(bound, OneOf):
        return any(holds_too(one, seen) for one in bound.of)
    return OPERATORS[bound.operator](measured(bound, seen), bound.number)


@settings(max_examples=400)
@given(occurrences(extra=EXTRA), BOUNDS, st.integers(1, 3))
def test_all_of_the_bounds_hold_for_the_same_window(events, also, number):
    rule = correlation(kind=Kind.EVENT_COUNT, condition=Bound(operator="gte", number=number), also=(ALL_READ, *also))
    expected = {
        (one.id, len(seen))
        for one in events
        if len(seen := window(events, one.time_ms)) >= number and all(holds_too(bound, seen) for bound in also)
    }

    assert held(rule, events) == expected


RULE = "{type: event_count, rules: [a], group-by: [user], timespan: 10m, condition: {gte: 4}}"
EVENTS: list[dict[str, Any]] = [
    at(0, ip="1", name="n"),
    at(60, ip="2", name="n"),
    at(120, ip="3"),
    at(180, ip="3", name="m"),
]


@pytest.mark.parametrize(
    ("bound", "is_met"),
    [
        ("{distinct: ip, gte: 3}", True),
        ("{distinct: ip, gte: 4}", False),
        ("{distinct: [ip, name], eq: 3}", True),
        ("{distinct: name, eq: 2}", True),
        ("{events: true, lte: 4}", True),
        ("{events: true, gt: 4}", False),
        ("{most_per: ip, lte: 2}", True),
        ("{most_per: ip, lt: 2}", False),
        ("{ratio: {distinct: ip}, gte: 0.75}", True),
        ("{ratio: {distinct: ip}, gt: 0.75}", False),
        ("{span: 3m}", True),
        ("{span: 181s}", False),
        ("{any: [{span: 181s}, {distinct: ip, eq: 3}]}", True),
        ("{any: [{span: 181s}, {distinct: ip, eq: 4}]}", False),
    ],
)
def test_each_measure_is_of_the_events_in_the_window(bound, is_met):
    assert bool(ran(RULE, f"also: [{bound}]", EVENTS)) is is_met
