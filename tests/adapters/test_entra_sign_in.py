"""Sign-in logs of Microsoft Entra ID, from Graph and from diagnostic settings, become `access.activity`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from nuxari_events.access import ActionPerformed, CredentialUsed, MfaChallengeCompleted, SignInCompleted
from nuxari_events.adapters import Unread, entra

from tests.adapters.accounting import (
    check_that_it_reads_back,
    check_that_nothing_is_lost_unnamed,
    converted,
    data_of,
    only_event,
)
from tests.adapters.entra_records import ADA, DIRECTORY, PASSWORD, a_diagnostic, a_sign_in, a_step

DENIED = a_step("Mobile app notification", "MFA denied; user declined the authentication", succeeded=False)
MACHINE = {"userId": None, "userPrincipalName": None, "servicePrincipalId": "sp-1", "servicePrincipalName": "deployer"}

RECORDS = {
    "interactive": a_sign_in(),
    "denied": a_sign_in(500121, authenticationDetails=[PASSWORD, DENIED]),
    "interrupt": a_sign_in(50074),
    "device code": a_sign_in(authenticationProtocol="deviceCode"),
    "diagnostic": a_diagnostic(a_sign_in(50126)),
    "machine": a_diagnostic(
        a_sign_in(**MACHINE, servicePrincipalCredentialKeyId="key-1"), category="ServicePrincipalSignInLogs"
    ),
    "anonymous": a_sign_in(riskEventTypes_v2=["unfamiliarFeatures", "anonymizedIPAddress"]),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_every_field_comes_along_or_is_named_and_the_events_are_of_the_contract(record: dict[str, Any]) -> None:
    check_that_nothing_is_lost_unnamed(entra, record)
    check_that_it_reads_back(converted(entra, record))


def test_a_sign_in_comes_with_its_place_device_session_and_network() -> None:
    event = only_event(entra, a_sign_in())

    assert isinstance(event, SignInCompleted)
    assert event.source == f"/connectors/entra/entra-{DIRECTORY}"
    assert event.tenantid == f"entra-{DIRECTORY}"
    assert event.time == datetime(2025, 6, 3, 9, tzinfo=UTC)
    assert event.correlationid == "e7a19c42-correlation"
    assert data_of(event) == {
        "user_id": ADA,
        "user_name": "ada@example.com",
        "outcome": "success",
        "flow": "interactive",
        "mfa": False,
        "administrative": False,
        "application": "Microsoft Office",
        "ip": "192.0.2.7",
        "user_agent": "Mozilla/5.0 (X11; Linux x86_64)",
        "device_id": "7c0d-device",
        "session_id": "a91f3c6d-session",
        "country": "DE",
        "city": "Berlin",
        "latitude": 52.52,
        "longitude": 13.4,
        "asn": 64500,
    }


def test_both_shapes_of_one_record_are_one_event() -> None:
    resource, diagnostic = only_event(entra, a_sign_in()), only_event(entra, a_diagnostic(a_sign_in()))

    assert resource == diagnostic
    assert "callerIpAddress" not in converted(entra, a_diagnostic(a_sign_in())).dropped


@pytest.mark.parametrize("code", [50126, 50053, 50034, 50055, 50057, 500121, 53003, 50105, 7000215])
def test_a_refusal_is_a_failed_sign_in_with_its_code(code: int) -> None:
    event = only_event(entra, a_sign_in(code))

    assert isinstance(event, SignInCompleted)
    assert (event.data.outcome, event.data.failure_reason, event.data.mfa) == ("failure", str(code), None)


@pytest.mark.parametrize("code", [16000, 50058, 50072, 50074, 50076, 50079, 50097, 50125, 50140, 65001, 70016])
def test_an_interrupt_is_an_action_with_its_code_and_no_failed_sign_in(code: int) -> None:
    event = only_event(entra, a_sign_in(code))

    assert isinstance(event, ActionPerformed)
    assert (event.data.action, event.data.outcome, event.data.reason) == ("Sign-in activity", "failure", str(code))


@pytest.mark.parametrize(
    ("changes", "flow"),
    [
        ({"authenticationProtocol": "deviceCode"}, "device_code"),
        ({"authenticationProtocol": "ropc"}, "ropc"),
        ({"clientAppUsed": "IMAP4", "authenticationProtocol": "ropc"}, "legacy_protocol"),
        ({"clientAppUsed": "POP3"}, "legacy_protocol"),
        ({"clientAppUsed": "Authenticated SMTP"}, "legacy_protocol"),
        ({"clientAppUsed": "Exchange ActiveSync", "isInteractive": False}, "legacy_protocol"),
        ({"isInteractive": False}, "refresh"),
        ({"clientAppUsed": "Mobile Apps and Desktop clients"}, "interactive"),
    ],
)
def test_the_flow_is_the_weakest_that_is_said(changes: dict[str, Any], flow: str) -> None:
    assert only_event(entra, a_sign_in(**changes)).data.flow == flow


def test_a_non_interactive_log_is_of_tokens() -> None:
    record = a_diagnostic(a_sign_in(isInteractive=None), category="NonInteractiveUserSignInLogs")

    assert only_event(entra, record).data.flow == "refresh"


@pytest.mark.parametrize(
    ("changes", "mfa"),
    [
        ({"authenticationRequirement": "multiFactorAuthentication"}, True),
        ({"authenticationRequirement": "singleFactorAuthentication"}, False),
        ({"authenticationRequirement": None, "authenticationDetails": None}, None),
        (
            {"authenticationDetails": [a_step("Previously satisfied", "satisfied by claim", succeeded=True)]},
            True,
        ),
    ],
)
def test_a_second_factor_was_used_if_one_was_required_or_satisfied(changes: dict[str, Any], mfa: object) -> None:
    assert only_event(entra, a_sign_in(**changes)).data.mfa is mfa


@pytest.mark.parametrize(
    ("step", "method", "outcome"),
    [
        (DENIED, "push", "denied"),
        (
            a_step(
                "Mobile app notification",
                "MFA denied; user did not respond to mobile app notification",
                succeeded=False,
            ),
            "push",
            "timed_out",
        ),
        (a_step("Mobile app notification", "MFA successfully completed", succeeded=True), "push", "approved"),
        (
            a_step("OATH verification code", "MFA denied; user entered incorrect code", succeeded=False),
            "totp",
            "failed",
        ),
        (a_step("Text message", "MFA denied; invalid verification code", succeeded=False), "sms", "failed"),
        (a_step("Phone call approval (Office phone)", "Fraud code entered", succeeded=False), "voice", "denied"),
    ],
)
def test_a_second_factor_that_was_asked_for_is_a_challenge_beside_the_sign_in(
    step: dict[str, Any], method: str, outcome: str
) -> None:
    record = a_sign_in(500121, authenticationDetails=[PASSWORD, step])

    sign_in, challenge = converted(entra, record).events

    assert isinstance(sign_in, SignInCompleted)
    assert isinstance(challenge, MfaChallengeCompleted)
    assert (challenge.data.method, challenge.data.outcome) == (method, outcome)
    assert challenge.time == datetime(2025, 6, 3, 9, 0, 31, tzinfo=UTC)
    assert challenge.id != sign_in.id


@pytest.mark.parametrize("detail", ["MFA denied; service error", "", "something new"])
def test_a_step_that_nobody_answered_is_no_challenge_and_is_remarked(detail: str) -> None:
    step = a_step("Mobile app notification", detail, succeeded=False)

    conversion = converted(entra, a_sign_in(500121, authenticationDetails=[step]))

    assert len(conversion.events) == 1
    assert conversion.remarks == ("no answer to a challenge: authenticationDetails[].authenticationStepResultDetail",)


def test_a_factor_that_may_be_two_things_is_none() -> None:
    step = a_step("Authenticator App", "MFA successfully completed", succeeded=True)

    assert len(converted(entra, a_sign_in(authenticationDetails=[step])).events) == 1


def test_an_anonymous_proxy_is_what_identity_protection_calls_one() -> None:
    assert only_event(entra, RECORDS["anonymous"]).data.anonymous_proxy is True
    assert only_event(entra, a_sign_in()).data.anonymous_proxy is None


def test_the_portal_is_administrative() -> None:
    assert only_event(entra, a_sign_in(appId="c44b4083-3bb0-49c1-b47d-974e53cbdf3c")).data.administrative


def test_a_user_that_the_directory_does_not_have_is_the_name_that_was_typed() -> None:
    record = a_sign_in(50034, userId="00000000-0000-0000-0000-000000000000", userPrincipalName="nobody@example.com")

    assert only_event(entra, record).data.user_id == "nobody@example.com"


def test_a_service_principal_uses_the_key_that_is_named() -> None:
    event = only_event(entra, RECORDS["machine"])

    assert isinstance(event, CredentialUsed)
    assert (event.data.credential_id, event.data.user_id, event.data.user_name) == ("key-1", "sp-1", "deployer")
    assert event.subject == "key-1"


def test_a_managed_identity_has_no_key_and_acts() -> None:
    record = a_sign_in(**MACHINE, signInEventTypes=["managedIdentity"])

    event = only_event(entra, record)

    assert isinstance(event, ActionPerformed)
    assert (event.data.user_id, event.data.resource) == ("sp-1", "Microsoft Graph")


def test_what_is_not_well_formed_is_kept_or_left_out_and_remarked() -> None:
    place = {"countryOrRegion": "Germany", "geoCoordinates": {"latitude": 52.5, "longitude": 13.4}}

    conversion = converted(entra, a_sign_in(ipAddress="192.0.2.7:443", location=place))

    data = data_of(conversion.events[0])
    assert data["ip"] == "192.0.2.7:443"
    assert not {"country", "latitude", "longitude"} & data.keys()
    assert conversion.remarks == ("left out, no country code: location.countryOrRegion", "kept as it is: ipAddress")
    assert "location.countryOrRegion" in conversion.dropped


@pytest.mark.parametrize(
    "coordinates", [{"latitude": 91.0, "longitude": 0.0}, {"latitude": 52.5}, {"latitude": "52", "longitude": "13"}]
)
def test_a_place_that_is_none_is_left_out(coordinates: dict[str, Any]) -> None:
    conversion = converted(entra, a_sign_in(location={"countryOrRegion": "DE", "geoCoordinates": coordinates}))

    assert "latitude" not in data_of(conversion.events[0])
    assert conversion.remarks == ("left out, no place on Earth: location.geoCoordinates.latitude",)


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"UserPrincipalName": "ada@example.com", "ResultType": "0"}, "unknown-shape"),
        (a_diagnostic(a_sign_in(), category="RiskyUsers"), "unknown-category"),
        (a_sign_in(userId=None, userPrincipalName=None), "no-principal"),
        (a_sign_in(status={"failureReason": "Other."}), "no-outcome"),
        (a_sign_in(createdDateTime="2025-06-03T09:00:00"), "bad-time"),
        (a_sign_in(createdDateTime="yesterday"), "bad-time"),
        (a_sign_in(homeTenantId="another"), "no-tenant"),
        (a_sign_in(id=None), "missing-field"),
        (a_sign_in(userId="u" * 300), "no-principal"),
    ],
)
def test_a_record_of_another_shape_is_unread_with_a_reason(record: dict[str, Any], code: str) -> None:
    result = entra.convert(record if code != "no-principal" else record | {"userPrincipalName": None})

    assert isinstance(result, Unread)
    assert result.code == code


def test_a_diagnostic_record_names_its_directory_twice_and_its_outcome_too() -> None:
    body = a_sign_in(status={}, homeTenantId="another")
    record = a_diagnostic(body) | {"tenantId": None, "resultType": "50126"}

    event = only_event(entra, record)

    assert event.tenantid == f"entra-{DIRECTORY}"
    assert event.data.failure_reason == "50126"


def test_a_given_tenant_is_the_tenant_and_a_record_read_again_has_the_same_ids() -> None:
    once, again = (only_event(entra, a_sign_in(), tenant_id="acme") for _ in range(2))

    assert once == again
    assert (once.tenantid, once.source) == ("acme", "/connectors/entra/acme")
