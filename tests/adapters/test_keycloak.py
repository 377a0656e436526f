"""Keycloak's user and admin events, from a listener and from the admin API, become `access.activity`."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from nuxari_events.access import ActionPerformed, CredentialUsed, MfaChallengeCompleted, RoleGranted, SignInCompleted
from nuxari_events.adapters import Unread, keycloak

from tests.adapters.accounting import (
    check_that_it_reads_back,
    check_that_nothing_is_lost_unnamed,
    converted,
    data_of,
    only_event,
)

REALM, ADA, ROOT = "0d6bb4e1-acme", "5b1f7c52-ada", "9e0c11aa-root"
CLIENT = "1c9a3e54-realm-management"


def a_user_event(kind: str = "LOGIN", **changes: Any) -> dict[str, Any]:
    """As an event listener writes it."""
    return {
        "id": "7d3f0a5e-0001",
        "time": 1748941200123,
        "type": kind,
        "realmId": REALM,
        "realmName": "acme",
        "clientId": "wiki",
        "userId": ADA,
        "sessionId": "b2f8-session",
        "ipAddress": "192.0.2.7",
        "error": None,
        "details": {"auth_method": "openid-connect", "auth_type": "code", "username": "ada", "code_id": "b2f8-session"},
    } | changes


def from_the_admin_api(event: dict[str, Any]) -> dict[str, Any]:
    """The same as the REST API of versions without ids gives it: no id, no name of the realm, no nulls."""
    return {key: value for key, value in event.items() if key not in {"id", "realmName"} and value is not None}


def an_admin_event(operation: str = "UPDATE", kind: str = "USER", **changes: Any) -> dict[str, Any]:
    return {
        "id": "7d3f0a5e-0002",
        "time": 1748941260000,
        "realmId": REALM,
        "authDetails": {"realmId": "master", "clientId": "security-admin-console", "userId": ROOT, "ipAddress": "::1"},
        "operationType": operation,
        "resourceType": kind,
        "resourceTypeAsString": kind,
        "resourcePath": f"users/{ADA}",
        "representation": json.dumps({"username": "ada", "enabled": False}),
        "error": None,
    } | changes


def a_mapping(path: str, *roles: str, **changes: Any) -> dict[str, Any]:
    kind = "CLIENT_ROLE_MAPPING" if "clients" in path else "REALM_ROLE_MAPPING"
    representation = json.dumps([{"id": f"id-of-{role}", "name": role, "composite": False} for role in roles])
    return an_admin_event("CREATE", kind, resourcePath=path, representation=representation) | changes


RECORDS = {
    "login": a_user_event(),
    "failed login": a_user_event("LOGIN_ERROR", error="invalid_user_credentials", sessionId=None),
    "login by password grant": a_user_event(details={"grant_type": "password", "username": "ada"}),
    "wrong code": a_user_event(
        "LOGIN_ERROR",
        error="invalid_user_credentials",
        details={"credential_type": "otp", "selected_credential_id": "otp-1"},
    ),
    "client login": a_user_event("CLIENT_LOGIN", clientId="billing", details={"grant_type": "client_credentials"}),
    "impersonation": a_user_event("IMPERSONATE", details={"impersonator": "root", "impersonator_realm": "master"}),
    "update": an_admin_event(),
    "mapping": a_mapping(f"users/{ADA}/role-mappings/clients/{CLIENT}", "realm-admin", "view-users"),
    "from the admin API": from_the_admin_api(a_user_event("UPDATE_TOTP")),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_every_field_comes_along_or_is_named_and_the_events_are_of_the_contract(record: dict[str, Any]) -> None:
    check_that_nothing_is_lost_unnamed(keycloak, record)
    check_that_it_reads_back(converted(keycloak, record))


def test_a_login_is_a_sign_in_of_the_user_in_the_realm() -> None:
    event = only_event(keycloak, a_user_event())

    assert isinstance(event, SignInCompleted)
    assert event.source == f"/connectors/keycloak/{REALM}"
    assert event.tenantid == f"keycloak-{REALM}"
    assert event.time == datetime(2025, 6, 3, 9, 0, 0, 123000, tzinfo=UTC)
    assert data_of(event) == {
        "user_id": ADA,
        "user_name": "ada",
        "outcome": "success",
        "flow": "interactive",
        "administrative": False,
        "application": "wiki",
        "ip": "192.0.2.7",
        "session_id": "b2f8-session",
    }


@pytest.mark.parametrize(
    ("kind", "changes", "flow"),
    [
        ("LOGIN", {"details": {"grant_type": "password"}}, "ropc"),
        ("LOGIN", {"details": {"identity_provider": "corporate"}}, "single_sign_on"),
        ("REFRESH_TOKEN", {}, "refresh"),
        ("OAUTH2_DEVICE_CODE_TO_TOKEN", {}, "device_code"),
    ],
)
def test_the_flow_is_the_grant_or_the_kind_of_event(kind: str, changes: dict[str, Any], flow: str) -> None:
    assert only_event(keycloak, a_user_event(kind, **changes)).data.flow == flow


def test_the_admin_console_is_administrative() -> None:
    assert only_event(keycloak, a_user_event(clientId="security-admin-console")).data.administrative


def test_a_failed_login_says_why_and_of_whom() -> None:
    record = a_user_event("LOGIN_ERROR", error="user_not_found", userId=None, details={"username": "asdf"})

    event = only_event(keycloak, record)

    assert (event.data.user_id, event.data.outcome, event.data.failure_reason) == ("asdf", "failure", "user_not_found")


def test_a_login_that_was_broken_off_is_nobodys_failure() -> None:
    event = only_event(keycloak, a_user_event("LOGIN_ERROR", error="expired_code"))

    assert isinstance(event, ActionPerformed)
    assert (event.data.action, event.data.outcome, event.data.reason) == ("LOGIN_ERROR", "failure", "expired_code")


@pytest.mark.parametrize(
    ("credential", "method"), [("otp", "totp"), ("webauthn", "webauthn"), ("recovery-authn-codes", "recovery_code")]
)
def test_a_wrong_second_factor_is_a_failed_challenge(credential: str, method: str) -> None:
    details = {"credential_type": credential, "selected_credential_id": "c-1", "username": "ada"}

    event = only_event(keycloak, a_user_event("LOGIN_ERROR", error="invalid_user_credentials", details=details))

    assert isinstance(event, MfaChallengeCompleted)
    assert (event.data.method, event.data.outcome, event.data.factor_id) == (method, "failed", "c-1")


def test_a_login_with_a_second_factor_had_one_and_others_do_not_say() -> None:
    with_code = a_user_event(details={"credential_type": "otp"})

    assert only_event(keycloak, with_code).data.mfa is True
    assert only_event(keycloak, a_user_event()).data.mfa is None


def test_a_client_that_logs_in_uses_its_credential() -> None:
    event = only_event(keycloak, a_user_event("CLIENT_LOGIN_ERROR", error="invalid_client_credentials"))

    assert isinstance(event, CredentialUsed)
    assert (event.data.credential_id, event.data.user_id) == ("wiki", ADA)
    assert (event.data.outcome, event.data.failure_reason) == ("failure", "invalid_client_credentials")


def test_an_impersonation_is_done_by_the_impersonator_to_the_user() -> None:
    event = only_event(keycloak, a_user_event("IMPERSONATE", details={"impersonator": "root"}))

    assert (event.data.user_id, event.data.action, event.data.resource) == ("root", "IMPERSONATE", ADA)
    assert event.actorid == "root"


@pytest.mark.parametrize(
    "kind", ["LOGOUT", "CODE_TO_TOKEN", "UPDATE_TOTP", "UPDATE_CREDENTIAL", "RESET_PASSWORD", "SOME_LATER_EVENT"]
)
def test_every_other_user_event_is_an_action_of_its_own_name(kind: str) -> None:
    event = only_event(keycloak, a_user_event(kind))

    assert isinstance(event, ActionPerformed)
    assert (event.data.action, event.data.outcome, event.data.required_role) == (kind, "success", None)


def test_an_admin_event_is_an_action_of_the_admin() -> None:
    event = only_event(keycloak, an_admin_event())

    assert data_of(event) == {
        "user_id": ROOT,
        "action": "UPDATE USER",
        "resource": f"users/{ADA}",
        "outcome": "success",
        "application": "security-admin-console",
        "ip": "::1",
    }


def test_an_admin_event_of_a_version_without_resource_types_is_named_by_its_operation() -> None:
    record = an_admin_event(resourceType=None, resourceTypeAsString=None, error="not_allowed")

    event = only_event(keycloak, record)

    assert (event.data.action, event.data.outcome, event.data.reason) == ("UPDATE", "failure", "not_allowed")


@pytest.mark.parametrize(
    ("path", "role", "receiver", "shown", "privileged"),
    [
        (f"users/{ADA}/role-mappings/realm", "admin", ADA, "admin", True),
        (f"users/{ADA}/role-mappings/realm", "reader", ADA, "reader", False),
        (f"users/{ADA}/role-mappings/clients/{CLIENT}", "realm-admin", ADA, f"{CLIENT}/realm-admin", True),
        (f"users/{ADA}/role-mappings/clients/{CLIENT}", "view-users", ADA, f"{CLIENT}/view-users", False),
        ("groups/g-1/role-mappings/realm", "admin", "groups/g-1", "admin", True),
    ],
)
def test_a_mapped_role_is_granted_outside_pim(
    path: str, role: str, receiver: str, shown: str, privileged: object
) -> None:
    event = only_event(keycloak, a_mapping(path, role))

    assert isinstance(event, RoleGranted)
    assert data_of(event) == {
        "user_id": receiver,
        "role": shown,
        "privileged": privileged,
        "system": f"keycloak:{REALM}",
        "ip": "::1",
    }
    assert (event.subject, event.actorid) == (receiver, ROOT)


def test_several_roles_are_an_event_each_under_its_own_id() -> None:
    events = converted(keycloak, a_mapping(f"users/{ADA}/role-mappings/realm", "one", "two")).events

    assert [event.data.role for event in events if isinstance(event, RoleGranted)] == ["one", "two"]
    assert len({event.id for event in events}) == 2


@pytest.mark.parametrize("representation", [None, "{", "[]", '[{"name": 7}]', '[{"name": "one"}, {"id": "two"}]'])
def test_roles_that_are_not_named_are_not_guessed(representation: str | None) -> None:
    conversion = converted(keycloak, a_mapping(f"users/{ADA}/role-mappings/realm") | {"representation": representation})

    (event,) = conversion.events
    assert isinstance(event, ActionPerformed)
    assert event.data.action == "CREATE REALM_ROLE_MAPPING"
    assert conversion.remarks == ("the roles are not named: representation",)


@pytest.mark.parametrize(("operation", "error"), [("DELETE", None), ("CREATE", "not_allowed")])
def test_roles_that_are_taken_away_or_refused_are_no_grant(operation: str, error: str | None) -> None:
    record = a_mapping(f"users/{ADA}/role-mappings/realm", "admin", operationType=operation, error=error)

    assert isinstance(only_event(keycloak, record), ActionPerformed)


def test_a_record_read_again_has_the_same_ids_and_another_has_others() -> None:
    once, again = (converted(keycloak, a_user_event()).events for _ in range(2))

    assert once == again
    assert once[0].identity != only_event(keycloak, a_user_event(id="7d3f0a5e-0009")).identity


def test_a_record_without_an_id_is_known_by_its_contents_in_either_shape() -> None:
    listened = {key: value for key, value in a_user_event().items() if key != "id"}
    exported = from_the_admin_api(a_user_event())

    assert only_event(keycloak, listened).identity == only_event(keycloak, exported).identity
    later = only_event(keycloak, exported | {"time": 1748941200124})
    assert later.id != only_event(keycloak, exported).id


def test_an_address_that_is_none_is_kept_and_remarked() -> None:
    conversion = converted(keycloak, a_user_event(ipAddress="999.1.2.3"))

    assert conversion.events[0].data.ip == "999.1.2.3"  # type: ignore[attr-defined]
    assert conversion.remarks == ("kept as it is: ipAddress",)


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"hello": "world"}, "unknown-shape"),
        (a_user_event("access.LOGIN"), "unknown-shape"),
        (a_user_event(userId=None, details={}), "no-principal"),
        (a_user_event("IMPERSONATE"), "no-principal"),
        (a_user_event(time="2025-06-03T09:00:00Z"), "bad-time"),
        (a_user_event(time=True), "bad-time"),
        (a_user_event(time=10**30), "bad-time"),
        (a_user_event(realmId=None), "missing-field"),
        (a_user_event(realmId="Not A Tenant"), "outside-contract"),
        (an_admin_event("GUESS"), "unknown-operation"),
        (an_admin_event(authDetails={"realmId": "master"}), "no-principal"),
    ],
)
def test_a_record_of_another_shape_is_unread_with_a_reason(record: dict[str, Any], code: str) -> None:
    result = keycloak.convert(record)

    assert isinstance(result, Unread)
    assert result.code == code


def test_a_realm_that_is_no_tenant_needs_one() -> None:
    assert only_event(keycloak, a_user_event(realmId="My Realm"), tenant_id="acme").tenantid == "acme"
