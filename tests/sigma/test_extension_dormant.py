"""What comes after a long silence, against brute force, and as rule files say it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.monitoring.domain.extensions import Dormant
from tests.sigma.correlated import at
from tests.sigma.extended import Seen, correlation, earlier, held, milliseconds, occurrences, ran

DAY = 86_400


def naive(silence: int, events: list[Seen]) -> set[tuple[str, float]]:
    found = set()
    for one in events:
        gaps = [one.time_ms - other.time_ms for other in earlier(events, one)]
        if gaps and min(gaps) >= silence:
            found.add((one.id, round(min(gaps) / 1000 / DAY, 3)))
    return found


@settings(max_examples=200)
@given(occurrences(most=8), st.sampled_from([1, 100, 500, 999]))
def test_it_holds_where_the_one_before_was_so_long_ago_and_is_remembered(events, silence):
    assert held(correlation(Dormant(silence=milliseconds(silence))), events) == naive(silence, events)


@pytest.mark.parametrize(
    ("second", "expected"),
    [
        (45 * DAY - 1, []),
        (45 * DAY, [(45 * DAY * 1000, 45, [1, 2])]),
        (400 * DAY - 1, [((400 * DAY - 1) * 1000, 400, [1, 2])]),
        (400 * DAY, []),
    ],
)
def test_the_silence_is_said_in_days_and_shows_the_use_before(second, expected):
    rule = "{type: event_count, rules: [a], group-by: [user], timespan: 400d, condition: {gte: 1}}"

    assert ran(rule, "dormant: {for: 45d}", [at(0), at(second)]) == expected
