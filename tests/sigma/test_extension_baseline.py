"""What a group usually does, against brute force, and as rule files say it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.extensions import Burst, Rare
from services.monitoring.domain.sigma import Bound, Kind
from tests.sigma.correlated import at
from tests.sigma.extended import WIDTH, Seen, correlation, earlier, held, milliseconds, occurrences, ran, window


def naively_rare(extension: Rare, events: list[Seen]) -> set[tuple[str, float]]:
    found = set()
    for one in events:
        before = [other.extra[0] for other in earlier(events, one) if other.extra[0] is not None]
        if one.extra[0] is None or len(before) < extension.samples:
            continue
        share = before.count(one.extra[0]) / len(before)
        if share < extension.below:
            found.add((one.id, round(share, 6)))
    return found


@settings(max_examples=300)
@given(
    occurrences(extra=st.tuples(st.sampled_from([None, "x", "x", "y", "z"]))),
    st.sampled_from([0.01, 0.25, 0.5, 1]),
    st.integers(1, 4),
)
def test_a_value_is_rare_where_few_of_the_earlier_ones_had_it(events, below, samples):
    extension = Rare(field="hour", below=below, samples=samples)

    assert held(correlation(extension), events) == naively_rare(extension, events)


def count(events: list[Seen]) -> int:
    return len(events)


def different(events: list[Seen]) -> int:
    return len({value for one in events for value in one.values})


def percentile(numbers: list[int], percent: int) -> float:
    ordered, place = sorted(numbers), (len(numbers) - 1) * percent / 100
    below = ordered[int(place)]
    return below + (ordered[min(int(place) + 1, len(ordered) - 1)] - below) * (place - int(place))


def naive_bursts(extension: Burst, events: list[Seen], measure: Callable[[list[Seen]], int]) -> set[tuple[str, float]]:
    per, found = int(extension.per.total_seconds() * 1000), set()
    for one in events:
        value = measure(window(events, one.time_ms, per))
        until = [one.time_ms - number * per for number in range(1, WIDTH) if (number + 1) * per <= WIDTH]
        before = [many for at_ms in until if (many := measure(window(events, at_ms, per)))]
        if len(before) >= extension.samples:
            usual = percentile(before, extension.percentile)
            if value >= max(extension.least, extension.times * usual):
                found.add((one.id, value))
    return found


@settings(max_examples=300)
@given(
    occurrences(values=st.lists(st.tuples(st.sampled_from("pqrs")), max_size=2).map(tuple), most=18),
    st.sampled_from([100, 101, 250, 499, 500]),
    st.sampled_from([0, 50, 99, 100]),
    st.sampled_from([0, 1, 1.5, 2]),
    st.integers(1, 3),
    st.integers(1, 3),
    st.booleans(),
)
def test_a_burst_is_far_above_the_busiest_spans_before(events, per, percent, times, least, samples, is_distinct):
    extension = Burst(per=milliseconds(per), percentile=percent, times=times, least=least, samples=samples)
    kind = Kind.VALUE_COUNT if is_distinct else Kind.EVENT_COUNT
    rule = correlation(extension, kind=kind, condition=Bound(operator="gte", number=1, fields=("f",)))

    assert held(rule, events) == naive_bursts(extension, events, different if is_distinct else count)


RARE = "{type: event_count, rules: [a], group-by: [user], timespan: 90d, condition: {gte: 1}}"


@pytest.mark.parametrize(("samples", "expected"), [(30, [(3_000_000, 0, [31])]), (31, [])])
def test_it_takes_so_many_samples_to_know_what_is_rare(samples, expected):
    events = [at(100 * place, hour="9") for place in range(30)] + [at(3000, hour="3")]

    assert ran(RARE, f"baseline: {{rare: hour, samples: {samples}}}", events) == expected


def hours(*counts: int) -> list[dict[str, object]]:
    return [at(3600 * hour + second, f=str(second)) for hour, many in enumerate(counts) for second in range(many)]


@pytest.mark.parametrize(("kind", "condition"), [("event_count", "{gte: 1}"), ("value_count", "{gte: 1, field: f}")])
def test_a_burst_shows_the_events_of_its_span(kind, condition):
    rule = f"{{type: {kind}, rules: [a], group-by: [user], timespan: 1d, condition: {condition}}}"
    burst = "baseline: {per: 1h, percentile: 99, times: 3, least: 5, samples: 3}"

    assert ran(rule, burst, hours(2, 1, 2, 5)) == []
    assert ran(rule, burst, hours(2, 1, 2, 6)) == [(3 * 3_600_000 + 5000, 6, [6, 7, 8, 9, 10, 11])]
    assert ran(rule, burst, hours(2, 0, 2, 9)) == []
