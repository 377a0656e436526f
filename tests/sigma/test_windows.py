from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.sigma import Bound, Correlation, Head, Kind
from services.monitoring.domain.windows import holds
from tests.sigma import naive
from tests.sigma.naive import Seen

SECOND = timedelta(seconds=1)
RULES = ("a", "b", "c")

matches = st.lists(
    st.builds(
        Seen,
        time_ms=st.integers(0, 5000),
        id=st.uuids().map(str),
        rule=st.sampled_from(RULES),
        values=st.one_of(st.none(), st.tuples(st.sampled_from(["x", "y", "z"]))),
    ),
    max_size=14,
)


def a_correlation(kind: Kind, *, number: int = 1, references: tuple[str, ...] = RULES) -> Correlation:
    head = Head(id="under-test", name=None, title="under test")
    return Correlation(
        head=head,
        kind=kind,
        references=references,
        group_by=(),
        aliases={},
        timespan=SECOND,
        condition=Bound(operator="gte", number=number),
    )


@given(matches, st.integers(1, 5))
def test_a_count_is_that_of_every_event_in_the_window_before_each_event(seen, threshold):
    ordered = sorted(seen)

    found = [
        (ordered[hold.last].id, hold.value)
        for hold in holds(a_correlation(Kind.EVENT_COUNT, number=threshold), ordered)
    ]

    assert found == naive.counted(seen, 1000, threshold)


@given(matches, st.integers(1, 4))
def test_distinct_values_are_those_in_the_window_and_a_missing_one_is_none_of_them(seen, threshold):
    ordered = sorted(seen)

    found = [
        (ordered[hold.last].id, hold.value)
        for hold in holds(a_correlation(Kind.VALUE_COUNT, number=threshold), ordered)
    ]

    assert found == naive.distinct(seen, 1000, threshold)


@given(matches)
def test_rules_are_together_where_each_matched_in_the_window(seen):
    ordered = sorted(seen)

    found = [ordered[hold.last].id for hold in holds(a_correlation(Kind.TEMPORAL, number=3), ordered)]

    assert found == naive.together(seen, 1000, RULES)


@given(matches, st.sampled_from([("a", "b"), ("a", "b", "c"), ("a", "a", "b"), ("b", "a", "b")]))
def test_rules_are_in_order_where_a_chain_of_them_ends_within_the_window(seen, references):
    ordered = sorted(seen)

    rule = a_correlation(Kind.TEMPORAL_ORDERED, number=len(references), references=references)
    found = {ordered[hold.last].time_ms for hold in holds(rule, ordered)}

    assert found == naive.in_order(seen, 1000, references)
