"""Facts of identity for tests, each with a sensible default."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from nuxari_events.ids import uuid7
from nuxari_events.pim import ActivationData, ActivationEndData, ActivationEnded, EndReason, RoleActivated
from nuxari_events.roles import Role

from services.identity.domain.model import Assignment, Origin, Owner, User, UserStatus
from services.identity.service.acting import Acting
from shared.access.permissions import may, needed_to_assign

NOON = datetime(2026, 3, 2, 12, 0, 0, 250_000, tzinfo=UTC)
SECOND, MINUTE, HOUR, DAY = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
PASSWORD = "correct horse battery"


def a_user(user_id: str = "ada", **more: Any) -> User:
    facts: dict[str, Any] = {
        "email": f"{user_id}@acme.example",
        "status": UserStatus.ACTIVE,
        "invited_by": "olga",
        "invited_at": NOON - DAY,
        "changed_at": NOON - DAY,
        "has_factor": True,
    }
    return User(user_id=user_id, **(facts | more))


def an_assignment(role: str = "approver", *, user_id: str = "ada", **more: Any) -> Assignment:
    facts: dict[str, Any] = {
        "assignment_id": uuid7(),
        "origin": Origin.DIRECT,
        "begins_at": NOON - HOUR,
        "assigned_by": "olga",
    }
    return Assignment(user_id=user_id, role=role, **(facts | more))


def an_owner(user_id: str, **more: Any) -> Owner:
    facts: dict[str, Any] = {"status": UserStatus.ACTIVE, "has_factor": True, "is_permanent": True}
    return Owner(user_id=user_id, **(facts | more))


def reach_of(*roles: Role) -> Callable[[str], bool]:
    """What the matrix lets somebody with these roles assign and revoke."""
    return lambda role: may(roles, needed_to_assign(Role(role)))


def acting(actor_id: str | None = None, *roles: Role, **more: Any) -> Acting:
    facts = {"address": "192.0.2.7", "user_agent": "a browser", "correlation_id": "request-1"}
    return Acting(actor_id=actor_id, may_assign=reach_of(*roles), **(facts | more))


def role_activated(
    user_id: str, *, tenant: str, starts_at: datetime = NOON, ends_at: datetime = NOON + HOUR, **more: Any
) -> RoleActivated:
    data = ActivationData(
        activation_id=more.pop("activation_id", "activation-1"),
        user_id=user_id,
        role=more.pop("role", "client_admin"),
        starts_at=starts_at,
        ends_at=ends_at,
    )
    return RoleActivated(**(_envelope(user_id, tenant, starts_at) | more), data=data)


def activation_ended(user_id: str, *, tenant: str, ended_at: datetime, **more: Any) -> ActivationEnded:
    data = ActivationEndData(
        activation_id=more.pop("activation_id", "activation-1"),
        user_id=user_id,
        role=more.pop("role", "client_admin"),
        ended_at=ended_at,
        reason=EndReason.WITHDRAWN,
    )
    return ActivationEnded(**(_envelope(user_id, tenant, ended_at) | more), data=data)


def _envelope(user_id: str, tenant: str, at: datetime) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "source": "/nuxari/pim",
        "time": at,
        "subject": user_id,
        "tenantid": tenant,
        "actorid": user_id,
    }
