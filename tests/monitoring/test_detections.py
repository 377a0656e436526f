"""Each detection on a story that it must see, and on those that it must not."""

from __future__ import annotations

import pytest
from nuxari_events.access import SignInFlow

from services.monitoring.domain.model import Closed, Raised
from tests.monitoring.builders import (
    NOON,
    action,
    activated,
    assigned,
    credential_use,
    deactivated,
    ended,
    fact,
    new_owner,
    orphaned,
    prompt,
    reactivated,
    registered,
    revoked,
    role_grant,
    sign_in,
)
from tests.monitoring.streams import FIRST_ONES, numbers, pack_engine, run, standing

MINUTE, HOUR, DAY = 60, 3600, 86400


def _failures(count: int, *, every: float = 10, start: float = 0, user: str = "ada") -> list:
    return [sign_in(start + n * every, user) for n in range(count)]


def test_ten_failures_within_ten_minutes_are_a_brute_force() -> None:
    assert numbers(_failures(10)) == [1]


def test_nine_failures_are_a_bad_morning() -> None:
    assert numbers(_failures(9)) == []


def test_the_window_is_open_at_its_beginning_and_closed_at_its_end() -> None:
    assert numbers([*_failures(9, every=1), sign_in(10 * MINUTE)]) == []
    assert numbers([*_failures(9, every=1, start=0.001), sign_in(10 * MINUTE)]) == [1]


def test_failures_of_two_people_are_not_added_up() -> None:
    assert numbers([sign_in(n, f"user-{n % 2}") for n in range(18)]) == []


def test_the_same_name_in_two_tenants_is_two_people() -> None:
    assert numbers([sign_in(n, tenantid=f"t{n % 2}") for n in range(18)]) == []


def test_a_resent_event_is_counted_once() -> None:
    once = _failures(9)
    assert numbers([*once, *once]) == []


def test_a_brute_force_is_one_alert_that_grows() -> None:
    alerts = standing(run(_failures(100, every=5)))
    assert [alert.related_events_count for alert in alerts.values() if alert.rule_number == 1] == [100]


def test_a_second_attack_after_a_quiet_time_is_a_second_alert() -> None:
    assert numbers([*_failures(10), *_failures(10, start=2 * HOUR)]) == [1, 1]


def test_a_success_after_a_brute_force_is_told_beside_it() -> None:
    assert numbers([*_failures(10), sign_in(120, ok=True)]) == [1, 2]


def test_a_success_half_an_hour_later_still_follows_it() -> None:
    burst = _failures(10, every=1)
    assert numbers([*burst, sign_in(8.999 + 30 * MINUTE, ok=True)]) == [1, 2]
    assert numbers([*burst, sign_in(9 + 30 * MINUTE, ok=True)]) == [1]


def test_a_success_before_the_tenth_failure_is_none_after_a_brute_force() -> None:
    assert numbers([*_failures(9), sign_in(85, ok=True), sign_in(90)]) == [1]


@pytest.mark.parametrize("flow", ["ropc", "device_code", "legacy_protocol"])
def test_a_flow_without_mfa_is_told_the_first_time_in_two_weeks(flow: str) -> None:
    facts = {"flow": SignInFlow(flow)}
    assert numbers([sign_in(0, ok=True, facts=facts), sign_in(DAY, ok=True, facts=facts)]) == [12]
    assert numbers([sign_in(0, ok=True, facts=facts), sign_in(14 * DAY, ok=True, facts=facts)]) == [12, 12]


def test_an_administrative_sign_in_without_mfa_is_told_and_with_it_not() -> None:
    assert numbers([sign_in(0, ok=True, facts={"administrative": True, "mfa": False})]) == [12]
    assert numbers([sign_in(0, ok=True, facts={"administrative": True, "mfa": True})]) == []
    assert numbers([sign_in(0, ok=True, facts={"administrative": False, "mfa": False})]) == []
    assert numbers([sign_in(0, ok=False, facts={"administrative": True, "mfa": False})]) == []


def test_five_refused_prompts_are_mfa_fatigue_and_a_success_does_not_reset_them() -> None:
    prompts = [prompt(n * 60, outcome="denied" if n % 2 else "timed_out") for n in range(5)]
    assert numbers(prompts) == [13]
    assert numbers([*prompts[:4], prompt(200, outcome="approved"), prompts[4]]) == [13]
    assert numbers(prompts[:4]) == []
    assert numbers([prompt(n, method="totp") for n in range(9)]) == []


