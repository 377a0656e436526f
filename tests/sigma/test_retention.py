"""What is kept of the past is enough: rules hold later where they would hold had nothing been forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.extensions import (
    Also,
    Burst,
    Dormant,
    FirstSeen,
    Interval,
    IntervalJoin,
    Rare,
    Ring,
    Travel,
)
from services.monitoring.domain.retention import keep, reach_ms
from services.monitoring.domain.sigma import All, Bound, Correlation, Kind, Never, Reference, WindowKind
from services.monitoring.domain.windows import holds
from tests.sigma.extended import WIDTH, Seen, correlation, milliseconds, occurrences

GTE_2 = Bound(operator="gte", number=2)
PLACES = st.tuples(st.sampled_from([None, 1, 50.0, -33]), st.sampled_from([1, 150.0]))
VALUES = st.tuples(*[st.sampled_from([None, "x", "y", "z"])] * 2)
NOT_B = All((Reference("a"), Never(Reference("b"))))

RULES: dict[str, tuple[Correlation, st.SearchStrategy[Any]]] = {
    "count": (correlation(condition=GTE_2), st.just(())),
    "also": (correlation(condition=GTE_2, also=(Also(measure="distinct", fields=("x",), number=2),)), VALUES),
    "tumbling": (replace(correlation(condition=GTE_2), window=WindowKind.TUMBLING), st.just(())),
    "session": (
        replace(correlation(condition=GTE_2), window=WindowKind.SESSION, gap=milliseconds(400)),
        st.just(()),
    ),
    "in order": (correlation(kind=Kind.TEMPORAL_ORDERED, references=("a", "b"), condition=GTE_2), st.just(())),
    "absent": (correlation(kind=Kind.TEMPORAL, references=("a", "b"), condition=NOT_B), st.just(())),
    "absent in order": (
        correlation(kind=Kind.TEMPORAL_ORDERED, references=("a", "b"), condition=NOT_B),
        st.just(()),
    ),
    "first seen": (correlation(FirstSeen(fields=("x", "y"), after=3)), VALUES),
    "first seen after learning": (
        correlation(FirstSeen(fields=("x", "y"), learning=milliseconds(300))),
        VALUES,
    ),
    "first seen late in the timespan": (
        correlation(FirstSeen(fields=("x", "y"), learning=milliseconds(900), after=4)),
        VALUES,
    ),
    "first seen as a group": (correlation(FirstSeen()), st.just(())),
    "dormant": (correlation(Dormant(silence=milliseconds(300))), st.just(())),
    "travel": (correlation(Travel(latitude="x", longitude="y", distance_km=500, speed_kmh=900)), PLACES),
    "rare": (correlation(Rare(field="x", below=0.5, samples=2)), VALUES),
    "burst": (
        correlation(Burst(per=milliseconds(100), percentile=50, times=1, least=1, samples=1)),
        st.just(()),
    ),
    "ring": (correlation(Ring(giver="x", taker="y", least=1, share=0.5, of_least=2)), VALUES),
}


def told(rule: Correlation, events: list[Seen], *, after: int) -> list[tuple[Any, ...]]:
    """Return where it holds after the time, and all that is said of it."""
    return [
        (
            events[hold.at].id,
            hold.value,
            hold.about,
            *(events[place].id for place in (hold.first, hold.last, *hold.others)),
            hold.after_ms,
            hold.due_ms,
        )
        for hold in holds(rule, events)
        if events[hold.at].time_ms > after
    ]


HORIZONS = st.lists(st.one_of(st.integers(0, 2500), st.sampled_from([0, 999, 1000, 1001, 2000])), max_size=4).map(
    sorted
)


def assert_forgets_nothing(rule: Correlation, events: list[Seen], horizons: list[int]) -> None:
    kept: list[Seen] = []
    before = -1
    for horizon in horizons:
        kept = list(keep(rule, [*kept, *(one for one in events if before < one.time_ms <= horizon)], horizon))
        later = [one for one in events if one.time_ms > horizon]
        assert told(rule, [*kept, *later], after=horizon) == told(rule, events, after=horizon)
        before = horizon


@pytest.mark.parametrize("name", RULES)
@settings(max_examples=120)
@given(st.data())
def test_what_is_kept_is_enough(name, data):
    rule, extra = RULES[name]
    events = data.draw(occurrences(rule=st.sampled_from(rule.references), extra=extra, most=18))

    assert_forgets_nothing(rule, events, data.draw(HORIZONS))


JOIN = correlation(
    IntervalJoin(
        actions=("action",),
        is_inside=False,
        skew=milliseconds(50),
        intervals=(
            Interval(begin=("b",), end=("e",), key="key", start="from", to="to", until="until"),
            Interval(begin=("c",), end=("d",)),
        ),
    ),
    kind=Kind.TEMPORAL,
    references=("action", "b", "c", "d", "e"),
)
_RULES_OF_JOIN = st.sampled_from(["action", "action", "action", "b", "c", "d", "e"])
_LATER = st.one_of(st.none(), st.integers(0, 1500))


def as_told_in_life(events: list[Seen]) -> list[Seen]:
    """A key begins once and ends once, later; and what is said of a time lies ahead."""
    found, ended, begun = [], set[Any](), set[Any]()
    for one in events:
        key, *ahead = one.extra
        is_again = (one.rule == "b" and key in begun) or (one.rule == "e" and (key in ended or key not in begun))
        (begun if one.rule == "b" else ended if one.rule == "e" else set()).add(key)
        times = [None if by is None else iso(one.time_ms + by) for by in ahead]
        if not is_again:
            found.append(one._replace(extra=(key, *times)))
    return found


def iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, tz=UTC).isoformat()


_JOINED = occurrences(
    rule=_RULES_OF_JOIN, extra=st.tuples(st.sampled_from("klmnop"), _LATER, _LATER, _LATER), most=24
).map(as_told_in_life)


@pytest.mark.parametrize("is_inside", [False, True])
@settings(max_examples=300)
@given(_JOINED, HORIZONS)
def test_what_is_kept_of_intervals_is_enough(is_inside, events, horizons):
    assert JOIN.extension is not None
    rule = replace(JOIN, extension=replace(JOIN.extension, is_inside=is_inside))

    assert_forgets_nothing(rule, events, horizons)


def test_an_open_interval_is_kept_for_ever_and_an_ended_one_for_the_timespan():
    extra = (None, None, None, None)
    begun, ended = Seen(0, "0", "c", extra=extra), Seen(10, "1", "d", extra=extra)
    again = Seen(20, "2", "c", extra=extra)

    assert keep(JOIN, [begun, ended, again], 500) == [begun, ended, again]
    assert keep(JOIN, [begun, ended, again], 10**9) == [again]


def test_what_many_had_is_kept_once():
    events = [Seen(place, f"{place}", extra=("x", "y")) for place in range(500)]

    assert len(keep(RULES["first seen"][0], events, 499)) == 3
    assert len(keep(RULES["first seen after learning"][0], events, 499)) == 2
    assert len(keep(RULES["dormant"][0], events, 499)) == 1


def test_the_reach_is_the_timespan_and_twice_that_where_something_must_be_absent():
    assert reach_ms(RULES["count"][0]) == WIDTH
    assert reach_ms(RULES["absent"][0]) == 2 * WIDTH
