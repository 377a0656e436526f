"""AWS CloudTrail records as `access.activity`: after this, nobody reads `userIdentity` or `responseElements` again.

The format is that of the CloudTrail record reference, `eventVersion` 1.x. What becomes what:

* `ConsoleLogin`: `SignInCompleted`, administrative, as the console is where an account is administered.
* a successful call that gives a role or policy to a principal (`aws_grants`): one `RoleGranted` for each receiver.
* every other call: `ActionPerformed` with the action `service:EventName`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nuxari_events.access import (
    ActionData,
    ActionPerformed,
    Outcome,
    RoleGrantData,
    RoleGranted,
    SignInCompleted,
    SignInData,
    SignInFlow,
)
from nuxari_events.adapters.aws_grants import Account, Grant, grants_of
from nuxari_events.adapters.conversion import Conversion, Unread
from nuxari_events.adapters.fields import TEXT_LENGTH, Fields
from nuxari_events.adapters.reading import UnreadableError, conversion_of, is_ip, moment_of, needed, needed_time
from nuxari_events.envelope import Event

HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"
"""What AWS writes for a user name that does not exist: it stands for many people, so it is nobody's id."""

ANONYMOUS = "ANONYMOUS_PRINCIPAL"
"""What AWS writes for a call that nobody signed."""

CONSOLE = "AWS Management Console"

_ACCOUNT = re.compile(r"^\d{12}$")
_REGION = re.compile(r"^[a-z]{2}(?:-[a-z]+){1,2}-\d{1,2}$")
_SERVICE = re.compile(r"^(?:[a-z0-9-]+\.)+amazonaws\.com(?:\.cn)?$|^AWS Internal$")
_PARTITION = re.compile(r"^arn:(aws[a-z-]*):")
_NAMED_BY = ("name", "secretId", "imageId", "instanceId", "bucketName", "functionName", "keyId", "tableName")
"""Request parameters that name what was acted on, in the order they are tried after ARNs."""

_SAID_BY_ARN = {
    "AssumedRole": ":assumed-role/",
    "FederatedUser": ":federated-user/",
    "IAMUser": ":user/",
    "Root": ":root",
}
"""Types of principals that their ARN tells: the field adds nothing to it."""

_PART_LENGTH = 100
"""So that account, region and name of a resource together fit into the contract's 256 characters."""

_USER = "userIdentity"
_REQUEST = "requestParameters"


@dataclass(frozen=True, kw_only=True)
class _Head:
    """What every event of one record shares."""

    id: str
    time: datetime
    account: Account
    tenant_id: str
    user_id: str

    def envelope(self, *, subject: str, index: int = 0) -> dict[str, Any]:
        return {
            "id": f"{self.id}/{index}" if index else self.id,
            "source": f"/connectors/aws/{self.account.id}",
            "time": self.time,
            "subject": subject,
            "tenantid": self.tenant_id,
            "actorid": self.user_id,
        }


def convert(record: Mapping[str, object], *, tenant_id: str | None = None) -> Conversion | Unread:
    """Return the record as events, or why it is none.

    Nothing is guessed: a value that is not well formed is kept as text and remarked, a field without a place in
    the contract is named in `dropped`, and a record without an id, a time, an account or a principal is unread.
    `user_id` is the principal's ARN where there is one. Without a tenant, the account is the tenant: `aws-<account>`.
    """
    return conversion_of(record, lambda fields: _events(fields, _head(fields, tenant_id)))


def moment(record: Mapping[str, object]) -> datetime | None:
    """Return when it happened; None where the record does not say."""
    return moment_of(record.get("eventTime"))


def _head(fields: Fields, tenant_id: str | None) -> _Head:
    _refuse_other_shapes(fields)
    account = _account(fields)
    fields.take("eventID")
    return _Head(
        id=needed(fields, "eventID"),
        time=needed_time(fields, "eventTime"),
        account=account,
        tenant_id=tenant_id or f"aws-{account.id}",
        user_id=_principal(fields, account),
    )


def _refuse_other_shapes(fields: Fields) -> None:
    version = fields.look_text("eventVersion")
    if version is None or not version.startswith("1."):
        raise UnreadableError("unknown-version", "eventVersion: 1.x is read")
    if fields.look("eventCategory") == "Insight":
        raise UnreadableError("no-single-access", "eventCategory: an Insight record sums up many calls")
    needed(fields, "eventSource")
    needed(fields, "eventName")


def _account(fields: Fields) -> Account:
    """The account that the record was delivered to; records before version 1.02 name only the caller's."""
    account = fields.text("recipientAccountId") or fields.look_text(_USER, "accountId")
    if account is None or not _ACCOUNT.match(account):
        raise UnreadableError("no-account", "recipientAccountId: an account id of 12 digits is needed")
    if fields.look(_USER, "accountId") == account:
        fields.take(_USER, "accountId")
    partition = _PARTITION.match(fields.look_text(_USER, "arn") or "")
    return Account(id=account, partition=partition[1] if partition else "aws")


def _principal(fields: Fields, account: Account) -> str:
    """The id of who called: an ARN names a user, a root, and a role together with its session."""
    found = fields.text(_USER, "arn") or _principal_without_arn(fields, account)
    if found is None:
        raise UnreadableError("no-principal", "userIdentity: it names nobody")
    told = _SAID_BY_ARN.get(str(fields.look(_USER, "type")))
    if told is not None and told in found:
        fields.take(_USER, "type")
    for said_again in ((_USER, "userName"), (_USER, "sessionContext", "sessionIssuer", "userName")):
        if fields.look(*said_again) in found.split("/"):
            fields.take(*said_again)
    return found


