"""What PIM announces: who may become privileged, who is, and when and why it ended."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from nuxari_events.envelope import Event, Name, Payload, Text, Timestamp


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


class ActivationData(Payload):
    """One activation: the role is effective in `[starts_at, ends_at)`."""

    activation_id: Name
    eligibility_id: Name | None = None
    user_id: Name
    role: Name
    starts_at: Timestamp
    ends_at: Timestamp
    justification: Text | None = None


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


PimLifecycle = Annotated[
    EligibilityGranted | EligibilityEnded | RoleActivated | ActivationEnded, Field(discriminator="type")
]
"""The contract of `pim.lifecycle`."""
