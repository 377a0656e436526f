"""Eligibilities, activations and the people they belong to, as facts; times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class UserStatus(StrEnum):
    """Where a user stands with identity."""

    INVITED = "invited"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"


@dataclass(frozen=True, kw_only=True)
class User:
    """A user as identity announced them last."""

    user_id: str
    status: UserStatus
    status_at: datetime


class EligibilityEndReason(StrEnum):
    """Why an eligibility is over."""

    EXPIRED = "expired"
    REVOKED = "revoked"
    USER_DEACTIVATED = "user_deactivated"


@dataclass(frozen=True, kw_only=True)
class EligibilityEnd:
    """When, why and by whose hand an eligibility ended; `by` is None where nobody decided."""

    at: datetime
    reason: EligibilityEndReason
    by: str | None = None


class EligibilityState(StrEnum):
    """Where an eligibility stands at a moment."""

    SCHEDULED = "scheduled"
    IN_FORCE = "in_force"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, kw_only=True)
class Eligibility:
    """A user may activate a role in `[starts_at, ends_at)`; permanent where `ends_at` is None."""

    eligibility_id: str
    user_id: str
    role: str
    starts_at: datetime
    ends_at: datetime | None
    reason: str
    granted_by: str
    granted_at: datetime
    end: EligibilityEnd | None = None

    def state(self, at: datetime) -> EligibilityState:
        """Return where it stands; the clock ends it, whether or not the end was announced yet."""
        if self.end is not None and self.end.reason is not EligibilityEndReason.EXPIRED:
            return EligibilityState.REVOKED
        if self.end is not None or (self.ends_at is not None and at >= self.ends_at):
            return EligibilityState.EXPIRED
        return EligibilityState.IN_FORCE if at >= self.starts_at else EligibilityState.SCHEDULED

    def is_over(self, at: datetime) -> bool:
        """Whether nothing can be activated through it any more."""
        return self.state(at) in {EligibilityState.EXPIRED, EligibilityState.REVOKED}


class EndReason(StrEnum):
    """Why an activation is over: `ended` is time used up, `withdrawn` the holder's own act, `revoked` another's."""

    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"
    USER_DEACTIVATED = "user_deactivated"


class ActivationState(StrEnum):
    """Where an activation stands; all but `active` are final."""

    ACTIVE = "active"
    ENDED = "ended"
    WITHDRAWN = "withdrawn"
    REVOKED = "revoked"


_STATE = {
    EndReason.ENDED: ActivationState.ENDED,
    EndReason.WITHDRAWN: ActivationState.WITHDRAWN,
    EndReason.REVOKED: ActivationState.REVOKED,
    EndReason.USER_DEACTIVATED: ActivationState.REVOKED,
}


@dataclass(frozen=True, kw_only=True)
class ActivationEnd:
    """When, why and by whose hand an activation ended; `by` is None where nobody decided."""

    at: datetime
    reason: EndReason
    by: str | None = None


@dataclass(frozen=True, kw_only=True)
class PolicyUsed:
    """Which role settings a decision was made under."""

    version: int
    digest: str
    """SHA-256, hex, over the settings' canonical JSON (RFC 8785)."""


@dataclass(frozen=True, kw_only=True)
class Activation:
    """The role is the user's in `[starts_at, ends_at)`, or until the earlier end."""

    activation_id: str
    eligibility_id: str
    user_id: str
    role: str
    starts_at: datetime
    ends_at: datetime
    justification: str
    policy: PolicyUsed
    end: ActivationEnd | None = None

    def state(self, at: datetime) -> ActivationState:
        """Return where it stands; the clock ends it, whether or not the end was announced yet."""
        if self.end is not None:
            return _STATE[self.end.reason]
        return ActivationState.ACTIVE if at < self.ends_at else ActivationState.ENDED

    @property
    def over_at(self) -> datetime:
        """When it is over: as decided, else as planned."""
        return self.end.at if self.end is not None else self.ends_at

    def is_live(self, at: datetime) -> bool:
        """Whether it makes the role effective at that moment."""
        return self.starts_at <= at < self.over_at

    def remaining(self, at: datetime) -> timedelta:
        """Return how long it still lasts; zero when it is over."""
        return max(self.over_at - at, timedelta(0))


@dataclass(frozen=True, kw_only=True)
class StandingRole:
    """A role that identity gave outside an activation, until `ends_at` or for good."""

    role: str
    ends_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class HeldRole:
    """A role that is effective now: the union of what grants it."""

    role: str
    until: datetime | None
    """When the last of the grants ends; None where one of them is permanent."""
    standing: bool
    activation_ids: tuple[str, ...]
