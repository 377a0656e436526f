"""Which changes weaken detections, for any two configurations: what is not told as weaker raises all it did before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.configuration import (
    Configuration,
    ExceptionRule,
    Mode,
    Silence,
    Surroundings,
    Tuning,
    WorkingHours,
)
from services.monitoring.domain.governance import SEVERITIES, Set, added_networks, weakenings
from services.monitoring.domain.rule_facts import RuleFacts, Stricter, facts_of
from services.monitoring.sigma.loading import load
from services.monitoring.sigma.own_rules import own_rules
from tests.monitoring.configured import BRUTE_FORCE, MANY_COUNTRIES, NO_MFA, OWN, OWN_ID, SUCCESS_AFTER, a_pack

PACK = a_pack()
FACTS = facts_of(PACK.rules, PACK.raising)
START = datetime(2026, 3, 2, tzinfo=UTC)

modes = st.sampled_from(Mode)
severities = st.none() | st.sampled_from(SEVERITIES)
thresholds = st.none() | st.floats(min_value=0.5, max_value=100)
timespans = st.none() | st.integers(1, 120).map(lambda minutes: timedelta(minutes=minutes))
tunings = st.builds(Tuning, mode=modes, severity=severities, threshold=thresholds, timespan=timespans)
addresses = st.sampled_from(["192.0.2.0", "192.0.2.128", "198.51.100.0", "2001:db8::", "2001:db8:1::"])
networks = st.lists(
    st.tuples(addresses, st.integers(16, 32)).map(lambda one: str(ip_network(f"{one[0]}/{one[1]}", strict=False))),
    max_size=3,
).map(tuple)
hours = st.builds(
    WorkingHours,
    days=st.sets(st.integers(0, 6)).map(lambda days: tuple(sorted(days))),
    begin=st.integers(0, 23).map(lambda hour: timedelta(hours=hour)),
    end=st.integers(0, 24).map(lambda hour: timedelta(hours=hour)),
)
surroundings = st.builds(
    Surroundings,
    trusted_networks=networks,
    vpn_networks=networks,
    mobile_networks=networks,
    time_zone=st.sampled_from(["UTC", "Europe/Berlin"]),
    working_hours=hours,
)
moments = st.integers(0, 50).map(lambda day: START + timedelta(days=day))
exceptions = st.lists(
    st.builds(
        ExceptionRule,
        id=st.sampled_from("abc"),
        rule=st.sampled_from([BRUTE_FORCE, NO_MFA]),
        filter=st.sampled_from("xy"),
        owner=st.just("sam"),
        reason=st.just("because"),
        begins_at=moments,
        ends_at=moments,
    ),
    max_size=2,
    unique_by=lambda one: one.id,
).map(tuple)
silences = st.lists(
    st.builds(
        Silence,
        id=st.sampled_from("abc"),
        owner=st.just("sam"),
        reason=st.just("because"),
        begins_at=moments,
        ends_at=moments,
        user_id=st.sampled_from(["eve", None]),
    ),
    max_size=2,
    unique_by=lambda one: one.id,
).map(tuple)
configurations = st.builds(
    Configuration,
    version=st.integers(0, 9),
    surroundings=surroundings,
    tunings=st.dictionaries(st.sampled_from([BRUTE_FORCE, SUCCESS_AFTER, NO_MFA, MANY_COUNTRIES]), tunings),
    exceptions=exceptions,
    silences=silences,
)


def settings_of(before: Configuration, after: Configuration) -> set[str]:
    return {one.setting for one in weakenings(Set(before, FACTS), Set(after, FACTS))}


@given(configurations, st.integers(0, 9))
def test_what_is_equal_weakens_nothing(one: Configuration, version: int) -> None:
    assert settings_of(one, replace(one, version=version)) == set()


def differs(first: object, second: object, make: object) -> bool:
    """Say whether the change, or the one back, weakens."""
    old, new = make(first), make(second)  # type: ignore[operator]
    return bool(settings_of(old, new) or settings_of(new, old))


@given(tunings, tunings)
def test_another_setting_of_a_live_detection_weakens_it_or_did_so_before(first: Tuning, second: Tuning) -> None:
    facts = FACTS[BRUTE_FORCE]
    live = [replace(one, mode=Mode.LIVE) for one in (first, second)]
    is_other = facts.tuned(live[0]) != facts.tuned(live[1])

    assert differs(*live, lambda one: Configuration(tunings={BRUTE_FORCE: one})) == is_other


@given(modes, modes)
def test_another_mode_weakens_in_one_direction(first: Mode, second: Mode) -> None:
    old, new = (Configuration(tunings={NO_MFA: Tuning(mode=one)}) for one in (first, second))

    assert len([one for one in (settings_of(old, new), settings_of(new, old)) if one]) == (first is not second)


@given(networks, networks)
def test_networks_weaken_exactly_where_an_address_is_covered_anew(
    first: tuple[str, ...], second: tuple[str, ...]
) -> None:
    old, new = (Configuration(surroundings=Surroundings(trusted_networks=one)) for one in (first, second))
    edges = {
        ip_address(int(net[i])) if net.version == 4 else net[i]
        for n in second
        for net in [ip_network(n)]
        for i in (0, -1)
    }
    is_covered_anew = any(not any(edge in ip_network(known) for known in first) for edge in edges)

    found = settings_of(old, new)

    assert found <= {"trusted_networks"}
    if is_covered_anew:
        assert found
    if set(second) <= set(first):
        assert not found


def test_two_halves_are_as_much_as_the_whole() -> None:
    assert added_networks(["192.0.2.0/25", "192.0.2.128/25"], ["192.0.2.0/24"]) == []
    assert added_networks(["192.0.2.0/25"], ["192.0.2.0/24"]) == ["192.0.2.0/24"]
    assert added_networks(["0.0.0.0/1"], ["::/16"]) == ["::/16"]


@given(hours, hours)
def test_other_working_hours_weaken_where_a_minute_is_added(first: WorkingHours, second: WorkingHours) -> None:
    old, new = (Configuration(surroundings=Surroundings(working_hours=one)) for one in (first, second))

    weaker, back = settings_of(old, new), settings_of(new, old)

    added = [m for m in range(0, 7 * 1440, 60) if is_working(second, m) and not is_working(first, m)]
    removed = [m for m in range(0, 7 * 1440, 60) if is_working(first, m) and not is_working(second, m)]
    assert (bool(weaker), bool(back)) == (bool(added), bool(removed))


def is_working(hours: WorkingHours, minute: int) -> bool:
    """Say so, in another way than the code does."""
    day, within = minute // 1440, timedelta(minutes=minute % 1440)
    if hours.begin <= hours.end:
        return day in hours.days and hours.begin <= within < hours.end
    return (day in hours.days and within >= hours.begin) or ((day - 1) % 7 in hours.days and within < hours.end)


@given(exceptions, exceptions)
def test_what_is_kept_quiet_anew_or_longer_weakens(
    first: tuple[ExceptionRule, ...], second: tuple[ExceptionRule, ...]
) -> None:
    known = {one.id: one for one in first}
    more = [
        one
        for one in second
        if (old := known.get(one.id)) is None
        or (old.rule, old.filter) != (one.rule, one.filter)
        or one.ends_at > old.ends_at
        or one.begins_at < old.begins_at
    ]

    found = settings_of(Configuration(exceptions=first), Configuration(exceptions=second))

    assert found == ({"exception"} if more else set())


@given(configurations, configurations, configurations)
def test_two_changes_that_weaken_nothing_weaken_nothing_together(
    first: Configuration, second: Configuration, third: Configuration
) -> None:
    if not settings_of(first, second) and not settings_of(second, third):
        assert settings_of(first, third) <= {"severity", "threshold", "window"}
        for identity, facts in FACTS.items():
            if first.tuning(identity).mode is Mode.LIVE:
                assert third.tuning(identity).mode is Mode.LIVE
                assert not is_looser(facts, first.tuning(identity), third.tuning(identity))


def is_looser(facts: RuleFacts, old: Tuning, new: Tuning) -> bool:
    (_, before, _), (_, after, _) = facts.tuned(old), facts.tuned(new)
    return before is not None and after is not None and after > before


def test_what_is_off_cannot_be_made_weaker() -> None:
    off = Configuration(tunings={MANY_COUNTRIES: Tuning(mode=Mode.OFF)})
    loose = Configuration(tunings={MANY_COUNTRIES: Tuning(threshold=1000, severity="low")})

    assert settings_of(off, loose) == set()
    assert settings_of(loose, off) == {"enabled"}


def test_what_is_off_is_made_weaker_where_another_rests_on_it() -> None:
    off, loose = Tuning(mode=Mode.OFF), Tuning(mode=Mode.OFF, threshold=1000, severity="informational")

    found = settings_of(Configuration(tunings={BRUTE_FORCE: off}), Configuration(tunings={BRUTE_FORCE: loose}))

    assert found == {"threshold"}


def test_what_another_rule_wants_not_to_happen_can_go_either_way() -> None:
    lower = RULE.format(kind="event_count", condition="{gte: 5}", more="")
    above = """\
