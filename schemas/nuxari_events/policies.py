"""Changes of security policy, wherever the policy is kept: what it governs, whom, and whether it got weaker."""

from __future__ import annotations

from enum import StrEnum

from nuxari_events.envelope import Name, Payload, Text


class PolicyKind(StrEnum):
    """What a policy governs."""

    MFA = "mfa"
    PASSWORD = "password"  # noqa: S105 - the name of a kind
    SIGN_IN = "sign_in"
    """Who may sign in, from where and by what flow; Entra ID calls it conditional access."""
    SESSION = "session"
    """How long sessions and tokens live, and what they are bound to."""
    NETWORK = "network"
    DOMAIN_ALLOWLIST = "domain_allowlist"
    AGENT_TOKEN = "agent_token"  # noqa: S105 - the name of a kind
    ROLE = "role"
    """Under which conditions a role may be held or activated."""
    APPROVAL = "approval"
    ROTATION = "rotation"
    OTHER = "other"


class PolicyScope(StrEnum):
    """Whom or what a policy is for."""

    TENANT = "tenant"
    ROLE = "role"
    GROUP = "group"
    USER = "user"
    APPLICATION = "application"
    OTHER = "other"


class PolicyChange(Payload):
    """A change of one policy document; who made it is the event's `actorid`."""

    policy_id: Name | None = None
    weakened: bool | None = None
    """Whether something is allowed now that was not before, or less is asked for; also true of a policy that was
    switched off or deleted. None where the source does not say."""
    version: Name | None = None
    """The version that counts from now on."""
    previous_version: Name | None = None
    summary: Text | None = None
    """What changed, for a person, such as `approvals needed: 2 -> 1`."""
    approval_request_id: Name | None = None
    """The approved request that the change carries out; None means that nobody approved it, or that it needs nobody."""


class PolicyChangeData(PolicyChange):
    """A change of a policy that may be of any kind."""

    policy: PolicyKind
    scope: PolicyScope | None = None
    scope_id: Name | None = None
    """The role, group, user or application that it is for, by its id."""
