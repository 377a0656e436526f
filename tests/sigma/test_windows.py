"""Where a correlation holds, against brute force, for every type, order and kind of window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.monitoring.domain.sigma import (
    All,
    Any_,
    Bound,
    Correlation,
    Happened,
    Head,
    Kind,
    Never,
    Reference,
    WindowKind,
)
from services.monitoring.domain.windows import holds
from tests.sigma import naive
from tests.sigma.naive import Seen

SECOND = timedelta(seconds=1)
WIDTH = 1000
RULES = ("a", "b", "c")

TIMES = st.one_of(st.integers(0, 3000), st.sampled_from([0, 500, 999, 1000, 1001, 1500, 2000]))
VALUES = st.lists(st.tuples(st.sampled_from(["1", "2", "2.5", "-7", "40"])), max_size=2).map(tuple)


def matches(*, most: int = 12, rules: tuple[str, ...] = RULES) -> st.SearchStrategy[list[Seen]]:
    one = st.tuples(TIMES, st.sampled_from(rules), VALUES)
    return st.lists(one, max_size=most).map(
        lambda found: [Seen(at, f"{place:02d}", rule, values) for place, (at, rule, values) in enumerate(found)]
    )


def a_correlation(kind: Kind, condition: Bound | Happened, *, references: tuple[str, ...] = RULES) -> Correlation:
    head = Head(id="under-test", name=None, title="under test")
    return Correlation(
        head=head, kind=kind, references=references, group_by=(), aliases={}, timespan=SECOND, condition=condition
    )


def found(rule: Correlation, seen: list[Seen]) -> set[naive.Found]:
    ordered = sorted(seen)
    return {(ordered[hold.at].id, hold.value) for hold in holds(rule, ordered)}


MEASURES: dict[Kind, Callable[[list[Seen]], float | None]] = {
    Kind.EVENT_COUNT: naive.event_count,
    Kind.VALUE_COUNT: naive.value_count,
    Kind.TEMPORAL: naive.temporal,
    Kind.VALUE_SUM: naive.value_sum,
    Kind.VALUE_AVG: naive.value_avg,
    Kind.VALUE_MEDIAN: naive.value_median,
}


@settings(max_examples=250)
@given(matches(), st.sampled_from(list(MEASURES)), st.sampled_from(list(naive.OPERATORS)), st.integers(0, 5))
def test_a_value_is_that_of_the_window_before_each_event(seen, kind, operator, number):
    rule = a_correlation(kind, Bound(operator=operator, number=number))

    assert found(rule, seen) == naive.measured(seen, WIDTH, operator, number, MEASURES[kind])


@given(matches(), st.integers(0, 100), st.sampled_from(list(naive.OPERATORS)), st.integers(-7, 40))
def test_a_percentile_is_the_continuous_one_of_the_window(seen, percent, operator, number):
    rule = a_correlation(Kind.VALUE_PERCENTILE, Bound(operator=operator, number=number, percentile=percent))

    ours = {name: pytest.approx(value) for name, value in found(rule, seen)}

    assume(
        not any(
            abs(value - number) < 1e-9
            for _, value in naive.measured(seen, WIDTH, "neq", 1e9, naive.percentile(percent))
        )
    )
    assert ours == dict(naive.measured(seen, WIDTH, operator, number, naive.percentile(percent)))


@settings(max_examples=250)
@given(
    matches(most=7),
    st.sampled_from(
        [
            ("a", "b"),
            ("a", "b", "c"),
            ("c", "a", "b"),
            ("a", "a"),
            ("a", "a", "b"),
            ("b", "a", "b"),
            ("a", "b", "a", "b"),
        ]
    ),
    st.sampled_from(list(naive.OPERATORS)),
    st.integers(1, 4),
)
def test_rules_are_in_order_where_a_run_of_them_ends_within_the_window(seen, references, operator, number):
    rule = a_correlation(Kind.TEMPORAL_ORDERED, Bound(operator=operator, number=number), references=references)

    assert found(rule, seen) == naive.in_order(seen, WIDTH, references, operator, number)


CONDITIONS = st.recursive(
    st.sampled_from(RULES),
    lambda inner: st.one_of(
        st.tuples(st.just("and"), inner, inner),
        st.tuples(st.just("or"), inner, inner),
        st.tuples(st.just("not"), inner),
    ),
    max_leaves=5,
)


def as_ours(condition: naive.Condition) -> Happened:
    if isinstance(condition, str):
        return Reference(condition)
    word, *parts = condition
    below = tuple(map(as_ours, parts))
    return Never(below[0]) if word == "not" else All(below) if word == "and" else Any_(below)


@settings(max_examples=300)
@given(matches(most=9), CONDITIONS, st.sampled_from([Kind.TEMPORAL, Kind.TEMPORAL_ORDERED]), st.permutations(RULES))
def test_an_extended_condition_holds_where_one_of_its_cases_does(seen, condition, kind, references):
    cases = naive.cases(condition)
    assume(cases and all(any(case.values()) for case in cases))
    rule = a_correlation(kind, as_ours(condition), references=tuple(references))

    ours = {name for name, _ in found(rule, seen)}

    assert ours == naive.extended(seen, WIDTH, references, condition, is_ordered=kind is Kind.TEMPORAL_ORDERED)


@given(matches(), st.permutations(range(12)), st.sampled_from([*Kind]), st.integers(1, 3))
def test_the_order_of_arrival_changes_nothing(seen, order, kind, number):
    rule = a_correlation(kind, Bound(operator="gte", number=number, percentile=50))
    shuffled = [seen[place] for place in order if place < len(seen)]
    ordered, mixed = sorted(seen, key=lambda one: one.time_ms), sorted(shuffled, key=lambda one: one.time_ms)

    def held(one: list[Seen]) -> set[tuple[Any, ...]]:
        return {
            (one[hold.at].id, one[hold.first].time_ms, one[hold.last].time_ms, hold.value) for hold in holds(rule, one)
        }

    assert held(ordered) == held(mixed)


@given(matches(), st.integers(1, 3))
def test_a_tumbling_window_begins_at_multiples_of_its_length(seen, number):
    rule = replace(a_correlation(Kind.EVENT_COUNT, Bound(operator="gte", number=number)), window=WindowKind.TUMBLING)

    parts = (naive.measured(part, WIDTH, "gte", number, naive.event_count) for part in naive.tumbling(seen, WIDTH))

    assert found(rule, seen) == set().union(*parts)


@given(matches(), st.integers(1, 3), st.integers(0, 600))
def test_a_session_lasts_until_the_gap_and_no_longer_than_the_timespan(seen, number, gap):
    assume(gap)
    rule = a_correlation(Kind.EVENT_COUNT, Bound(operator="gte", number=number))
    rule = replace(rule, window=WindowKind.SESSION, gap=timedelta(milliseconds=gap))

    parts = (naive.measured(part, WIDTH, "gte", number, naive.event_count) for part in naive.sessions(seen, WIDTH, gap))

    assert found(rule, seen) == set().union(*parts)


@given(matches(most=9), CONDITIONS)
def test_what_holds_is_certain_one_window_after_it_began(seen, condition):
    cases = naive.cases(condition)
    assume(cases and all(any(case.values()) for case in cases))
    rule, ordered = a_correlation(Kind.TEMPORAL, as_ours(condition)), sorted(seen)

    for hold in holds(rule, ordered):
        until = [one for one in ordered if one.time_ms < hold.due_ms or one.time_ms == ordered[hold.at].time_ms]
        again = {until[one.at].id for one in holds(rule, until)}
        assert ordered[hold.at].id in again
        assert hold.due_ms <= ordered[hold.at].time_ms + WIDTH
