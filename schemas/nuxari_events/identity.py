"""What identity announces: tenants, users, roles, factors, passwords, locks, policies and voided tokens."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from nuxari_events.envelope import Event, Name, Payload, Text, Timestamp
from nuxari_events.policies import PolicyChangeData


class TenantData(Payload):
    """A tenant."""

    name: Name


class TenantCreated(Event):
    """A tenant exists; `subject` is its id."""

    type: Literal["nuxari.identity.tenant_created.v1"] = "nuxari.identity.tenant_created.v1"
    data: TenantData


class UserData(Payload):
    """A user of the tenant. The address is the only personal datum that is announced."""

    user_id: Name
    email: Name


class UserInvited(Event):
    """A user was invited and has not accepted yet."""

    type: Literal["nuxari.identity.user_invited.v1"] = "nuxari.identity.user_invited.v1"
    data: UserData


class UserActivated(Event):
    """An invited user accepted, or a deactivated one was reactivated: the user may sign in."""

    type: Literal["nuxari.identity.user_activated.v1"] = "nuxari.identity.user_activated.v1"
    data: UserData


class DeactivationData(Payload):
    """Who was deactivated and why."""

    user_id: Name
    reason: Text | None = None


class UserDeactivated(Event):
    """A user may no longer sign in; every token, activation and assignment of theirs is void from `time`."""

    type: Literal["nuxari.identity.user_deactivated.v1"] = "nuxari.identity.user_deactivated.v1"
    data: DeactivationData


class AssignmentOrigin(StrEnum):
    """How an assignment came about."""

    BOOTSTRAP = "bootstrap"
    """The first owner of a new tenant."""
    DIRECT = "direct"
    """Given by hand, outside PIM."""
    PIM = "pim"
    """Carries out a PIM activation, named in `activation_id`."""


class RoleData(Payload):
    """One role of one user."""

    user_id: Name
    role: Name
    origin: AssignmentOrigin = AssignmentOrigin.DIRECT
    activation_id: Name | None = None
    ends_at: Timestamp | None = None
    """When it ends by itself; None for a permanent assignment."""


class RoleAssigned(Event):
    """A user received a role."""

    type: Literal["nuxari.identity.role_assigned.v1"] = "nuxari.identity.role_assigned.v1"
    data: RoleData


class RoleRevoked(Event):
    """A user lost a role, by hand, by the end of its activation, or by its deadline."""

    type: Literal["nuxari.identity.role_revoked.v1"] = "nuxari.identity.role_revoked.v1"
    data: RoleData


class FactorData(Payload):
    """One authentication factor of a user; never the factor's secret."""

    user_id: Name
    factor_id: Name
    method: Literal["totp", "webauthn", "recovery_codes"]
    fingerprint: Name | None = None
    """Of the phone or device that it lives on: the same for everybody who enrols it, and different in every tenant. A
    keyed hash, from which nobody learns the device or its number; None where the device does not tell."""


class FactorEnrolled(Event):
    """A user enrolled and confirmed a second factor."""

    type: Literal["nuxari.identity.factor_enrolled.v1"] = "nuxari.identity.factor_enrolled.v1"
    data: FactorData


class FactorRemovalData(FactorData):
    """One factor that a user no longer has."""

    remaining: Annotated[int, Field(ge=0)] | None = None
    """How many confirmed factors the user still has."""


class FactorRemoved(Event):
    """A user no longer has one of their second factors; who removed it is `actorid`."""

    type: Literal["nuxari.identity.factor_removed.v1"] = "nuxari.identity.factor_removed.v1"
    data: FactorRemovalData


class MfaResetData(Payload):
    """Whose second factors were removed, and why."""

    user_id: Name
    factors_removed: Annotated[int, Field(ge=0)] | None = None
    reason: Text | None = None


class MfaReset(Event):
    """An administrator, who is `actorid`, removed all second factors of a user, who enrols anew at the next sign-in.

    It stands for all of them: no `FactorRemoved` is announced beside it.
    """

    type: Literal["nuxari.identity.mfa_reset.v1"] = "nuxari.identity.mfa_reset.v1"
    data: MfaResetData


class PasswordChangeData(Payload):
    """Whose password was changed; nothing of the password."""

    user_id: Name


class PasswordChanged(Event):
    """A user who knew the old password set a new one."""

    type: Literal["nuxari.identity.password_changed.v1"] = "nuxari.identity.password_changed.v1"
    data: PasswordChangeData


class PasswordResetWay(StrEnum):
    """How a password was set by somebody who did not show the old one."""

    LINK = "link"
    """By the one-time link that was sent to the user's address."""
    ADMINISTRATOR = "administrator"


class PasswordResetData(PasswordChangeData):
    """Whose password was reset and how."""

    way: PasswordResetWay | None = None


class PasswordReset(Event):
    """A new password was set without the old one."""

    type: Literal["nuxari.identity.password_reset.v1"] = "nuxari.identity.password_reset.v1"
    data: PasswordResetData


class LockReason(StrEnum):
    """Why an account was locked."""

    WRONG_PASSWORDS = "wrong_passwords"
    WRONG_CODES = "wrong_codes"
    ADMINISTRATOR = "administrator"


class LockData(Payload):
    """Whose account was locked, why and until when."""

    user_id: Name
    reason: LockReason | None = None
    ends_at: Timestamp | None = None
    """When it unlocks by itself; None: not by itself."""
    privileged: bool | None = None
    """Whether the account holds an administrative role or is kept for emergencies (break glass)."""


class UserLocked(Event):
    """A user cannot sign in for a while, whatever they present."""

    type: Literal["nuxari.identity.user_locked.v1"] = "nuxari.identity.user_locked.v1"
    data: LockData


class UnlockReason(StrEnum):
    """Why a lock is over."""

    EXPIRED = "expired"
    ADMINISTRATOR = "administrator"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - the name of a reason


class UnlockData(Payload):
    """Whose lock is over and why."""

    user_id: Name
    reason: UnlockReason | None = None


class UserUnlocked(Event):
    """A locked user may try to sign in again."""

    type: Literal["nuxari.identity.user_unlocked.v1"] = "nuxari.identity.user_unlocked.v1"
    data: UnlockData


class SecurityPolicyChanged(Event):
    """A policy that identity applies was changed: MFA, passwords, sessions, domains, agent tokens."""

    type: Literal["nuxari.identity.policy_changed.v1"] = "nuxari.identity.policy_changed.v1"
    data: PolicyChangeData


IdentityLifecycle = Annotated[
    TenantCreated
    | UserInvited
    | UserActivated
    | UserDeactivated
    | RoleAssigned
    | RoleRevoked
    | FactorEnrolled
    | FactorRemoved
    | MfaReset
    | PasswordChanged
    | PasswordReset
    | UserLocked
    | UserUnlocked
    | SecurityPolicyChanged,
    Field(discriminator="type"),
]
"""The contract of `identity.lifecycle`."""


class WatermarkData(Payload):
    """From when on the tokens of a subject count again."""

    user_id: Name
    session_id: Name | None = None
    """Only this session's tokens; None for all of the user's."""
    not_before: Timestamp
    """Tokens issued (`iat`) before this are void."""
    reason: Name


class TokensRevoked(Event):
    """Tokens of a subject that were issued before `not_before` are void everywhere."""

    type: Literal["nuxari.identity.tokens_revoked.v1"] = "nuxari.identity.tokens_revoked.v1"
    data: WatermarkData


TokenWatermarks = Annotated[TokensRevoked, Field()]
"""The contract of `identity.token_watermarks`."""
