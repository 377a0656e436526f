"""Two sets of alerts: which are only in one, and which are in both in another way."""

from __future__ import annotations

import msgspec

from services.monitoring.domain.derived import Derivation
from services.monitoring.domain.model import Alert
from services.monitoring.sigma.backtests import Backtest, changes_of, differences
from services.monitoring.sigma.chosen import chosen
from services.monitoring.sigma.pack import pack
from tests.monitoring.builders import at, fact, sign_in

BRUTE_FORCE = "001-brute-force.yml"


def alerts(*, gte: int = 10, users: dict[str, int]) -> list[Alert]:
    rules = chosen({BRUTE_FORCE: pack().texts[BRUTE_FORCE].replace("gte: 10", f"gte: {gte}")})
    test = Backtest(rules, Derivation())
    events = [sign_in(place, user) for user, count in users.items() for place in range(count)]
    for offset, event in enumerate(events):
        test.take(fact(event, offset=offset, ingested=offset))
    return test.end(now_ms=round(at(86_400).timestamp() * 1000))


def test_alerts_that_went_quiet_are_among_what_would_have_been_raised() -> None:
    assert [(one.group, one.value) for one in alerts(users={"ada": 11, "bob": 9})] == [({"user_id": "ada"}, 11)]


def test_the_same_alerts_do_not_differ() -> None:
    assert differences(alerts(users={"ada": 11}), alerts(users={"ada": 11})) == []


def test_what_only_one_has_and_what_changed_is_told_apart() -> None:
    old = alerts(users={"ada": 12, "cleo": 10})
    new = [one for one in alerts(gte=5, users={"ada": 12, "bob": 6, "cleo": 10}) if one.group != {"user_id": "cleo"}]

    found = {(one.kind, one.alert.group["user_id"]) for one in differences(old, new)}

    assert found == {("changed", "ada"), ("only new", "bob"), ("only old", "cleo")}


def test_a_change_says_what_it_is() -> None:
    (one,) = alerts(users={"ada": 12})
    other = msgspec.structs.replace(one, severity="high", value=13.0)

    assert list(changes_of(one, other)) == ["severity", "value"]


def test_alerts_about_one_group_at_different_times_are_different_alerts() -> None:
    (one,) = alerts(users={"ada": 12})
    later = msgspec.structs.replace(one, first_seen_ms=one.last_seen_ms + 1, last_seen_ms=one.last_seen_ms + 9)

    assert [found.kind for found in differences([one], [later])] == ["only old", "only new"]


def test_each_partition_has_a_time_of_its_own() -> None:
    test = Backtest(pack(), Derivation())
    for partition in ("acme", "other"):
        test.begin()
        for place in range(10):
            test.take(fact(sign_in(place, tenantid=partition), offset=place, ingested=place))

    found = test.end(now_ms=round(at(600).timestamp() * 1000))

    assert {one.tenant for one in found if one.rule_id == "brute_force"} == {"acme", "other"}
