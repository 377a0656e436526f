"""Facts of privileged access for tests, each with a sensible default."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.pim.domain import rules
from services.pim.domain.model import Activation, Eligibility, PolicyUsed, User, UserStatus

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
JUSTIFICATION = "mend the broken nightly export"


def a_user(user_id: str = "ada", *, status: UserStatus = UserStatus.ACTIVE) -> User:
    return User(user_id=user_id, status=status, status_at=NOON - HOUR)


def an_eligibility(
    *, user_id: str = "ada", role: str = "client_admin", ends_at: datetime | None = None, starts_at: datetime = NOON
) -> Eligibility:
    return Eligibility(
        eligibility_id="e1",
        user_id=user_id,
        role=role,
        starts_at=starts_at,
        ends_at=ends_at,
        reason="on call",
        granted_by="olga",
        granted_at=NOON - HOUR,
    )


def an_activation(
    activation_id: str = "a1", *, role: str = "client_admin", starts_at: datetime = NOON, ends_at: datetime
) -> Activation:
    return Activation(
        activation_id=activation_id,
        eligibility_id="e1",
        user_id="ada",
        role=role,
        starts_at=starts_at,
        ends_at=ends_at,
        justification=JUSTIFICATION,
        policy=PolicyUsed(version=0, digest="d"),
    )


def a_wish(*, justification: str = JUSTIFICATION, duration: timedelta | None = HOUR) -> rules.ActivationWish:
    return rules.ActivationWish(user_id="ada", eligibility_id="e1", justification=justification, duration=duration)


def a_grant(
    *,
    user_id: str = "ada",
    role: str = "client_admin",
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
) -> rules.Grant:
    return rules.Grant(user_id=user_id, role=role, reason="on call", starts_at=starts_at, ends_at=ends_at)
