"""What is new to a group, against brute force, and as rule files say it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.extensions import FirstSeen
from services.monitoring.domain.windows import holds
from tests.sigma.correlated import at
from tests.sigma.extended import WIDTH, Seen, correlation, earlier, held, milliseconds, occurrences, ran, seen

VALUES = st.tuples(*[st.sampled_from([None, "x", "y", "z", 1])] * 2)


def naive(extension: FirstSeen, events: list[Seen]) -> set[tuple[str, float]]:
    found = set()
    for one in events:
        before = earlier(events, one)
        is_old = extension.learning is not None and any(
            one.time_ms - other.time_ms >= extension.learning.total_seconds() * 1000 for other in before
        )
        has_enough = extension.after is not None and len(before) >= extension.after
        if not (is_old or has_enough or (extension.learning is None and extension.after is None)):
            continue
        new = sum(
            one.extra[field] is not None and one.extra[field] not in [other.extra[field] for other in before]
            for field in range(len(extension.fields))
        )
        if not extension.fields:
            new = int(not before)
        if new >= extension.at_least:
            found.add((one.id, new))
    return found


@settings(max_examples=300)
@given(
    occurrences(extra=VALUES),
    st.integers(1, 2),
    st.sampled_from([None, 1, 100, 500, 999]),
    st.sampled_from([None, 1, 2, 4]),
)
def test_a_value_is_new_where_nothing_in_the_timespan_before_had_it(events, at_least, learning, after):
    extension = FirstSeen(
        fields=("x", "y"),
        at_least=at_least,
        learning=None if learning is None else milliseconds(learning),
        after=after,
    )

    assert held(correlation(extension), events) == naive(extension, events)


@given(occurrences())
def test_without_fields_the_group_itself_is_what_is_seen_first(events):
    assert held(correlation(FirstSeen()), events) == naive(FirstSeen(), events)


@pytest.mark.parametrize(("later", "is_new"), [(WIDTH - 1, False), (WIDTH, True)])
def test_what_is_a_whole_timespan_old_is_forgotten(later, is_new):
    events = seen([(0, "a", (), ("x",)), (later, "a", (), ("x",))])

    found = {hold.at for hold in holds(correlation(FirstSeen(fields=("f",))), events)}

    assert found == ({0, 1} if is_new else {0})


def test_two_in_one_millisecond_are_both_new():
    """Neither is earlier: which of them was read first must not matter."""
    events = seen([(5, "a", (), ("x",)), (5, "a", (), ("x",))])

    assert held(correlation(FirstSeen(fields=("f",))), events) == {("00", 1), ("01", 1)}


NEW = "{type: event_count, rules: [a], group-by: [user], timespan: 90d, condition: {gte: 1}}"


def test_a_new_country_rests_on_the_event_alone():
    events = [at(0, country="DE"), at(60, country="DE"), at(120, country="FR"), at(180), at(240, country="DE")]

    assert ran(NEW, "first_seen: {fields: [country], after: 1}", events) == [(120_000, 1, [3])]


def test_of_a_list_the_first_value_counts():
    events = [at(0, country=["DE", "FR"]), at(9, country=["FR"])]

    assert ran(NEW, "first_seen: {fields: country, after: 1}", events) == [(9_000, 1, [2])]
