"""Decisions as events of `pim.lifecycle`: the only file that knows both the domain and the contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nuxari_events import pim
from nuxari_events.envelope import Event
from nuxari_events.ids import derived_id
from nuxari_events.topics import event_type

from services.pim.domain.model import Activation, Eligibility

SOURCE = "/nuxari/pim"


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What made us decide: a caller's request, another service's event, or, with nothing set, the clock."""

    actor_id: str | None = None
    correlation_id: str | None = None
    event: Event | None = None

    @property
    def correlation(self) -> str | None:
        """What belongs together: what the event belongs to, or the event itself, or the request."""
        return self.correlation_id if self.event is None else self.event.correlationid or self.event.id


def eligibility_granted(eligibility: Eligibility, *, tenant_id: str, cause: Cause) -> pim.EligibilityGranted:
    """Return the announcement that a user may activate a role."""
    envelope = _envelope(
        pim.EligibilityGranted,
        entity_id=eligibility.eligibility_id,
        user_id=eligibility.user_id,
        at=eligibility.granted_at,
        tenant_id=tenant_id,
        cause=cause,
    )
    return pim.EligibilityGranted(**envelope, data=pim.EligibilityData(**_eligibility(eligibility)))


def eligibility_ended(eligibility: Eligibility, *, tenant_id: str, cause: Cause) -> pim.EligibilityEnded:
    """Return the announcement that a user may no longer activate a role.

    Raises:
        ValueError: it did not end.
    """
    if eligibility.end is None:
        raise ValueError("the eligibility did not end")
    envelope = _envelope(
        pim.EligibilityEnded,
        entity_id=eligibility.eligibility_id,
        user_id=eligibility.user_id,
        at=eligibility.end.at,
        tenant_id=tenant_id,
        cause=cause,
    )
    reason = pim.EligibilityEndReason(eligibility.end.reason.value)
    return pim.EligibilityEnded(**envelope, data=pim.EligibilityEndData(**_eligibility(eligibility), reason=reason))


def role_activated(activation: Activation, *, tenant_id: str, cause: Cause) -> pim.RoleActivated:
    """Return the announcement that a role is effective."""
    envelope = _envelope(
        pim.RoleActivated,
        entity_id=activation.activation_id,
        user_id=activation.user_id,
        at=activation.starts_at,
        tenant_id=tenant_id,
        cause=cause,
    )
    data = pim.ActivationData(
        activation_id=activation.activation_id,
        eligibility_id=activation.eligibility_id,
        user_id=activation.user_id,
        role=activation.role,
        starts_at=activation.starts_at,
        ends_at=activation.ends_at,
        justification=activation.justification,
    )
    return pim.RoleActivated(**envelope, data=data)


def activation_ended(
    activation: Activation, *, still_held_until: datetime | None, tenant_id: str, cause: Cause
) -> pim.ActivationEnded:
    """Return the announcement that an activation is over, and until when others keep the role.

    Raises:
        ValueError: it did not end.
    """
    if activation.end is None:
        raise ValueError("the activation did not end")
    envelope = _envelope(
        pim.ActivationEnded,
        entity_id=activation.activation_id,
        user_id=activation.user_id,
        at=activation.end.at,
        tenant_id=tenant_id,
        cause=cause,
    )
    data = pim.ActivationEndData(
        activation_id=activation.activation_id,
        user_id=activation.user_id,
        role=activation.role,
        ended_at=activation.end.at,
        reason=pim.EndReason(activation.end.reason.value),
        role_still_held_until=still_held_until,
    )
    return pim.ActivationEnded(**envelope, data=data)


def _envelope(
    cls: type[Event], *, entity_id: str, user_id: str, at: datetime, tenant_id: str, cause: Cause
) -> dict[str, Any]:
    """Return the attributes; each thing begins once and ends once, so its id follows from what it is about."""
    origin = cause.event.identity if cause.event is not None else (SOURCE, tenant_id)
    return {
        "id": derived_id(*origin, entity_id, event_type(cls)),
        "source": SOURCE,
        "time": at,
        "subject": user_id,
        "tenantid": tenant_id,
        "actorid": cause.actor_id,
        "correlationid": cause.correlation,
        "causationid": cause.event.id if cause.event is not None else None,
    }


def _eligibility(eligibility: Eligibility) -> dict[str, Any]:
    return {
        "eligibility_id": eligibility.eligibility_id,
        "user_id": eligibility.user_id,
        "role": eligibility.role,
        "starts_at": eligibility.starts_at,
        "ends_at": eligibility.ends_at,
    }
