"""What administrators did in connected systems: accounts, roles, credentials, secrets and policies there."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from nuxari_events.access import MfaMethod, Origin, Outcome
from nuxari_events.credentials import CredentialKind
from nuxari_events.envelope import Event, Name
from nuxari_events.policies import PolicyChangeData


class AccountChange(StrEnum):
    """What was changed of an account; the words of OCSF's class Account Change, and the reset of all factors."""

    CREATED = "created"
    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"
    LOCKED = "locked"
    UNLOCKED = "unlocked"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - the name of a change
    """By its owner, who knew the old one."""
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a change
    """Without the old one: by an administrator or a recovery."""
    FACTOR_ENROLLED = "factor_enrolled"
    FACTOR_REMOVED = "factor_removed"
    MFA_RESET = "mfa_reset"
    """All second factors were removed, so that the next sign-in enrols again."""


class AccountChangeData(Origin):
    """One change of an account; the origin is that of whoever made it, who is the event's `actorid`."""

    user_id: Name
    """Whose account it is."""
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    change: AccountChange
    system: Name | None = None
    """Where, such as `okta:northwind`."""
    method: MfaMethod | None = None
    """Of the factor that was enrolled or removed."""
    factor_id: Name | None = None
    """The factor that was enrolled or removed, such as a phone: the same for everybody who enrols it, and no number or
    other datum of a person, but for example a keyed hash of it."""
    privileged: bool | None = None
    """Whether the account holds administrative roles or is kept for emergencies; None where the source does not say."""
    reason: Name | None = None
    """Why, in the source's own words or code."""


class AccountChanged(Event):
    """An account in a connected system was created, changed or ended."""

    type: Literal["nuxari.access.account_changed.v1"] = "nuxari.access.account_changed.v1"
    data: AccountChangeData


class RoleRemovalData(Origin):
    """One role or policy taken away in a connected system; who took it away is the event's `actorid`."""

    user_id: Name
    """Who lost it."""
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    role: Name
    privileged: bool
    system: Name
    """Where, such as `aws:123456789012`."""
    pim_request_id: Name | None = None
    """The PIM request whose end the removal carries out; None means it was made around PIM."""


class RoleRemoved(Event):
    """A role was taken away from someone in a connected system."""

    type: Literal["nuxari.access.role_removed.v1"] = "nuxari.access.role_removed.v1"
    data: RoleRemovalData


class CredentialCreationData(Origin):
    """One new credential, or one new version of it; the origin is that of whoever made it, the event's `actorid`."""

    credential_id: Name
    version_id: Name | None = None
    kind: CredentialKind | None = None
    user_id: Name | None = None
    """The principal that it is for."""
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    system: Name | None = None
    """Where, such as `aws:123456789012`."""
    administrative: bool | None = None
    """Whether it opens an administrative interface; None where the source does not say."""
    network_restricted: bool | None = None
    """Whether it works from listed networks alone; None where the source does not say."""


class CredentialCreated(Event):
    """A key, token, secret or certificate was made in a connected system."""

    type: Literal["nuxari.access.credential_created.v1"] = "nuxari.access.credential_created.v1"
    data: CredentialCreationData


class SecretReadData(Origin):
    """One read of the value of one secret; a batch is as many events."""

    user_id: Name
    """The principal that read it."""
    user_name: Name | None = None
    """The name of the account beside its id, such as `ada@example.com`, where the source gives both."""
    secret_id: Name
    version_id: Name | None = None
    system: Name | None = None
    """The store, such as `vault:prod` or `aws:123456789012`."""
    credential_id: Name | None = None
    """With which credential."""
    outcome: Outcome = Outcome.SUCCESS
    application: Name | None = None


class SecretRead(Event):
    """The value of a secret was read from its store, or was refused."""

    type: Literal["nuxari.access.secret_read.v1"] = "nuxari.access.secret_read.v1"
    data: SecretReadData


class AccessPolicyData(PolicyChangeData, Origin):
    """One change of a security policy; the origin is that of whoever made it, who is the event's `actorid`."""

    system: Name | None = None
    """Where, such as `entra:contoso`."""


class AccessPolicyChanged(Event):
    """A security policy of a connected system was changed."""

    type: Literal["nuxari.access.policy_changed.v1"] = "nuxari.access.policy_changed.v1"
    data: AccessPolicyData
