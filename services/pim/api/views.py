"""What the service shows of its facts over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel

from services.pim.domain.model import Activation, ActivationState, Eligibility, EligibilityState, HeldRole
from services.pim.domain.role_settings import RoleSettings
from services.pim.service.role_settings import policy_of
from services.pim.store.activations import Step

_T = TypeVar("_T")


class Page(BaseModel, Generic[_T]):
    """One page of a list."""

    items: list[_T]
    next: str | None = None
    """Cursor of the next page; None on the last."""


class EligibilityView(BaseModel):
    """A user may activate a role in `[starts_at, ends_at)`."""

    eligibility_id: str
    user_id: str
    role: str
    state: EligibilityState
    starts_at: datetime
    ends_at: datetime | None
    reason: str
    granted_by: str
    granted_at: datetime
    ended_at: datetime | None
    end_reason: str | None
    ended_by: str | None

    @classmethod
    def of(cls, eligibility: Eligibility, *, at: datetime) -> EligibilityView:
        """Return how it stands at that moment."""
        end = eligibility.end
        return cls(
            eligibility_id=eligibility.eligibility_id,
            user_id=eligibility.user_id,
            role=eligibility.role,
            state=eligibility.state(at),
            starts_at=eligibility.starts_at,
            ends_at=eligibility.ends_at,
            reason=eligibility.reason,
            granted_by=eligibility.granted_by,
            granted_at=eligibility.granted_at,
            ended_at=end.at if end else None,
            end_reason=end.reason if end else None,
            ended_by=end.by if end else None,
        )


class ActivationView(BaseModel):
    """A role that is effective for a while, or was."""

    activation_id: str
    eligibility_id: str
    user_id: str
    role: str
    state: ActivationState
    starts_at: datetime
    ends_at: datetime
    remaining_seconds: int
    justification: str
    policy_version: int
    policy_sha256: str
    ended_at: datetime | None
    end_reason: str | None
    ended_by: str | None

    @classmethod
    def of(cls, activation: Activation, *, at: datetime) -> ActivationView:
        """Return how it stands at that moment."""
        end = activation.end
        return cls(
            activation_id=activation.activation_id,
            eligibility_id=activation.eligibility_id,
            user_id=activation.user_id,
            role=activation.role,
            state=activation.state(at),
            starts_at=activation.starts_at,
            ends_at=activation.ends_at,
            remaining_seconds=int(activation.remaining(at).total_seconds()),
            justification=activation.justification,
            policy_version=activation.policy.version,
            policy_sha256=activation.policy.digest,
            ended_at=end.at if end else None,
            end_reason=end.reason if end else None,
            ended_by=end.by if end else None,
        )


class StepView(BaseModel):
    """One line of an activation's timeline."""

    at: datetime
    kind: str
    actor_id: str | None
    note: str | None

    @classmethod
    def of(cls, step: Step) -> StepView:
        """Return the line."""
        return cls(at=step.at, kind=step.kind, actor_id=step.actor_id, note=step.note)


class HeldRoleView(BaseModel):
    """A role that is effective now."""

    role: str
    until: datetime | None
    """When the last of what grants it ends; None for good."""
    remaining_seconds: int | None
    standing: bool
    """Whether identity gave it outside an activation."""
    activation_ids: list[str]

    @classmethod
    def of(cls, held: HeldRole, *, at: datetime) -> HeldRoleView:
        """Return the role with what grants it."""
        remaining = None if held.until is None else int((held.until - at).total_seconds())
        return cls(
            role=held.role,
            until=held.until,
            remaining_seconds=remaining,
            standing=held.standing,
            activation_ids=list(held.activation_ids),
        )


class RoleSettingsView(BaseModel):
    """What activating a role takes."""

    role: str
    version: int
    sha256: str
    maximum_duration_seconds: int
    justification_length: int
    mfa_required: bool
    changed_by: str | None
    changed_at: datetime | None

    @classmethod
    def of(cls, settings: RoleSettings) -> RoleSettingsView:
        """Return the settings with the hash that decisions under them are recorded with."""
        return cls(
            role=settings.role,
            version=settings.version,
            sha256=policy_of(settings).digest,
            maximum_duration_seconds=int(settings.maximum_duration.total_seconds()),
            justification_length=settings.justification_length,
            mfa_required=settings.mfa_required,
            changed_by=settings.changed_by,
            changed_at=settings.changed_at,
        )
