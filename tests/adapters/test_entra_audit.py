"""Directory audits of Microsoft Entra ID, PIM's among them, become `access.activity`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from nuxari_events.access import ActionPerformed, RoleGranted
from nuxari_events.adapters import Unread, entra

from tests.adapters.accounting import (
    check_that_it_reads_back,
    check_that_nothing_is_lost_unnamed,
    converted,
    data_of,
    only_event,
)
from tests.adapters.entra_records import (
    BOB,
    DIRECTORY,
    ROOT,
    a_diagnostic,
    a_direct_grant,
    a_pim_grant,
    a_target,
    an_audit,
)

ACTIVATED = "Add member to role completed (PIM activation)"

RECORDS = {
    "update": an_audit(),
    "failure": an_audit(result="failure", resultReason="Insufficient privileges"),
    "grant": a_direct_grant(),
    "activation": a_pim_grant(ACTIVATED),
}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_every_field_comes_along_or_is_named_and_the_events_are_of_the_contract(record: dict[str, Any]) -> None:
    check_that_nothing_is_lost_unnamed(entra, record, tenant_id="acme")
    check_that_it_reads_back(converted(entra, record, tenant_id="acme"))


def test_an_activity_is_an_action_of_its_own_name() -> None:
    event = only_event(entra, an_audit(), tenant_id="acme")

    assert isinstance(event, ActionPerformed)
    assert event.time == datetime(2025, 6, 3, 9, 0, 0, 123456, tzinfo=UTC)
    assert data_of(event) == {
        "user_id": ROOT,
        "user_name": "root@example.com",
        "action": "Update user",
        "resource": f"User/{BOB}",
        "outcome": "success",
        "application": "Core Directory",
        "ip": "198.51.100.2",
        "user_agent": "curl/8",
    }


def test_both_shapes_of_one_record_are_one_event() -> None:
    resource = only_event(entra, an_audit(), tenant_id="acme")

    assert only_event(entra, a_diagnostic(an_audit(), "AuditLogs"), tenant_id="acme") == resource


def test_a_diagnostic_record_names_the_directory_that_graph_does_not() -> None:
    assert only_event(entra, a_diagnostic(an_audit(), "AuditLogs")).tenantid == f"entra-{DIRECTORY}"
    assert entra.convert(an_audit()) == Unread(
        code="no-tenant", detail="tenantId, resourceId: the record does not name its directory; give a tenant"
    )


def test_an_application_that_acts_on_its_own_is_the_actor() -> None:
    app = {"appId": None, "displayName": "Sync", "servicePrincipalId": "sp-7", "servicePrincipalName": None}

    assert only_event(entra, an_audit(initiatedBy={"app": app}), tenant_id="acme").data.user_id == "sp-7"


@pytest.mark.parametrize("result", ["failure", "timeout"])
def test_an_activity_that_failed_says_why(result: str) -> None:
    event = only_event(entra, a_direct_grant() | {"result": result, "resultReason": "Not allowed"}, tenant_id="acme")

    assert isinstance(event, ActionPerformed)
    assert (event.data.outcome, event.data.reason) == ("failure", "Not allowed")


def test_a_role_given_in_the_directory_is_granted_outside_pim() -> None:
    event = only_event(entra, a_direct_grant(), tenant_id="acme")

    assert isinstance(event, RoleGranted)
    assert (event.subject, event.actorid) == (BOB, ROOT)
    assert data_of(event) == {
        "user_id": BOB,
        "user_name": "bob@example.com",
        "role": "Global Administrator",
        "privileged": True,
        "system": "entra:acme",
        "ip": "198.51.100.2",
        "user_agent": "curl/8",
    }


@pytest.mark.parametrize(
    "activity",
    [
        ACTIVATED,
        "Add member to role in PIM completed (permanent)",
        "Add member to role in PIM completed (timebound)",
    ],
)
def test_a_role_given_by_pim_names_the_request(activity: str) -> None:
    event = only_event(entra, a_pim_grant(activity), tenant_id="acme")

    assert isinstance(event, RoleGranted)
    assert data_of(event) == {
        "user_id": BOB,
        "user_name": "Bob",
        "role": "Global Administrator",
        "privileged": True,
        "system": "entra:acme",
        "pim_request_id": "r-1",
        "ip": "198.51.100.9",
    }


@pytest.mark.parametrize(("details", "request_id"), [([{"key": "RequestId", "value": "r-2"}], "r-2"), ([], "PIM_0001")])
def test_a_pim_record_without_a_request_among_its_targets_has_it_elsewhere_or_is_it(
    details: list[dict[str, str]], request_id: str
) -> None:
    record = a_pim_grant(ACTIVATED, additionalDetails=details)
    record["targetResources"] = [one for one in record["targetResources"] if one["type"] != "Request"]

    assert only_event(entra, record, tenant_id="acme").data.pim_request_id == request_id


def test_a_role_that_pim_found_given_outside_of_it_is_one() -> None:
    event = only_event(entra, a_pim_grant("Add member to role outside of PIM (permanent)"), tenant_id="acme")

    assert isinstance(event, RoleGranted)
    assert event.data.pim_request_id is None


def test_what_pim_carries_out_in_the_directory_is_not_granted_a_second_time() -> None:
    app = {"displayName": "MS-PIM", "servicePrincipalId": "sp-pim"}

    event = only_event(entra, a_direct_grant() | {"initiatedBy": {"app": app}}, tenant_id="acme")

    assert isinstance(event, ActionPerformed)
    assert event.data.action == "Add member to role"


@pytest.mark.parametrize(
    "activity",
    [
        "Add member to role requested (PIM activation)",
        "Add member to role request approved (PIM activation)",
        "Add member to role canceled (PIM activation)",
        "Add eligible member to role in PIM completed (timebound)",
        "Remove member from role (PIM activation expired)",
        "Remove member from role",
    ],
)
def test_a_request_an_eligibility_and_an_end_are_no_grants(activity: str) -> None:
    event = only_event(entra, a_pim_grant(activity), tenant_id="acme")

    assert isinstance(event, ActionPerformed)
    assert event.data.action == activity


@pytest.mark.parametrize(
    ("role", "template", "privileged"),
    [
        ("Directory Readers", "88d8e3e3-8f55-4a1e-953a-9b9898b8876b", False),
        ("Renamed", "E8611AB8-C189-46E8-94E1-60213AB1F814", True),
        ("Company Administrator", "", True),
        ("Reader", "", False),
    ],
)
def test_a_role_is_privileged_by_its_template_or_else_by_its_name(role: str, template: str, privileged: object) -> None:
    assert only_event(entra, a_direct_grant(role, template), tenant_id="acme").data.privileged is privileged


@pytest.mark.parametrize(("role", "privileged"), [("Owner", True), ("Reader", False)])
def test_a_role_of_azure_resources_is_privileged_by_its_name(role: str, privileged: object) -> None:
    record = a_pim_grant("Add member to role in PIM completed (timebound)", category="ResourceManagement")
    record["targetResources"][0] |= {"displayName": role, "modifiedProperties": []}

    assert only_event(entra, record, tenant_id="acme").data.privileged is privileged


@pytest.mark.parametrize("targets", [[], [a_target("Role", displayName="Reader")], [a_target()]])
def test_a_grant_that_does_not_name_role_and_receiver_is_an_action_and_remarked(targets: list[Any]) -> None:
    conversion = converted(entra, a_direct_grant() | {"targetResources": targets}, tenant_id="acme")

    assert isinstance(conversion.events[0], ActionPerformed)
    assert conversion.remarks == ("the role or its receiver is not named: targetResources",)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"result": "unknownFutureValue"}, "no-outcome"),
        ({"initiatedBy": {}}, "no-principal"),
        ({"activityDateTime": "2024-12-16 16:32:16.087"}, "bad-time"),
        ({"id": ""}, "missing-field"),
    ],
)
def test_a_record_of_another_shape_is_unread_with_a_reason(changes: dict[str, Any], code: str) -> None:
    result = entra.convert(an_audit(**changes), tenant_id="acme")

    assert isinstance(result, Unread)
    assert result.code == code