def test_a_privileged_role_given_around_pim_is_told() -> None:
    assert numbers([role_grant(0)]) == [34]
    assert numbers([role_grant(0, request="r-1")]) == []
    assert numbers([assigned(0)]) == [34]
    assert numbers([assigned(0, origin="bootstrap")]) == []
    assert numbers([assigned(0, origin="pim")]) == []
    assert numbers([assigned(0, role="requester")]) == []


def test_a_privileged_action_without_activation_is_told() -> None:
    assert numbers([action(0)]) == [35]
    assert numbers([action(0, role=None)]) == []


def test_an_action_within_an_activation_is_in_order_with_a_minute_of_skew() -> None:
    live = activated(0, until=HOUR)
    assert numbers([live, action(10)]) == []
    assert numbers([live, action(-60)]) == []
    assert numbers([live, action(-60.001)]) == [35]
    assert numbers([live, action(HOUR + 59.999)]) == []
    assert numbers([live, action(HOUR + 60)]) == [35]


def test_an_activation_of_another_role_or_person_covers_nothing() -> None:
    assert numbers([activated(0, until=HOUR, role="approver"), action(10)]) == [35]
    assert numbers([activated(0, until=HOUR, user="bo"), action(10)]) == [35]


def test_an_action_after_an_early_end_is_told_with_the_activation_as_evidence() -> None:
    alerts = standing(run([activated(0, until=HOUR), ended(600), action(900)]))
    (alert,) = (alert for alert in alerts.values() if alert.rule_number == 35)
    assert [entry.role for entry in alert.evidence] == ["role_activated", "activation_ended", "privileged_action"]


def test_an_activation_that_arrives_after_its_action_closes_the_alert_as_satisfied() -> None:
    changes = run([action(10), activated(0, until=HOUR)])
    about = [change for change in changes if change.alert.rule_number == 35]
    assert [type(change) for change in about] == [Raised, Closed]
    assert isinstance(about[-1], Closed)
    assert about[-1].reason == "satisfied"


def test_an_early_end_that_arrives_after_the_action_raises_it_then() -> None:
    assert numbers([activated(0, until=HOUR), action(900), ended(600)]) == [35]


def test_a_standing_assignment_covers_an_action_until_it_is_revoked() -> None:
    held = assigned(-DAY, origin="bootstrap")
    assert numbers([held, action(0)]) == []
    assert numbers([held, revoked(-HOUR), action(0)]) == [35]


def test_a_deactivated_identity_that_signs_in_is_told() -> None:
    assert numbers([deactivated(0), sign_in(60, ok=True)]) == [33]
    assert numbers([deactivated(0), sign_in(-60, ok=True)]) == []
    assert numbers([deactivated(0), sign_in(60)]) == []
    assert numbers([deactivated(0), reactivated(30), sign_in(60, ok=True)]) == []


def test_a_use_of_a_leavers_credential_names_orphaning_and_use() -> None:
    alerts = standing(run([registered(-DAY), deactivated(0), orphaned(1), credential_use(60)]))
    (alert,) = (alert for alert in alerts.values() if alert.rule_number == 33)
    assert [entry.role for entry in alert.evidence] == [
        "credential_lost_its_owner",
        "credential_presented",
    ]


def test_a_credential_that_has_a_new_owner_is_no_leavers_any_more() -> None:
    assert numbers([registered(-DAY), deactivated(0), orphaned(1), new_owner(30), credential_use(60)]) == []


def test_words_about_a_leaver_that_arrive_after_the_use_raise_it_then() -> None:
    story = [credential_use(60), registered(-DAY), orphaned(1), deactivated(0)]
    assert numbers(story) == [33]


def test_an_event_from_the_future_counts_at_its_arrival_and_is_flagged() -> None:
    engine = pack_engine()
    for n in range(10):
        engine.observe(fact(sign_in(365 * DAY + n * DAY), ingested=n))
    changes = [change for change in engine.settle() if change.alert.rule_number == 1]
    assert [change.alert.last_seen_ms for change in changes] == [round(NOON.timestamp() * 1000) + 9000]
    assert engine.counters["skewed"] == 10


def test_an_event_that_is_too_late_is_counted_and_judged_by_itself_alone() -> None:
    engine = pack_engine()
    changes = run([sign_in(HOUR, "zoe"), *_failures(10), role_grant(0)], engine=engine)
    found = {change.alert.rule_number for change in changes}
    assert found & FIRST_ONES == {34}
    assert engine.counters["late"] == 11


def test_a_use_without_anybody_to_put_it_down_to_is_not_put_together_with_others() -> None:
    assert numbers([deactivated(0), credential_use(5, "k1"), credential_use(6, "k2")]) == []
