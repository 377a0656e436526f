"""What PIM announces: who may become privileged, who is, who agreed or refused, and when and why it ended."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from nuxari_events.envelope import Event, Name, Payload, Text, Timestamp
from nuxari_events.origins import RequestOrigin
from nuxari_events.policies import PolicyChange


class EligibilityData(Payload):
    """The standing permission of one user to activate one role."""

    eligibility_id: Name
    user_id: Name
    role: Name
    starts_at: Timestamp
    ends_at: Timestamp | None = None
    """None for a permanent eligibility."""


class EligibilityGranted(Event):
    """A user may activate a role."""

    type: Literal["nuxari.pim.eligibility_granted.v1"] = "nuxari.pim.eligibility_granted.v1"
    data: EligibilityData


class EligibilityEndReason(StrEnum):
    """Why an eligibility ended."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    USER_DEACTIVATED = "user_deactivated"


class EligibilityEndData(EligibilityData):
    """An eligibility that is over."""

    reason: EligibilityEndReason


class EligibilityEnded(Event):
    """A user may no longer activate a role."""

    type: Literal["nuxari.pim.eligibility_ended.v1"] = "nuxari.pim.eligibility_ended.v1"
    data: EligibilityEndData


class ActivationData(RequestOrigin):
    """One activation: the role is effective in `[starts_at, ends_at)`; the origin is that of whoever asked for it."""

    activation_id: Name
    eligibility_id: Name | None = None
    user_id: Name
    role: Name
    starts_at: Timestamp
    ends_at: Timestamp
    justification: Text | None = None
    approval_request_id: Name | None = None
    """The request that was approved; None where the role needs no approval."""
    extends_activation_id: Name | None = None
    """The activation that this one prolongs."""
    policy_version: Name | None = None
    """The version of the role's settings that it was decided by."""


class RoleActivated(Event):
    """A user activated an eligible role."""

    type: Literal["nuxari.pim.role_activated.v1"] = "nuxari.pim.role_activated.v1"
    data: ActivationData


class EndReason(StrEnum):
    """Why an activation ended: `ended` is time used up, `withdrawn` the holder's own act, `revoked` someone else's."""

    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    USER_DEACTIVATED = "user_deactivated"


class ActivationEndData(Payload):
    """The end of one activation."""

    activation_id: Name
    user_id: Name
    role: Name
    ended_at: Timestamp
    reason: EndReason
    role_still_held_until: Timestamp | None = None
    """When another live activation of the same role ends, if there is one: the role is the union of its grants."""


class ActivationEnded(Event):
    """An activation is over, early or on time."""

    type: Literal["nuxari.pim.activation_ended.v1"] = "nuxari.pim.activation_ended.v1"
    data: ActivationEndData


class DenialReason(StrEnum):
    """Why an activation was refused."""

    NOT_ELIGIBLE = "not_eligible"
    """There is no eligibility for it that holds now."""
    USER_NOT_ACTIVE = "user_not_active"
    MFA_REQUIRED = "mfa_required"
    """The second factor was not shown, or too long ago."""
    ROLE_SETTINGS = "role_settings"
    """Its duration, justification or ticket is not what the role asks for."""
    SEPARATION_OF_DUTIES = "separation_of_duties"
    APPROVAL_DENIED = "approval_denied"
    APPROVAL_EXPIRED = "approval_expired"
    OTHER = "other"


class ActivationDenialData(RequestOrigin):
    """One activation that was asked for and refused; the origin is that of whoever asked for it."""

    user_id: Name
    role: Name
    eligibility_id: Name | None = None
    approval_request_id: Name | None = None
    reason: DenialReason
    code: Name | None = None
    """The stable code of the refusal, as the caller received it."""


class ActivationDenied(Event):
    """A user asked for a role and did not get it."""

    type: Literal["nuxari.pim.activation_denied.v1"] = "nuxari.pim.activation_denied.v1"
    data: ActivationDenialData


class ApprovalKind(StrEnum):
    """What is to be approved."""

    ACTIVATION = "activation"
    ELIGIBILITY = "eligibility"
    ROLE_ASSIGNMENT = "role_assignment"
    POLICY_CHANGE = "policy_change"
    DETECTION_CHANGE = "detection_change"
    """A detection is silenced or weakened."""
    RISK_ACCEPTANCE = "risk_acceptance"
    CREDENTIAL = "credential"
    """A credential is issued, such as an agent's token."""
    OTHER = "other"


class ApprovalData(Payload):
    """What somebody asked for that others must agree to."""

    request_id: Name
    kind: ApprovalKind
    requester_id: Name
    user_id: Name | None = None
    """For whom, where it is for somebody else than the requester."""
    role: Name | None = None
    target_id: Name | None = None
    """What it is about where that is no role, such as a policy or a credential."""


class ApprovalRequestData(ApprovalData):
    """A request that waits for its approvers."""

    expires_at: Timestamp | None = None
    """When it dies unanswered."""
    justification: Text | None = None


class ApprovalRequested(Event):
    """Somebody asked for what needs approval."""

    type: Literal["nuxari.pim.approval_requested.v1"] = "nuxari.pim.approval_requested.v1"
    data: ApprovalRequestData


class Decision(StrEnum):
    """What an approver said."""

    APPROVED = "approved"
    DENIED = "denied"


class ApprovalState(StrEnum):
    """Where a request stands."""

    PENDING = "pending"
    """Others have to decide too."""
    APPROVED = "approved"
    DENIED = "denied"


class ApprovalDecisionData(ApprovalData):
    """What one approver decided of one request."""

    approver_id: Name
    decision: Decision
    state: ApprovalState | None = None
    """Where the request stands after this decision."""
    requested_at: Timestamp | None = None
    latency_seconds: Annotated[float, Field(ge=0)] | None = None
    """From the request to this decision, so that a rule need not compute it."""
    reason: Text | None = None


class ApprovalDecided(Event):
    """An approver approved or denied a request."""

    type: Literal["nuxari.pim.approval_decided.v1"] = "nuxari.pim.approval_decided.v1"
    data: ApprovalDecisionData


class RoleSettingsData(PolicyChange):
    """What is asked of those who activate a role, changed."""

    role: Name


class RoleSettingsChanged(Event):
    """The settings of a role were changed: its longest activation, its approvers, the proof that it asks for."""

    type: Literal["nuxari.pim.role_settings_changed.v1"] = "nuxari.pim.role_settings_changed.v1"
    data: RoleSettingsData


PimLifecycle = Annotated[
    EligibilityGranted
    | EligibilityEnded
    | RoleActivated
    | ActivationEnded
    | ActivationDenied
    | ApprovalRequested
    | ApprovalDecided
    | RoleSettingsChanged,
    Field(discriminator="type"),
]
"""The contract of `pim.lifecycle`."""
