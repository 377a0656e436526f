"""Who receives which role by an AWS call: after this, "privileged in AWS" is a list that can be read and disputed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from nuxari_events.adapters.fields import Fields

PRIVILEGED_POLICIES = frozenset(
    {
        "AdministratorAccess",
        "AdministratorAccess-Amplify",
        "AdministratorAccess-AWSElasticBeanstalk",
        "AWSCloudTrail_FullAccess",
        "AWSOrganizationsFullAccess",
        "AWSSSODirectoryAdministrator",
        "AWSSSOMasterAccountAdministrator",
        "AWSSSOMemberAccountAdministrator",
        "IAMFullAccess",
        "PowerUserAccess",
        "SystemAdministrator",
    }
)
"""AWS-managed policies that give administration of an account, of identities, or of the audit trail itself."""

PRIVILEGED_GROUPS = frozenset({"admin", "admins", "administrators", "poweruser", "powerusers"})
"""Group names (lower case) that AWS documents for administrators; the record does not say what a group may do."""

PRIVILEGED_ACTIONS = frozenset({"*", "*:*", "iam:*", "organizations:*"})
"""Actions (lower case) whose permission in an inline policy makes its holder privileged."""

_MANAGED_POLICY = re.compile(r"^arn:[a-z-]+:iam::aws:policy/(?:.*/)?([^/]+)$")
_ACCOUNT = re.compile(r"^(?:arn:[a-z-]+:(?:iam|sts)::)?(\d{12})(?::.*)?$")
_REQUEST = "requestParameters"


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A principal and what it received."""

    receiver: str
    role: str
    privileged: bool


@dataclass(frozen=True, kw_only=True)
class Account:
    """An AWS account, which gives its principals their names."""

    id: str
    partition: str
    """`aws`, `aws-cn` or `aws-us-gov`."""

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of an IAM `user`, `role` or `group` by its name.

        Requests name principals without their path, and names are unique in an account without it: a principal
        that was made under a path has a longer ARN in its own records.
        """
        return f"arn:{self.partition}:iam::{self.id}:{kind}/{name}"


def grants_of(fields: Fields, *, account: Account) -> tuple[Grant, ...]:
    """Return what a successful IAM or Identity Center call gave to whom; nothing where it gave no role or policy.

    Takes the request parameters that it used.
    """
    giver = _GIVERS.get((str(fields.look("eventSource")), str(fields.look("eventName"))))
    return tuple(giver(fields, account)) if giver else ()


def _attached(kind: str) -> Callable[[Fields, Account], Iterator[Grant]]:
    def given(fields: Fields, account: Account) -> Iterator[Grant]:
        name, policy = fields.look_text(_REQUEST, f"{kind}Name"), fields.look_text(_REQUEST, "policyArn")
        if name and policy:
            _take(fields, f"{kind}Name", "policyArn")
            yield Grant(receiver=account.arn(kind, name), role=policy, privileged=_is_privileged_policy(policy))

    return given


def _is_privileged_policy(arn: str) -> bool:
    managed = _MANAGED_POLICY.match(arn)
    return managed is not None and managed[1] in PRIVILEGED_POLICIES


def _inline(kind: str) -> Callable[[Fields, Account], Iterator[Grant]]:
    def given(fields: Fields, account: Account) -> Iterator[Grant]:
        name, policy = fields.look_text(_REQUEST, f"{kind}Name"), fields.look_text(_REQUEST, "policyName")
        if name and policy:
            _take(fields, f"{kind}Name", "policyName")
            allowed = [_allows_administration(one) for one in _allowing(fields, "policyDocument")]
            yield Grant(receiver=account.arn(kind, name), role=f"inline-policy/{policy}", privileged=any(allowed))

    return given


def _allows_administration(statement: Mapping[str, object]) -> bool:
    if "NotAction" in statement:  # everything but a few
        return True
    return any(action.lower() in PRIVILEGED_ACTIONS for action in _texts(statement.get("Action")))


def _joined_group(fields: Fields, account: Account) -> Iterator[Grant]:
    user, group = fields.look_text(_REQUEST, "userName"), fields.look_text(_REQUEST, "groupName")
    if user and group:
        _take(fields, "userName", "groupName")
        privileged = group.lower() in PRIVILEGED_GROUPS
        yield Grant(receiver=account.arn("user", user), role=account.arn("group", group), privileged=privileged)


def _trusted(document: str) -> Callable[[Fields, Account], Iterator[Grant]]:
    """Whom a role lets in: anyone or another account is privileged, as the record does not say what the role may do."""

    def given(fields: Fields, account: Account) -> Iterator[Grant]:
        role = fields.look_text(_REQUEST, "roleName")
        principals = dict.fromkeys(p for one in _allowing(fields, document) for p in _aws_principals(one))
        for principal in principals if role else ():
            if not _is_whole_account(principal, account):
                _take(fields, "roleName", document)
                outside = _account_of(principal) != account.id
                yield Grant(receiver=principal, role=account.arn("role", str(role)), privileged=outside)

    return given


def _is_whole_account(principal: str, account: Account) -> bool:
    """Whether it is the role's own account, which lets in nobody before a policy of the account does."""
    return principal in {account.id, f"arn:{account.partition}:iam::{account.id}:root"}


def _account_of(principal: str) -> str | None:
    found = _ACCOUNT.match(principal)
    return found[1] if found else None


def _aws_principals(statement: Mapping[str, object]) -> Iterator[str]:
    principal = statement.get("Principal")
    if isinstance(principal, Mapping):
        yield from _texts(principal.get("AWS"))
    elif principal == "*":
        yield "*"


def _account_assignment(fields: Fields, _: Account) -> Iterator[Grant]:
    receiver, role = fields.look_text(_REQUEST, "principalId"), fields.look_text(_REQUEST, "permissionSetArn")
    if receiver and role:  # the ARN does not say what the permission set allows
        _take(fields, "principalId", "permissionSetArn")
        yield Grant(receiver=receiver, role=role, privileged=False)


def _allowing(fields: Fields, parameter: str) -> Iterator[Mapping[str, object]]:
    """The `Allow` statements of a policy document; one that cannot be read allows nothing and is remarked."""
    text = fields.look_text(_REQUEST, parameter)
    try:
        document = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        fields.remark("not read as a policy", _REQUEST, parameter)
        return
    statements = document.get("Statement") if isinstance(document, Mapping) else None
    for statement in statements if isinstance(statements, list) else [statements]:
        if isinstance(statement, Mapping) and statement.get("Effect") == "Allow":
            yield statement


def _texts(value: object) -> list[str]:
    """A policy writes one value as itself and several as a list."""
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _take(fields: Fields, *parameters: str) -> None:
    for parameter in parameters:
        fields.take(_REQUEST, parameter)


_IAM = "iam.amazonaws.com"
_GIVERS: Mapping[tuple[str, str], Callable[[Fields, Account], Iterator[Grant]]] = {
    (_IAM, "AttachUserPolicy"): _attached("user"),
    (_IAM, "AttachRolePolicy"): _attached("role"),
    (_IAM, "AttachGroupPolicy"): _attached("group"),
    (_IAM, "PutUserPolicy"): _inline("user"),
    (_IAM, "PutRolePolicy"): _inline("role"),
    (_IAM, "PutGroupPolicy"): _inline("group"),
    (_IAM, "AddUserToGroup"): _joined_group,
    (_IAM, "CreateRole"): _trusted("assumeRolePolicyDocument"),
    (_IAM, "UpdateAssumeRolePolicy"): _trusted("policyDocument"),
    ("sso.amazonaws.com", "CreateAccountAssignment"): _account_assignment,
}