def _principal_without_arn(fields: Fields, account: Account) -> str | None:
    match fields.look(_USER, "type"):
        case "AWSService":
            return fields.text(_USER, "invokedBy")
        case "Root":
            return f"arn:{account.partition}:iam::{account.id}:root"
        case "IAMUser" if (name := fields.look_text(_USER, "userName")) and name != HIDDEN:
            fields.take(_USER, "userName")
            return account.arn("user", name)
        case "IdentityCenterUser":
            return fields.text(_USER, "onBehalfOf", "userId")
        case _:
            return _by_principal_id(fields)


def _by_principal_id(fields: Fields) -> str | None:
    known = fields.look(_USER, "accountId") != ANONYMOUS and fields.look(_USER, "userName") != HIDDEN
    return fields.text(_USER, "principalId") if known else None


def _events(fields: Fields, head: _Head) -> tuple[Event, ...]:
    origin = _origin(fields)
    if (fields.look("eventSource"), fields.look("eventName")) == ("signin.amazonaws.com", "ConsoleLogin"):
        return (_sign_in(fields, head, origin),)
    failed = fields.look_text("errorCode") is not None
    grants = () if failed else grants_of(fields, account=head.account)
    if grants:
        return tuple(_role_granted(head, origin, grant, index) for index, grant in enumerate(grants))
    return (_action(fields, head, origin, failed=failed),)


def _origin(fields: Fields) -> dict[str, str | None]:
    return {
        "ip": fields.name("sourceIPAddress", well_formed=_is_address),
        "user_agent": fields.name("userAgent", limit=TEXT_LENGTH),
    }


def _is_address(value: str) -> bool:
    """Whether it is an address, or the name of the AWS service that called (so the reference)."""
    return is_ip(value) or _SERVICE.match(value) is not None


def _sign_in(fields: Fields, head: _Head, origin: dict[str, Any]) -> SignInCompleted:
    fields.take("eventSource")
    fields.take("eventName")
    outcome = _sign_in_outcome(fields)
    federated = fields.look_text(_USER, "type") not in {"IAMUser", "Root"}
    data = SignInData(
        user_id=head.user_id,
        outcome=outcome,
        flow=SignInFlow.SINGLE_SIGN_ON if federated else SignInFlow.INTERACTIVE,
        mfa=_mfa(fields, federated=federated),
        administrative=True,
        application=CONSOLE,
        failure_reason=fields.name("errorMessage") if outcome is Outcome.FAILURE else None,
        **origin,
    )
    return SignInCompleted(**head.envelope(subject=head.user_id), data=data)


def _sign_in_outcome(fields: Fields) -> Outcome:
    match fields.text("responseElements", "ConsoleLogin"):
        case "Success":
            return Outcome.SUCCESS
        case "Failure":
            return Outcome.FAILURE
        case _:
            raise UnreadableError("no-outcome", "responseElements.ConsoleLogin: Success or Failure is needed")


def _mfa(fields: Fields, *, federated: bool) -> bool | None:
    """What AWS says of MFA. Its `No` for a federated sign-in is not taken: the second factor was the provider's."""
    said = {"Yes": True, "No": False}.get(fields.look_text("additionalEventData", "MFAUsed") or "")
    if said is None or (federated and not said):
        return None
    fields.take("additionalEventData", "MFAUsed")
    return said


def _role_granted(head: _Head, origin: dict[str, Any], grant: Grant, index: int) -> RoleGranted:
    data = RoleGrantData(
        user_id=grant.receiver,
        role=grant.role,
        privileged=grant.privileged,
        system=f"aws:{head.account.id}",
        **origin,
    )
    return RoleGranted(**head.envelope(subject=grant.receiver, index=index), data=data)


def _action(fields: Fields, head: _Head, origin: dict[str, Any], *, failed: bool) -> ActionPerformed:
    service = str(fields.text("eventSource")).removesuffix(".amazonaws.com")
    data = ActionData(
        user_id=head.user_id,
        action=f"{service}:{fields.text('eventName')}",
        resource=_resource(fields, head.account),
        outcome=Outcome.FAILURE if failed else Outcome.SUCCESS,
        credential_id=fields.name(_USER, "accessKeyId") or fields.name(_USER, "credentialId"),
        **origin,
    )
    return ActionPerformed(**head.envelope(subject=head.user_id), data=data)


def _resource(fields: Fields, account: Account) -> str:
    """What was acted on: an ARN of the record, or `aws:<account>:<region>` and the name that the request gives."""
    arn = _named_arn(fields)
    if arn is not None:
        return arn
    region = fields.name("awsRegion", limit=_PART_LENGTH, well_formed=lambda value: _REGION.match(value) is not None)
    parts = ("aws", account.id, region, _named(fields))
    return ":".join(part for part in parts if part)


def _named_arn(fields: Fields) -> str | None:
    resources = fields.each("resources")
    if len(resources) == 1:
        found = resources[0].name("ARN")
        if found is not None:
            return found
    return _arn_of_the_request(fields)


def _arn_of_the_request(fields: Fields) -> str | None:
    request = fields.look(_REQUEST)
    arns = [key for key in request if str(key).endswith(("Arn", "ARN"))] if isinstance(request, Mapping) else []
    return fields.name(_REQUEST, arns[0]) if len(arns) == 1 else None


def _named(fields: Fields) -> str | None:
    is_iam = fields.look("eventSource") == "iam.amazonaws.com"
    for kind in ("user", "role", "group") if is_iam else ():
        name = fields.name(_REQUEST, f"{kind}Name", limit=_PART_LENGTH)
        if name:
            return f"{kind}/{name}"
    return next((name for key in _NAMED_BY if (name := fields.name(_REQUEST, key, limit=_PART_LENGTH))), None)