title: Above
id: 33333333-0000-4000-8000-000000000002
name: above
correlation:
  type: temporal
  rules: [seen, counted]
  group-by: [data.user_id]
  timespan: 10m
  condition: seen and not counted
"""
    rules = load({"a.yml": lower, "b.yml": above})
    head = next(one.head for one in rules.correlations if one.head.name == "counted")

    (facts,) = facts_of(rules, {head.id: head}).values()

    assert (facts.stricter_threshold, facts.stricter_timespan) == (Stricter.UNKNOWN, Stricter.UNKNOWN)
    assert facts.is_below


RULE = """\
title: Counted
id: 33333333-0000-4000-8000-000000000001
name: counted
correlation:
  type: {kind}
  rules: [seen]
  group-by: [data.user_id]
  timespan: 10m
  condition: {condition}
{more}
---
title: Seen
id: 33333333-0000-4000-8000-0000000000f1
name: seen
logsource: {{product: nuxari}}
detection: {{s: {{type: x}}, condition: s}}
"""


@pytest.mark.parametrize(
    ("kind", "condition", "more", "threshold", "timespan"),
    [
        ("event_count", "{gte: 5}", "", Stricter.LOWER, Stricter.HIGHER),
        ("event_count", "{lt: 5}", "", Stricter.HIGHER, Stricter.LOWER),
        ("event_count", "{eq: 5}", "", Stricter.UNKNOWN, Stricter.UNKNOWN),
        ("value_count", "{gt: 5, field: data.ip}", "", Stricter.LOWER, Stricter.HIGHER),
        ("value_sum", "{gte: 5, field: data.n}", "", Stricter.LOWER, Stricter.UNKNOWN),
        ("event_count", "{gte: 5}", "nuxari: {window: tumbling}", Stricter.LOWER, Stricter.UNKNOWN),
        ("event_count", "{gte: 5}", "nuxari: {also: [{distinct: data.ip, gte: 2}]}", Stricter.LOWER, Stricter.UNKNOWN),
        ("event_count", "{gte: 1}", "nuxari: {first_seen: {fields: [data.ip]}}", Stricter.LOWER, Stricter.UNKNOWN),
    ],
)
def test_which_numbers_find_more_follows_from_what_is_compared(
    kind: str, condition: str, more: str, threshold: Stricter, timespan: Stricter
) -> None:
    rules = load({"a.yml": RULE.format(kind=kind, condition=condition, more=more)})
    head = rules.correlations[0].head

    (facts,) = facts_of(rules, {head.id: head}).values()

    assert (facts.stricter_threshold, facts.stricter_timespan) == (threshold, timespan)
    assert (facts.threshold is None) == ("first_seen" in more)


@pytest.mark.parametrize(
    ("after", "settings"),
    [
        (OWN, set()),
        (OWN.replace("title: Five failures", "title: Some failures"), set()),
        (OWN.replace("level: high", "level: critical"), set()),
        (OWN.replace("level: high", "level: low"), {"severity"}),
        (OWN.replace("gte: 5", "gte: 6"), {"rule"}),
        (OWN.replace("timespan: 5m", "timespan: 1m"), {"rule"}),
        ("", {"rule"}),
    ],
)
def test_an_own_rule_that_is_gone_or_says_something_else_weakens(after: str, settings: set[str]) -> None:
    old, new = (known({"a.yml": text} if text else {}) for text in (OWN, after))

    found = weakenings(Set(Configuration(), old), Set(Configuration(), new))

    assert {one.setting for one in found} == settings
    assert {one.rule for one in found} <= {OWN_ID}


def known(files: dict[str, str]) -> dict[str, RuleFacts]:
    own = own_rules(files, PACK)
    rules = replace(
        PACK.rules,
        selections={**PACK.rules.selections, **own.rules.selections},
        correlations=(*PACK.rules.correlations, *own.rules.correlations),
    )
    return {**FACTS, **facts_of(rules, own.raising, is_own=True)}
