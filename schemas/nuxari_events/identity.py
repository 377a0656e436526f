"""What identity announces: tenants, users, roles, MFA enrolment and voided tokens."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from nuxari_events.envelope import Event, Name, Payload, Text, Timestamp


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


class FactorEnrolled(Event):
    """A user enrolled and confirmed a second factor."""

    type: Literal["nuxari.identity.factor_enrolled.v1"] = "nuxari.identity.factor_enrolled.v1"
    data: FactorData


IdentityLifecycle = Annotated[
    TenantCreated | UserInvited | UserActivated | UserDeactivated | RoleAssigned | RoleRevoked | FactorEnrolled,
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
