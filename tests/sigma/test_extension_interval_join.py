"""Actions inside and outside of intervals, against brute force, and as rule files say it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.extensions import Interval, IntervalJoin
from services.monitoring.domain.sigma import Kind
from tests.sigma.correlated import at
from tests.sigma.extended import TIMES, Seen, correlation, held, milliseconds, occurrences, ran

KEYED = Interval(begin=("b", "both"), end=("e",), key="key", start="from", to="to", until="until")
TOGGLED = Interval(begin=("c", "both"), end=("d",))
LATER = Interval(begin=("c",), end=("d",), start="from", until="until")
ENDLESS = Interval(begin=("b",))

FIELDS = ("key", "from", "to", "until")
RULES = st.sampled_from(["action", "action", "b", "both", "c", "d", "e"])


def iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).isoformat()


SAID = st.one_of(st.none(), TIMES.map(iso), st.sampled_from(["soon", True]))
EXTRA = st.tuples(st.sampled_from([None, "k", "l", "m"]), SAID, SAID, SAID)


def said(one: Seen, field: str | None, or_else: float) -> float:
    value = None if field is None else one.extra[FIELDS.index(field)]
    return datetime.fromisoformat(value).timestamp() * 1000 if isinstance(value, str) and value != "soon" else or_else


def spans(interval: Interval, events: list[Seen]) -> list[tuple[float, float]]:
    begun = [one for one in events if one.rule in interval.begin]
    ended = [one for one in events if one.rule in interval.end]
    if interval.key is None:
        ends = [said(one, interval.until, one.time_ms) for one in ended]
        starts = [said(one, interval.start, one.time_ms) for one in begun]
        return [(start, min([end for end in ends if end > start], default=float("inf"))) for start in starts]
    found = []
    for key in {one.extra[0] for one in begun} - {None}:
        mine = [one for one in begun if one.extra[0] == key]
        ends = [said(one, interval.to, float("inf")) for one in mine]
        ends += [said(one, interval.until, one.time_ms) for one in ended if one.extra[0] == key]
        found.append((min(said(one, interval.start, one.time_ms) for one in mine), min(ends)))
    return found


def naive(extension: IntervalJoin, events: list[Seen]) -> set[tuple[str, float]]:
    found, skew = set(), extension.skew.total_seconds() * 1000 * (-1 if extension.is_inside else 1)
    for one in events:
        covering = [
            span
            for interval in extension.intervals
            for span in spans(interval, events)
            if span[0] - skew <= one.time_ms < span[1] + skew
        ]
        if one.rule in extension.actions and bool(covering) is extension.is_inside:
            found.add((one.id, 1))
    return found


@settings(max_examples=500)
@given(
    occurrences(rule=RULES, extra=EXTRA),
    st.sampled_from([(KEYED,), (TOGGLED,), (LATER,), (ENDLESS,), (KEYED, TOGGLED), (KEYED, LATER, ENDLESS)]),
    st.booleans(),
    st.sampled_from([0, 1, 100]),
    st.sampled_from([("action",), ("action", "both")]),
)
def test_an_action_is_joined_with_the_intervals_at_its_time(events, intervals, is_inside, skew, actions):
    extension = IntervalJoin(actions=actions, is_inside=is_inside, intervals=intervals, skew=milliseconds(skew))
    full = Interval(begin=("nobody",), key="key", start="from", to="to", until="until")  # so that all fields are read
    rule = correlation(
        IntervalJoin(actions=actions, is_inside=is_inside, intervals=(full, *intervals), skew=milliseconds(skew)),
        kind=Kind.TEMPORAL,
        references=("action", "b", "both", "c", "d", "e"),
    )

    assert held(rule, events) == naive(extension, events)


ROLE = """{type: temporal, rules: [a, b, c], group-by: [user], timespan: 24h, condition: {gte: 1}}"""
OUTSIDE = """interval_join:
    action: a
    is: outside
    skew: 60s
    intervals: [{begin: b, end: c, key: activation, from: starts, to: ends, until: ended}]
"""
T0 = "1970-01-01T00:10:00Z"
T1 = "1970-01-01T01:10:00Z"
BEGIN: dict[str, Any] = {"activation": "x", "starts": T0, "ends": T1}


@pytest.mark.parametrize(
    ("second", "is_found"), [(539, True), (540, False), (4259, False), (4260, True), (600, False), (4200, False)]
)
def test_outside_begins_a_skew_before_the_interval_and_a_skew_after_it(second, is_found):
    assert bool(ran(ROLE, OUTSIDE, [at(500, "b", **BEGIN), at(second)])) is is_found


def test_an_action_after_the_end_shows_what_it_may_have_relied_on():
    events = [at(500, "b", **BEGIN), at(1000, "c", activation="x", ended="1970-01-01T00:16:40Z"), at(2000)]

    assert ran(ROLE, OUTSIDE, events) == [(2_000_000, 1, [1, 2, 3])]


def test_what_ended_a_timespan_ago_explains_nothing():
    second = 4200 + 24 * 3600

    assert ran(ROLE, OUTSIDE, [at(500, "b", **BEGIN), at(second)]) == [(second * 1000, 1, [2])]


def test_an_end_without_a_beginning_is_no_interval():
    assert ran(ROLE, OUTSIDE, [at(10, "c", activation="x"), at(20)]) == [(20_000, 1, [2])]


def test_the_value_is_the_number_of_actions():
    assert ran(ROLE, OUTSIDE, [at(0), at(10), at(20)]) == [(20_000, 3, [1, 2, 3])]


def test_inside_is_a_skew_within_the_interval():
    inside = "interval_join: {action: a, is: inside, skew: 10s, intervals: [{begin: b, end: c}]}"

    def found(second: int) -> bool:
        return bool(ran(ROLE, inside, [at(100, "b"), at(200, "c"), at(second)]))

    assert [found(second) for second in (109, 110, 189, 190)] == [False, True, True, False]


def test_inside_shows_what_began_the_interval():
    inside = "interval_join: {action: a, is: inside, intervals: [{begin: b, end: c}]}"

    assert ran(ROLE, inside, [at(0, "b"), at(5, "c"), at(10, "b"), at(20), at(30, "c")]) == [(20_000, 1, [3, 4])]
