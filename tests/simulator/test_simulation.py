"""The generated stream: deterministic, never in the future, late within bounds, and true to its truth."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nuxari_events import wire
from nuxari_events.topics import BY_NAME

from services.simulator.attacks import KINDS
from services.simulator.people import cast
from services.simulator.scenario import Scenario, ScenarioError
from services.simulator.simulation import simulation
from services.simulator.truth import Attack
from tests.simulator import naive

A_TUESDAY = datetime(2025, 6, 3, 15, 7, 1, 123456, tzinfo=UTC)


def a_scenario(
    *,
    seed: int = 1,
    until: datetime = A_TUESDAY,
    users: int = 120,
    attacks: int = 28,
    duration: timedelta = timedelta(hours=4),
) -> Scenario:
    return Scenario(tenant_id="sim-1-test", seed=seed, until=until, users=users, attacks=attacks, duration=duration)


scenarios = st.builds(
    a_scenario,
    seed=st.integers(0, 2**31),
    until=st.datetimes(datetime(2024, 1, 1), datetime(2026, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),  # noqa: DTZ001
    attacks=st.integers(0, 45),
    duration=st.timedeltas(timedelta(hours=2), timedelta(hours=8)),
)


def named(attack: Attack) -> set[naive.Alert]:
    return {
        (one.number, one.group["user_id"], one.group.get("flow") or one.group.get("role") or "")
        for one in attack.expected
    }


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios)
def test_a_plain_reading_of_the_detections_finds_exactly_the_truth(scenario: Scenario) -> None:
    simulated = simulation(scenario)

    found = naive.alerts(simulated.events())

    assert found == set().union(*(named(attack) for attack in simulated.attacks), set())


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios)
def test_no_event_is_of_the_future_or_arrives_later_than_lateness_allows(scenario: Scenario) -> None:
    newest = scenario.start

    for event in simulation(scenario).events():
        assert scenario.start <= event.time <= scenario.until
        assert newest - event.time < timedelta(minutes=5)
        newest = max(newest, event.time)


def test_the_same_scenario_makes_the_same_stream() -> None:
    first, second = simulation(a_scenario()), simulation(a_scenario())

    assert list(first.events()) == list(second.events()) == list(first.events())


def test_another_seed_makes_another_stream_and_another_tenant_other_ids() -> None:
    here = {event.identity for event in simulation(a_scenario()).events()}
    other = Scenario(tenant_id="sim-2-test", seed=1, until=A_TUESDAY, users=120)
    there = {event.identity for event in simulation(other).events()}

    assert not here & there
    assert list(simulation(a_scenario(seed=2)).events()) != list(simulation(a_scenario(seed=1)).events())


def test_duplicates_and_late_events_are_few_and_nothing_is_lost() -> None:
    simulated = simulation(a_scenario())
    arrived = list(simulated.events())
    happened = list(simulated.in_order_of_time())

    times = Counter(event.identity for event in arrived)

    assert times.keys() == {event.identity for event in happened}
    assert len(happened) == len(times)
    assert 0 < sum(count - 1 for count in times.values()) < len(happened) * 0.02
    assert [event.time for event in arrived] != sorted(event.time for event in arrived)


def test_every_event_reads_back_from_the_topic_it_belongs_to() -> None:
    for event in simulation(a_scenario()).events():
        encoded = wire.encode(event)

        assert wire.decode(BY_NAME[encoded.topic], value=encoded.value, headers=encoded.headers) == event


def test_every_kind_and_variant_of_attack_comes_up() -> None:
    simulated = simulation(a_scenario(attacks=35))

    played = {(attack.kind, attack.variant) for attack in simulated.attacks}

    assert played == {(kind, variant) for kind, variants in KINDS.items() for variant in variants}


def test_nobody_plays_two_parts() -> None:
    people = cast(a_scenario())

    assert len({person.user_id for person in people.everyone}) == len(people.everyone) == 120


def test_leavers_stay_away_after_they_are_deactivated() -> None:
    simulated = simulation(a_scenario())
    leavers = {person.user_id for person in simulated.cast.leavers}

    last = {event.subject: event.type for event in simulated.in_order_of_time() if event.subject in leavers}

    assert last == dict.fromkeys(leavers, "nuxari.identity.user_deactivated.v1")


def test_people_of_several_countries_work_from_offices_phones_and_the_vpn() -> None:
    origins = [event.data for event in simulation(a_scenario()).events() if event.type.startswith("nuxari.access.")]

    assert len({origin.country for origin in origins}) >= 6
    assert any(origin.ip == "198.19.0.1" for origin in origins)
    assert any("iPhone" in (origin.user_agent or "") for origin in origins)


@pytest.mark.parametrize(
    ("sizes", "what_would_be_right"),
    [
        ({"duration": timedelta(hours=1)}, "at least 2h"),
        ({"attacks": -1}, "0 or more"),
        ({"users": 40}, "at least 86 users"),
    ],
)
def test_sizes_that_do_not_fit_are_refused_with_what_would(sizes: dict, what_would_be_right: str) -> None:
    with pytest.raises(ScenarioError, match=what_would_be_right):
        a_scenario(**sizes)
