"""CloudTrail records become `access.activity`, and what does not come along is named."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nuxari_events import wire
from nuxari_events.access import ActionPerformed, Outcome, RoleGranted, SignInCompleted, SignInFlow
from nuxari_events.adapters.cloudtrail import convert
from nuxari_events.adapters.conversion import Conversion, Unread
from nuxari_events.topics import ACCESS_ACTIVITY

DATA = Path(__file__).parent / "data" / "cloudtrail"
REAL = [(path.name, record) for path in sorted(DATA.glob("*.json")) for record in json.loads(path.read_text())]
ACCOUNT = "123456789012"
ALICE = f"arn:aws:iam::{ACCOUNT}:user/alice"


def a_record(**changes: Any) -> dict[str, Any]:
    record: dict[str, Any] = {
        "eventVersion": "1.11",
        "eventID": "6f1f9bd1-4f41-4c4b-9d92-3b7d3d0d6a01",
        "eventTime": "2025-06-03T09:00:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "ListUsers",
        "awsRegion": "eu-central-1",
        "sourceIPAddress": "192.0.2.7",
        "userAgent": "aws-cli/2.27",
        "recipientAccountId": ACCOUNT,
        "userIdentity": {"type": "IAMUser", "arn": ALICE, "accountId": ACCOUNT, "userName": "alice"},
        "requestParameters": None,
        "responseElements": None,
    }
    return record | changes


def a_console_login(**changes: Any) -> dict[str, Any]:
    return a_record(
        eventSource="signin.amazonaws.com",
        eventName="ConsoleLogin",
        **{
            "responseElements": {"ConsoleLogin": "Success"},
            "additionalEventData": {"MFAUsed": "Yes"},
            **changes,
        },
    )


def an_iam_call(name: str, **parameters: Any) -> dict[str, Any]:
    return a_record(eventName=name, requestParameters=parameters)


def converted(record: dict[str, Any]) -> Conversion:
    result = convert(record)
    assert isinstance(result, Conversion), result
    return result


def only_event(record: dict[str, Any]) -> Any:
    (event,) = converted(record).events
    return event


def granted(record: dict[str, Any]) -> list[tuple[str, str, bool]]:
    events = converted(record).events
    return [(one.data.user_id, one.data.role, one.data.privileged) for one in events if isinstance(one, RoleGranted)]


def real(name: str) -> list[Any]:
    return [event for file, record in REAL if name in file for event in converted(record).events]


def paths(value: object, path: tuple[str, ...] = ()) -> Iterator[str]:
    match value:
        case dict():
            for key, below in value.items():
                yield from paths(below, (*path, key))
        case list():
            for below in value:
                yield from paths(below, (*path[:-1], f"{path[-1]}[]"))
        case None | "":
            return
        case _:
            yield ".".join(path)


@pytest.mark.parametrize(("file", "record"), REAL)
def test_every_real_record_is_read_and_reads_back_from_the_topic(file: str, record: dict[str, Any]) -> None:
    (event,) = converted(record).events

    assert event.id == record["eventID"]
    assert event.source == f"/connectors/aws/{record['recipientAccountId']}"
    assert event.tenantid == f"aws-{record['recipientAccountId']}"
    encoded = wire.encode(event)
    assert encoded.topic == ACCESS_ACTIVITY.name, file
    assert wire.decode(ACCESS_ACTIVITY, value=encoded.value, headers=encoded.headers) == event


@pytest.mark.parametrize(("file", "record"), REAL)
def test_every_field_of_a_real_record_is_dropped_by_name_or_changes_the_events(
    file: str, record: dict[str, Any]
) -> None:
    conversion = converted(record)

    for path in set(paths(record)) - set(conversion.dropped):
        assert convert(_with_another_value(record, path)) != conversion, f"{file}: {path} is neither mapped nor dropped"


def _with_another_value(record: dict[str, Any], path: str) -> dict[str, Any]:
    changed = copy.deepcopy(record)
    *above, last = path.split(".")
    place: Any = changed
    for key in above:
        place = place[key.removesuffix("[]")][0] if key.endswith("[]") else place[key]
    place[last] = "2001-01-01T00:00:00Z" if last == "eventTime" else "999999999999"
    return changed


def test_the_console_login_without_mfa_is_an_administrative_sign_in_without_a_second_factor() -> None:
    (sign_in,) = real("console-login-without-mfa")

    assert isinstance(sign_in, SignInCompleted)
    assert sign_in.time == datetime(2024, 8, 2, 8, 53, 24, tzinfo=UTC)
    assert (sign_in.data.administrative, sign_in.data.mfa) == (True, False)
    assert (sign_in.data.outcome, sign_in.data.flow) == (Outcome.SUCCESS, SignInFlow.INTERACTIVE)
    assert sign_in.data.user_id == "arn:aws:iam::562283505220:user/stratus-red-team-nmfalu-jfzdtsvchl"


def test_the_admin_user_technique_grants_a_privileged_role_outside_pim() -> None:
    grant, *others = real("iam-create-admin-user")

    assert isinstance(grant, RoleGranted)
    assert grant.data.privileged
    assert grant.data.pim_request_id is None
    assert grant.data.user_id == "arn:aws:iam::229654561268:user/malicious-iam-user"
    assert grant.actorid == "arn:aws:iam::229654561268:user/christophe"
    assert grant.data.system == "aws:229654561268"
    assert [event.data.action for event in others] == ["iam:CreateAccessKey", "iam:CreateUser"]


def test_the_backdoored_role_lets_in_another_account() -> None:
    (grant,) = real("iam-backdoor-role")

    assert grant.data.user_id == "arn:aws:iam::193672423079:root"
    assert grant.data.role.endswith(":role/stratus-red-team-backdoor-r-role")
    assert grant.data.privileged


def test_a_refused_call_is_a_failed_action_with_the_session_it_was_made_in() -> None:
    refused = next(event for event in real("organizations-leave") if event.data.outcome is Outcome.FAILURE)

    assert isinstance(refused, ActionPerformed)
    assert refused.data.action == "organizations:LeaveOrganization"
    assert refused.data.user_id.endswith("assumed-role/stratus-red-team-leave-org-role/aws-go-sdk-1722587398902687000")
    assert refused.data.credential_id == "ASIA36EV31F1RB3OA8IG"


def test_values_that_are_not_well_formed_are_kept_and_remarked() -> None:
    (file_record,) = [record for file, record in REAL if "cloudtrail-delete" in file]

    conversion = converted(file_record)

    (event,) = conversion.events
    assert event.data.ip == "08.1.250.216"
    assert ":megov-westwest-1r:" in event.data.resource
    assert conversion.remarks == ("kept as it is: sourceIPAddress", "kept as it is: awsRegion")


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::1", "ec2.amazonaws.com", "AWS Internal"])
def test_addresses_and_names_of_services_are_well_formed(address: str) -> None:
    conversion = converted(a_record(sourceIPAddress=address))

    assert conversion.events[0].data.ip == address
    assert conversion.remarks == ()


def test_a_failed_console_login_says_why() -> None:
    record = a_console_login(responseElements={"ConsoleLogin": "Failure"}, errorMessage="Failed authentication")

    sign_in = only_event(record)

    assert (sign_in.data.outcome, sign_in.data.failure_reason) == (Outcome.FAILURE, "Failed authentication")


def test_a_failed_console_login_that_names_no_arn_belongs_to_the_user_it_names() -> None:
    identity = {"type": "IAMUser", "accountId": ACCOUNT, "accessKeyId": "", "userName": "alice"}

    assert only_event(a_console_login(userIdentity=identity)).data.user_id == ALICE


def test_an_unknown_user_name_is_nobody() -> None:
    identity = {"type": "IAMUser", "accountId": ACCOUNT, "userName": "HIDDEN_DUE_TO_SECURITY_REASONS"}

    assert convert(a_console_login(userIdentity=identity)) == Unread(
        code="no-principal", detail="userIdentity: it names nobody"
    )


def test_the_second_factor_of_a_federated_login_is_not_known() -> None:
    identity = {"type": "AssumedRole", "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/alice"}

    sign_in = only_event(a_console_login(userIdentity=identity, additionalEventData={"MFAUsed": "No"}))

    assert (sign_in.data.mfa, sign_in.data.flow) == (None, SignInFlow.SINGLE_SIGN_ON)


@pytest.mark.parametrize(
    ("identity", "user_id"),
    [
        ({"type": "Root", "accountId": ACCOUNT}, f"arn:aws:iam::{ACCOUNT}:root"),
        ({"type": "AWSService", "invokedBy": "cloudtrail.amazonaws.com"}, "cloudtrail.amazonaws.com"),
        ({"type": "IdentityCenterUser", "onBehalfOf": {"userId": "544894e8-80c1"}}, "544894e8-80c1"),
        ({"type": "WebIdentityUser", "principalId": "accounts.example:app:4711"}, "accounts.example:app:4711"),
        ({"type": "AWSAccount", "accountId": "999999999999", "principalId": "AIDAOTHER"}, "AIDAOTHER"),
    ],
)
def test_principals_without_an_arn_keep_the_id_they_have(identity: dict[str, Any], user_id: str) -> None:
    assert only_event(a_record(userIdentity=identity)).data.user_id == user_id


ADMIN = "arn:aws:iam::aws:policy/AdministratorAccess"
READER = "arn:aws:iam::aws:policy/ReadOnlyAccess"
HOME_MADE = f"arn:aws:iam::{ACCOUNT}:policy/AdministratorAccess"
EVERYTHING = json.dumps({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
ALL_BUT = json.dumps({"Statement": [{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}]})
READING = json.dumps({"Statement": [{"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "*"}]})
DENYING = json.dumps({"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]})


@pytest.mark.parametrize(
    ("record", "grant"),
    [
        (an_iam_call("AttachUserPolicy", userName="bob", policyArn=ADMIN), ("user/bob", ADMIN, True)),
        (an_iam_call("AttachRolePolicy", roleName="job", policyArn=ADMIN), ("role/job", ADMIN, True)),
        (an_iam_call("AttachGroupPolicy", groupName="ops", policyArn=READER), ("group/ops", READER, False)),
        (an_iam_call("AttachUserPolicy", userName="bob", policyArn=HOME_MADE), ("user/bob", HOME_MADE, False)),
        (
            an_iam_call("PutUserPolicy", userName="bob", policyName="p", policyDocument=EVERYTHING),
            ("user/bob", "inline-policy/p", True),
        ),
        (
            an_iam_call("PutRolePolicy", roleName="job", policyName="p", policyDocument=ALL_BUT),
            ("role/job", "inline-policy/p", True),
        ),
        (
            an_iam_call("PutGroupPolicy", groupName="ops", policyName="p", policyDocument=READING),
            ("group/ops", "inline-policy/p", False),
        ),
        (
            an_iam_call("PutUserPolicy", userName="bob", policyName="p", policyDocument=DENYING),
            ("user/bob", "inline-policy/p", False),
        ),
        (
            an_iam_call("AddUserToGroup", userName="bob", groupName="Administrators"),
            ("user/bob", f"arn:aws:iam::{ACCOUNT}:group/Administrators", True),
        ),
        (
            an_iam_call("AddUserToGroup", userName="bob", groupName="readers"),
            ("user/bob", f"arn:aws:iam::{ACCOUNT}:group/readers", False),
        ),
    ],
)
def test_a_role_given_to_a_principal_is_privileged_by_the_list(
    record: dict[str, Any], grant: tuple[str, str, bool]
) -> None:
    receiver, role, privileged = grant

    assert granted(record) == [(f"arn:aws:iam::{ACCOUNT}:{receiver}", role, privileged)]


def test_a_role_that_lets_in_several_makes_an_event_for_each_under_its_own_id() -> None:
    trust = {
        "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": [ALICE, "999999999999", f"arn:aws:iam::{ACCOUNT}:root"]}},
            {"Effect": "Allow", "Principal": "*"},
            {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}},
            {"Effect": "Deny", "Principal": {"AWS": "888888888888"}},
        ]
    }
    record = an_iam_call("CreateRole", roleName="door", assumeRolePolicyDocument=json.dumps(trust))

    assert [(user, privileged) for user, _, privileged in granted(record)] == [
        (ALICE, False),
        ("999999999999", True),
        ("*", True),
    ]
    assert len({event.id for event in converted(record).events}) == 3


def test_a_role_for_a_service_alone_is_an_action() -> None:
    trust = json.dumps({"Statement": {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}})

    event = only_event(an_iam_call("CreateRole", roleName="job", assumeRolePolicyDocument=trust))

    assert (event.data.action, event.data.resource) == ("iam:CreateRole", f"aws:{ACCOUNT}:eu-central-1:role/job")


def test_a_refused_grant_gave_nothing() -> None:
    event = only_event(an_iam_call("AttachUserPolicy", userName="bob", policyArn=ADMIN) | {"errorCode": "AccessDenied"})

    assert isinstance(event, ActionPerformed)
    assert event.data.outcome is Outcome.FAILURE


def test_a_policy_that_cannot_be_read_is_unprivileged_and_remarked() -> None:
    conversion = converted(an_iam_call("PutUserPolicy", userName="bob", policyName="p", policyDocument="{"))

    assert [event.data.privileged for event in conversion.events if isinstance(event, RoleGranted)] == [False]
    assert conversion.remarks == ("not read as a policy: requestParameters.policyDocument",)
    assert "requestParameters.policyDocument" in conversion.dropped


def test_the_tenant_is_the_one_that_is_given() -> None:
    result = convert(a_record(), tenant_id="acme")

    assert isinstance(result, Conversion)
    assert result.events[0].tenantid == "acme"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"eventVersion": "2.0"}, "unknown-version"),
        ({"eventVersion": None}, "unknown-version"),
        ({"eventCategory": "Insight"}, "no-single-access"),
        ({"eventID": None}, "missing-field"),
        ({"eventID": "with a space"}, "outside-contract"),
        ({"eventName": 7}, "missing-field"),
        ({"eventTime": "yesterday"}, "bad-time"),
        ({"eventTime": "2025-06-03T09:00:00"}, "bad-time"),
        ({"recipientAccountId": "acme"}, "no-account"),
        ({"userIdentity": "alice"}, "no-principal"),
        ({"userIdentity": {"type": "AWSAccount", "accountId": "ANONYMOUS_PRINCIPAL"}}, "no-principal"),
        ({"userIdentity": {"type": "IAMUser", "arn": "a" * 300}}, "outside-contract"),
    ],
)
def test_a_record_of_another_shape_is_unread_with_a_reason(changes: dict[str, Any], code: str) -> None:
    result = convert(a_record(**changes))

    assert isinstance(result, Unread)
    assert result.code == code


def test_a_login_without_an_outcome_is_unread() -> None:
    assert convert(a_console_login(responseElements=None)) == Unread(
        code="no-outcome", detail="responseElements.ConsoleLogin: Success or Failure is needed"
    )


def test_a_value_the_contract_has_no_room_for_is_left_out_by_name() -> None:
    conversion = converted(a_record(userAgent="x" * 3000, sourceIPAddress="two\nlines"))

    assert (conversion.events[0].data.user_agent, conversion.events[0].data.ip) == (None, None)
    assert {"userAgent", "sourceIPAddress"} <= set(conversion.dropped)
    assert len(conversion.remarks) == 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=8), below, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*a_console_login(), "errorCode", "resources"]), json_values), st.booleans())
def test_no_record_whatever_it_holds_breaks_the_adapter(changes: dict[str, Any], is_login: bool) -> None:  # noqa: FBT001 - drawn
    record = (a_console_login() if is_login else a_record()) | changes

    result = convert(record)

    assert isinstance(result, Conversion | Unread)
    if isinstance(result, Conversion):
        assert set(result.dropped) <= set(paths(record))
