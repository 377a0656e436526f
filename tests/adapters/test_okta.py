"""Okta's log events become `access.activity`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from nuxari_events.access import ActionPerformed, MfaChallengeCompleted, RoleGranted, SignInCompleted
from nuxari_events.adapters import Unread, okta
from nuxari_events.adapters.countries import code_of

from tests.adapters.accounting import (
    check_that_it_reads_back,
    check_that_nothing_is_lost_unnamed,
    converted,
    data_of,
    only_event,
)

ADA, BOB = "00u1ada", "00u2bob"
ADA_TARGET = {"id": ADA, "type": "User", "alternateId": "ada@example.com", "displayName": "Ada", "detailEntry": None}
BOB_TARGET = {"id": BOB, "type": "User", "alternateId": "bob@example.com", "displayName": "Bob", "detailEntry": None}
PHONE = {"id": "opf3phone", "type": "AuthenticatorEnrollment", "alternateId": "unknown", "displayName": "Okta Verify"}
WIKI = {"id": "0oa5wiki", "type": "AppInstance", "alternateId": "Wiki", "displayName": "Wiki"}


def a_log_event(kind: str, result: str = "SUCCESS", **changes: Any) -> dict[str, Any]:
    return {
        "uuid": "6f1c2e8a-0001",
        "published": "2025-06-03T09:00:00.418Z",
        "eventType": kind,
        "version": "0",
        "severity": "INFO",
        "legacyEventType": None,
        "displayMessage": "What happened",
        "actor": {"id": ADA, "type": "User", "alternateId": "ada@example.com", "displayName": "Ada"},
        "authenticationContext": {"authenticationStep": 0, "externalSessionId": "102session"},
        "client": {
            "device": "Computer",
            "geographicalContext": {
                "city": "Berlin",
                "country": "Germany",
                "geolocation": {"lat": 52.52, "lon": 13.4},
                "state": "Berlin",
            },
            "ipAddress": "192.0.2.7",
            "userAgent": {"browser": "FIREFOX", "os": "Linux", "rawUserAgent": "Mozilla/5.0 (X11; Linux x86_64)"},
            "zone": "null",
        },
        "debugContext": {"debugData": {"dtHash": "9cdf75", "deviceFingerprint": "541daf", "requestUri": "/idp"}},
        "outcome": {"result": result, "reason": None},
        "securityContext": {"asNumber": 64500, "asOrg": "example", "isProxy": False, "isp": "example"},
        "target": None,
        "transaction": {"id": "Zvoa3x1k", "type": "WEB", "detail": {}},
    } | changes


def with_debug_data(record: dict[str, Any], **data: str) -> dict[str, Any]:
    return record | {"debugContext": {"debugData": record["debugContext"]["debugData"] | data}}


def a_challenge(factor: str | None = "OKTA_VERIFY_PUSH", result: str = "SUCCESS", **data: str) -> dict[str, Any]:
    record = a_log_event("user.authentication.auth_via_mfa", result, target=[ADA_TARGET, PHONE])
    return with_debug_data(record, **({"factor": factor} if factor else {}), **data)


def a_grant(privileges: str, kind: str = "user.account.privilege.grant", **changes: Any) -> dict[str, Any]:
    return with_debug_data(a_log_event(kind, target=[BOB_TARGET]) | changes, privilegeGranted=privileges)


RECORDS = {
    "session": a_log_event("user.session.start"),
    "failure": a_log_event("user.session.start", outcome={"result": "FAILURE", "reason": "INVALID_CREDENTIALS"}),
    "sso": a_log_event("user.authentication.sso", target=[WIKI]),
    "denied": a_challenge(result="FAILURE", pushOnlyResponseType="OV_RESPONSE_DENY"),
    "denied, but with a password": a_challenge(
        "PASSWORD_AS_FACTOR", result="FAILURE", pushOnlyResponseType="OV_RESPONSE_DENY"
    ),
    "grant": a_grant("Super administrator, Read only admin"),
    "grant to nobody": a_grant("Super administrator", target=[]),
    "policy": a_log_event("policy.evaluate_sign_on", "CHALLENGE", target=[WIKI]),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_every_field_comes_along_or_is_named_and_the_events_are_of_the_contract(record: dict[str, Any]) -> None:
    check_that_nothing_is_lost_unnamed(okta, record, tenant_id="acme")
    check_that_it_reads_back(converted(okta, record, tenant_id="acme"))


def event_of(record: dict[str, Any]) -> Any:
    return only_event(okta, record, tenant_id="acme")


def test_a_session_is_a_sign_in_with_its_place_device_session_and_network() -> None:
    event = event_of(a_log_event("user.session.start"))

    assert isinstance(event, SignInCompleted)
    assert event.source == "/connectors/okta/acme"
    assert event.time == datetime(2025, 6, 3, 9, 0, 0, 418000, tzinfo=UTC)
    assert event.correlationid == "Zvoa3x1k"
    assert data_of(event) == {
        "user_id": ADA,
        "user_name": "ada@example.com",
        "outcome": "success",
        "flow": "interactive",
        "administrative": False,
        "ip": "192.0.2.7",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "device_id": "9cdf75",
        "session_id": "102session",
        "country": "DE",
        "city": "Berlin",
        "latitude": 52.52,
        "longitude": 13.4,
        "asn": 64500,
        "anonymous_proxy": False,
    }


def test_a_failed_session_says_why() -> None:
    data = event_of(RECORDS["failure"]).data

    assert (data.outcome, data.failure_reason) == ("failure", "INVALID_CREDENTIALS")


def test_a_user_that_okta_does_not_know_is_the_name_that_was_typed() -> None:
    actor = {"id": "unknown", "type": "User", "alternateId": "nobody@example.com", "displayName": "unknown"}

    record = a_log_event(
        "user.session.start", "FAILURE", actor=actor, authenticationContext={"externalSessionId": "unknown"}
    )

    assert (event_of(record).data.user_id, event_of(record).data.session_id) == ("nobody@example.com", None)


def test_single_sign_on_names_the_application_and_the_admin_console_is_administrative() -> None:
    wiki = event_of(RECORDS["sso"]).data
    console = event_of(
        a_log_event("user.authentication.sso", target=[WIKI | {"displayName": "Okta Admin Console"}])
    ).data

    assert (wiki.flow, wiki.application, wiki.administrative) == ("single_sign_on", "Wiki", False)
    assert console.administrative


def test_a_session_by_another_provider_is_single_sign_on() -> None:
    record = a_log_event("user.session.start", authenticationContext={"authenticationProvider": "FEDERATION"})

    assert event_of(record).data.flow == "single_sign_on"


@pytest.mark.parametrize(
    ("record", "method", "outcome"),
    [
        (a_challenge(pushOnlyResponseType="OV_RESPONSE_APPROVE"), "push", "approved"),
        (RECORDS["denied"], "push", "denied"),
        (a_challenge(result="FAILURE", pushWithNumberChallengeResponseType="OV_RESPONSE_DENY"), "push", "denied"),
        (a_challenge(result="FAILURE"), "push", "failed"),
        (a_challenge(result="UNANSWERED"), "push", "timed_out"),
        (a_challenge("OKTA_SOFT_TOKEN", result="FAILURE"), "totp", "failed"),
        (a_challenge("FIDO_WEBAUTHN"), "webauthn", "approved"),
        (a_challenge("SMS_FACTOR", result="FAILURE"), "sms", "failed"),
        (a_challenge("CALL_FACTOR"), "voice", "approved"),
        (a_log_event("user.mfa.okta_verify.deny_push", target=[PHONE]), "push", "denied"),
        (a_log_event("user.mfa.okta_verify.deny_push", "FAILURE", target=[PHONE]), "push", "denied"),
    ],
)
def test_a_second_factor_is_a_challenge_that_ended(record: dict[str, Any], method: str, outcome: str) -> None:
    event = event_of(record)

    assert isinstance(event, MfaChallengeCompleted)
    assert (event.data.user_id, event.data.method, event.data.outcome) == (ADA, method, outcome)
    assert event.data.factor_id == "opf3phone"


@pytest.mark.parametrize("factor", ["PASSWORD_AS_FACTOR", "SECURITY_QUESTION", "EMAIL_FACTOR", "SIGNED_NONCE", None])
def test_what_is_no_second_factor_of_the_contract_is_an_action(factor: str | None) -> None:
    event = event_of(a_challenge(factor, result="FAILURE"))

    assert isinstance(event, ActionPerformed)
    assert (event.data.action, event.data.outcome) == ("user.authentication.auth_via_mfa", "failure")


def test_privileges_are_roles_granted_outside_pim() -> None:
    events = converted(okta, RECORDS["grant"], tenant_id="acme").events

    assert all(isinstance(event, RoleGranted) for event in events)
    assert [(event.data.role, event.data.privileged) for event in events if isinstance(event, RoleGranted)] == [
        ("Super administrator", True),
        ("Read only admin", False),
    ]
    assert {(event.subject, event.actorid) for event in events} == {(BOB, ADA)}
    assert data_of(events[0])["user_name"] == "bob@example.com"
    assert data_of(events[0])["system"] == "okta:acme"
    assert len({event.id for event in events}) == 2


def test_a_group_receives_privileges_as_a_group() -> None:
    group = {"id": "00g1", "type": "UserGroup", "alternateId": "unknown", "displayName": "Helpdesk"}

    record = a_grant("Application administrator (all)", "group.privilege.grant", target=[group])

    assert (event_of(record).data.user_id, event_of(record).data.user_name) == ("groups/00g1", "Helpdesk")
    assert event_of(record).data.privileged


@pytest.mark.parametrize("changes", [{"target": []}, {"target": [WIKI]}, {"debugContext": {"debugData": {}}}])
def test_a_grant_that_does_not_name_role_and_receiver_is_an_action_and_remarked(changes: dict[str, Any]) -> None:
    record = a_grant("Super administrator") | changes

    conversion = converted(okta, record, tenant_id="acme")

    assert isinstance(conversion.events[0], ActionPerformed)
    assert conversion.remarks == ("the role or its receiver is not named: target",)


def test_a_refused_grant_gave_nothing() -> None:
    event = event_of(a_grant("Super administrator", outcome={"result": "FAILURE", "reason": "no"}))

    assert isinstance(event, ActionPerformed)
    assert (event.data.outcome, event.data.reason) == ("failure", "no")


@pytest.mark.parametrize(
    ("kind", "result", "outcome"),
    [
        ("policy.evaluate_sign_on", "ALLOW", "success"),
        ("policy.evaluate_sign_on", "CHALLENGE", "success"),
        ("policy.evaluate_sign_on", "DENY", "failure"),
        ("user.account.lock", "SUCCESS", "success"),
        ("user.mfa.factor.activate", "SUCCESS", "success"),
        ("user.mfa.factor.reset_all", "SUCCESS", "success"),
        ("security.threat.detected", "RATE_LIMIT", "failure"),
        ("system.push.send_factor_verify_push", "SUCCESS", "success"),
    ],
)
def test_every_other_event_is_an_action_of_its_own_name(kind: str, result: str, outcome: str) -> None:
    event = event_of(a_log_event(kind, result, target=[BOB_TARGET]))

    assert isinstance(event, ActionPerformed)
    assert (event.data.action, event.data.outcome, event.data.resource) == (kind, outcome, f"User/{BOB}")


def test_devices_without_a_token_have_the_fingerprint_or_their_own_id() -> None:
    record = a_log_event("user.session.start", debugContext={"debugData": {}}, device={"id": "guo9"})
    printed = a_log_event("user.session.start", debugContext={"debugData": {"deviceFingerprint": "541daf"}})

    assert event_of(record).data.device_id == "guo9"
    assert event_of(printed).data.device_id == "541daf"


def test_a_country_that_is_not_known_is_left_out_and_remarked() -> None:
    client = a_log_event("x")["client"] | {"geographicalContext": {"country": "Atlantis"}}

    conversion = converted(okta, a_log_event("user.session.start", client=client), tenant_id="acme")

    assert "country" not in data_of(conversion.events[0])
    assert conversion.remarks == ("left out, no known country: client.geographicalContext.country",)


@pytest.mark.parametrize(
    ("name", "code"), [("South Korea", "KR"), ("Côte d'Ivoire", "CI"), ("united kingdom", "GB"), ("Germania", None)]
)
def test_country_names_are_codes_or_not_known(name: str, code: str | None) -> None:
    assert code_of(name) == code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"eventType": None}, "unknown-shape"),
        ({"actor": None}, "unknown-shape"),
        ({"actor": {"id": "unknown", "alternateId": "unknown"}}, "no-principal"),
        ({"outcome": {"result": "UNKNOWN"}}, "no-outcome"),
        ({"outcome": None}, "no-outcome"),
        ({"published": "2020-11-25 21:27:03"}, "bad-time"),
        ({"uuid": 7}, "missing-field"),
    ],
)
def test_a_record_of_another_shape_is_unread_with_a_reason(changes: dict[str, Any], code: str) -> None:
    result = okta.convert(a_log_event("user.session.start") | changes, tenant_id="acme")

    assert isinstance(result, Unread)
    assert result.code == code


def test_an_organisation_that_nobody_names_needs_a_tenant() -> None:
    result = okta.convert(a_log_event("user.session.start"))

    assert isinstance(result, Unread)
    assert result.code == "no-tenant"
