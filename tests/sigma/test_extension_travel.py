"""Journeys that nobody can have made, against brute force, and as rule files say it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.monitoring.domain.extensions import Travel
from services.monitoring.domain.travel import distance_km
from services.monitoring.domain.windows import holds
from tests.sigma.correlated import at
from tests.sigma.extended import WIDTH, Seen, correlation, occurrences, ran

EXTENSION = Travel(
    latitude="lat", longitude="lon", distance_km=500, speed_kmh=30_000_000, unless_both=("vpn", "mobile"), same="ip"
)

PLACES = st.sampled_from(
    [(52.5, 13.4), (48.1, 11.6), (-33.9, 151.2), ("52.5", "13.4"), (None, 13.4), ("north", 1), (91, 0)]
)
EXTRA = st.tuples(PLACES, st.booleans(), st.sampled_from([None, True, "true"]), st.sampled_from([None, "1", "2"])).map(
    lambda drawn: (*drawn[0], *drawn[1:])
)


def apart_km(one: Seen, other: Seen) -> float:
    """By the angle between the two places as vectors."""

    def vector(seen: Seen) -> tuple[float, float, float]:
        north, east = math.radians(float(seen.extra[0])), math.radians(float(seen.extra[1]))
        return math.cos(north) * math.cos(east), math.cos(north) * math.sin(east), math.sin(north)

    a, b = vector(one), vector(other)
    return 6371.0088 * math.atan2(math.hypot(*_cross(a, b)), sum(x * y for x, y in zip(a, b, strict=True)))


def _cross(a: tuple[float, float, float], b: tuple[float, float, float]) -> tuple[float, float, float]:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


def is_located(one: Seen) -> bool:
    return str(one.extra[0]) in {"52.5", "48.1", "-33.9"} and one.extra[1] is not None


def naive(events: list[Seen]) -> dict[str, float]:
    found, places = {}, [one for one in events if is_located(one)]
    for before, one in pairwise(places):
        hours = max(one.time_ms - before.time_ms, 1) / 3_600_000
        is_doubted = all(True in (seen.extra[2] is True, seen.extra[3] is True) for seen in (before, one))
        is_same = one.extra[4] is not None and one.extra[4] == before.extra[4]
        distance = apart_km(before, one)
        is_too_fast = distance >= 500 and distance / hours >= 30_000_000
        if one.time_ms - before.time_ms < WIDTH and is_too_fast and not is_doubted and not is_same:
            found[one.id] = distance / hours
    return found


@settings(max_examples=300)
@given(occurrences(extra=EXTRA, most=10))
def test_it_holds_where_the_place_before_is_too_far_away(events):
    rule = correlation(EXTENSION)
    found = {events[hold.at].id: hold.value for hold in holds(rule, events)}

    assert found == pytest.approx(naive(events), abs=0.06)


@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
def test_the_great_circle_is_as_long_as_the_angle_between_the_places(lat, lon, other_lat, other_lon):
    expected = apart_km(Seen(0, "", extra=(lat, lon)), Seen(0, "", extra=(other_lat, other_lon)))
    assume(expected < 20_000)  # nearly opposite places: haversine is good to some hundred metres there

    assert distance_km(lat, lon, other_lat, other_lon) == pytest.approx(expected, abs=0.01)


RULE = "{type: event_count, rules: [a], group-by: [user], timespan: 24h, condition: {gte: 2}}"
TRAVEL = "impossible_travel: {latitude: lat, longitude: lon, unless_both: [vpn], same: ip}"
BERLIN, SYDNEY, MUNICH = {"lat": 52.52, "lon": 13.405}, {"lat": -33.87, "lon": 151.21}, {"lat": 48.14, "lon": 11.58}


def test_the_speed_is_said_and_both_ends_are_shown():
    assert ran(RULE, TRAVEL, [at(0, **BERLIN), at(1800), at(3600, **SYDNEY)]) == [(3_600_000, 16094.7, [1, 3])]


@pytest.mark.parametrize(
    "events",
    [
        [at(0, **BERLIN), at(60, **MUNICH)],  # 504 km
        [at(0, **BERLIN), at(24 * 3600, **SYDNEY)],
        [at(0, **BERLIN, vpn=True), at(60, **SYDNEY, vpn=True)],
        [at(0, **BERLIN, ip="192.0.2.1"), at(60, **SYDNEY, ip="192.0.2.1")],
        [at(0, **BERLIN), at(60)],
    ],
)
def test_no_journey_is_seen(events):
    assert ran(RULE, TRAVEL.replace("ip}", "ip, distance_km: 510}"), events) == []


def test_one_end_alone_that_may_be_elsewhere_explains_nothing():
    assert ran(RULE, TRAVEL, [at(0, **BERLIN, vpn=True), at(60, **SYDNEY)])
