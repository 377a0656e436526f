"""What follows from a try, what a target wants, and what people read."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nuxari_events.topics import SECURITY_ALERTS

from services.monitoring.domain.outbound import (
    GIVEN_UP_AFTER,
    JITTER,
    LONGEST_REST,
    RETRIES,
    SEVERITIES,
    AlertType,
    Delivery,
    Health,
    Kind,
    Outcome,
    Said,
    Wanted,
    after,
    notice,
)
from shared.settings import OutboundSettings
from tests.schemas.golden import golden_object

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
WELL = Health(is_enabled=True, failures=0, failing_since=None)
FAILURES = st.sampled_from([one for one in Outcome if one is not Outcome.DELIVERED])
CHANCES = st.floats(0, 1, exclude_max=True)


def a_delivery(tries: int = 0) -> Delivery:
    return Delivery(delivery_id="d", message_id="m", type="alert_raised", body="{}", tries=tries)


@given(st.integers(0, 20), FAILURES, CHANCES, st.integers(0, 50), st.sampled_from(Kind))
def test_a_failed_delivery_waits_as_the_schedule_says_or_is_dead(
    tries: int, outcome: Outcome, chance: float, failures: int, kind: Kind
) -> None:
    health = Health(is_enabled=True, failures=failures, failing_since=NOON - timedelta(hours=1))

    follows = after(a_delivery(tries), health, outcome, kind=kind, chance=chance, at=NOON)

    is_last = outcome is Outcome.GONE or tries >= len(RETRIES)
    assert follows.state == ("dead" if is_last else "waiting")
    assert follows.health.failures == failures + 1
    assert NOON < follows.rests_until <= NOON + LONGEST_REST
    if not is_last:
        assert follows.next_try_at is not None
        assert RETRIES[tries] <= follows.next_try_at - NOON <= RETRIES[tries] * (1 + JITTER)


@given(FAILURES, CHANCES, st.timedeltas(timedelta(), timedelta(days=9)))
def test_a_target_is_given_up_when_it_is_gone_or_fails_for_five_days(
    outcome: Outcome, chance: float, failing_for: timedelta
) -> None:
    health = Health(is_enabled=True, failures=3, failing_since=NOON - failing_for)

    follows = after(a_delivery(), health, outcome, kind=Kind.WEBHOOK, chance=chance, at=NOON)

    reason = "gone" if outcome is Outcome.GONE else "failing" if failing_for >= GIVEN_UP_AFTER else None
    assert (follows.disabled_reason, follows.health.is_enabled) == (reason, reason is None)


def test_a_delivery_that_arrives_forgets_the_failures_before_it() -> None:
    ailing = Health(is_enabled=True, failures=7, failing_since=NOON - timedelta(days=4))

    follows = after(a_delivery(3), ailing, Outcome.DELIVERED, kind=Kind.WEBHOOK, chance=0.5, at=NOON)

    assert (follows.state, follows.health, follows.rests_until) == ("delivered", WELL, NOON)


@given(st.sampled_from(SEVERITIES), st.sampled_from(SEVERITIES))
def test_a_target_wants_what_is_at_least_as_severe_as_it_says(least: str, severity: str) -> None:
    wanted = Wanted(least_severity=least, rules=frozenset(), types=frozenset({"alert_raised"}))

    said = Said(type="alert_raised", severity=severity, rules=("a",))

    assert (said in wanted) == (SEVERITIES.index(severity) >= SEVERITIES.index(least))


def test_the_types_that_can_be_wanted_are_those_of_the_contract() -> None:
    assert {f"nuxari.security.{one}.v1" for one in AlertType} == SECURITY_ALERTS.event_types


@pytest.mark.parametrize("event_type", sorted(SECURITY_ALERTS.event_types))
def test_every_announcement_can_be_told_to_people(event_type: str) -> None:
    event = golden_object(event_type)

    told = notice(event, link="https://console.example/alerts/{alert_id}")

    assert told.title
    assert told.text
    assert told.severity in SEVERITIES
    about = event["data"].get("alert_id")
    assert ("https://console.example/alerts/" in told.text) == (about is not None)


def test_a_digest_says_how_many_and_how_grave() -> None:
    event = golden_object("nuxari.security.alert_digested.v1")

    told = notice(event, link=None)

    assert str(event["data"]["count"]) in told.text
    assert told.title.startswith("[")
    assert event["data"]["rule"]["title"] in told.title


def test_of_triage_people_hear_what_was_decided() -> None:
    event = golden_object("nuxari.security.alert_triaged.v1")

    told = notice(event | {"data": event["data"] | {"state": "resolved", "verdict": "false_positive"}}, link=None)

    assert told.title == "alert triaged: resolved false positive"


def test_the_operator_s_lists_are_read_with_commas(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NUXARI_OUTBOUND_PRIVATE_NETWORKS", "10.20.0.0/16, fd12:3456::/32")
    monkeypatch.setenv("NUXARI_NOTIFICATION_SERVICES", "mailtos,mmosts")

    settings = OutboundSettings(home=tmp_path)

    assert settings.outbound_private_networks == (ip_network("10.20.0.0/16"), ip_network("fd12:3456::/32"))
    assert settings.notification_services == ("mailtos", "mmosts")
    assert json.loads(OutboundSettings().model_dump_json(include={"alert_link"})) == {"alert_link": None}
