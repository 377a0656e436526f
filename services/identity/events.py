"""Decisions as events of identity's topics: the only file that knows both the domain and the contract."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nuxari_events import access, identity
from nuxari_events.envelope import Event
from nuxari_events.ids import derived_id, uuid7
from nuxari_events.topics import event_type

from services.identity.domain.model import Assignment, Factor, Session, Tenant, User

SOURCE = "/nuxari/identity"


@dataclass(frozen=True, kw_only=True)
class Cause:
    """What made us decide: a caller's request, another service's event, or, with nothing set, the clock."""

    tenant_id: str
    actor_id: str | None = None
    correlation_id: str | None = None
    event: Event | None = None


def tenant_created(tenant: Tenant, *, cause: Cause) -> identity.TenantCreated:
    """Return the announcement of a new tenant."""
    envelope = _envelope(subject=tenant.tenant_id, at=tenant.created_at, cause=cause)
    return identity.TenantCreated(**envelope, data=identity.TenantData(name=tenant.name))


def user_invited(user: User, *, cause: Cause) -> identity.UserInvited:
    """Return the announcement that somebody may become a user."""
    return identity.UserInvited(**_envelope(subject=user.user_id, at=user.changed_at, cause=cause), data=_user(user))


def user_activated(user: User, *, cause: Cause) -> identity.UserActivated:
    """Return the announcement that the user may sign in."""
    return identity.UserActivated(**_envelope(subject=user.user_id, at=user.changed_at, cause=cause), data=_user(user))


def user_deactivated(user: User, *, reason: str, cause: Cause) -> identity.UserDeactivated:
    """Return the announcement that everything of the user is void."""
    envelope = _envelope(subject=user.user_id, at=user.changed_at, cause=cause)
    return identity.UserDeactivated(**envelope, data=identity.DeactivationData(user_id=user.user_id, reason=reason))


def role_assigned(assignment: Assignment, *, cause: Cause) -> identity.RoleAssigned:
    """Return the announcement that the user received the role."""
    envelope = _once(identity.RoleAssigned, assignment, at=assignment.begins_at, cause=cause)
    return identity.RoleAssigned(**envelope, data=_role(assignment))


def role_revoked(assignment: Assignment, *, cause: Cause) -> identity.RoleRevoked:
    """Return the announcement that the user lost the role.

    Raises:
        ValueError: the assignment did not end.
    """
    if assignment.ended_at is None:
        raise ValueError("the assignment did not end")
    envelope = _once(identity.RoleRevoked, assignment, at=assignment.ended_at, cause=cause)
    return identity.RoleRevoked(**envelope, data=_role(assignment))


def factor_enrolled(factor: Factor, *, at: datetime, cause: Cause) -> identity.FactorEnrolled:
    """Return the announcement that the user has a second factor."""
    data = identity.FactorData(user_id=factor.user_id, factor_id=factor.factor_id, method="totp")
    return identity.FactorEnrolled(**_envelope(subject=factor.user_id, at=at, cause=cause), data=data)


def tokens_revoked(
    user_id: str, *, session_id: str | None, not_before: datetime, reason: str, at: datetime, cause: Cause
) -> identity.TokensRevoked:
    """Return the watermark that voids the user's tokens, or one session's, that were issued before a moment.

    One that another service's event makes necessary has an id that follows from that event: a replay has it again.
    """
    envelope = _envelope(subject=user_id, at=at, cause=cause)
    if cause.event is not None:
        name = event_type(identity.TokensRevoked)
        envelope["id"] = derived_id(SOURCE, cause.event.source, cause.event.id, user_id, name)
    data = identity.WatermarkData(user_id=user_id, session_id=session_id, not_before=not_before, reason=reason)
    return identity.TokensRevoked(**envelope, data=data)


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """One attempt to sign in, or to use a session further."""

    user_id: str
    ip: str | None
    user_agent: str | None
    flow: access.SignInFlow = access.SignInFlow.INTERACTIVE
    session: Session | None = None
    """None: it failed."""
    failure: str | None = None
    administrative: bool = False


def sign_in_completed(sign_in: SignIn, *, at: datetime, cause: Cause) -> access.SignInCompleted:
    """Return the report of an attempt to sign in."""
    session = sign_in.session
    data = access.SignInData(
        user_id=sign_in.user_id,
        outcome=access.Outcome.SUCCESS if session else access.Outcome.FAILURE,
        flow=sign_in.flow,
        mfa="mfa" in session.amr if session else None,
        administrative=sign_in.administrative,
        application="nuxari",
        failure_reason=sign_in.failure,
        ip=sign_in.ip,
        user_agent=sign_in.user_agent,
        session_id=session.session_id if session else None,
    )
    return access.SignInCompleted(**_envelope(subject=sign_in.user_id, at=at, cause=cause), data=data)


def mfa_challenge_completed(
    sign_in: SignIn, *, recovery: bool, approved: bool, at: datetime, cause: Cause
) -> access.MfaChallengeCompleted:
    """Return the report of an answered MFA challenge."""
    data = access.MfaChallengeData(
        user_id=sign_in.user_id,
        method=access.MfaMethod.RECOVERY_CODE if recovery else access.MfaMethod.TOTP,
        outcome=access.MfaOutcome.APPROVED if approved else access.MfaOutcome.FAILED,
        ip=sign_in.ip,
        user_agent=sign_in.user_agent,
        session_id=sign_in.session.session_id if sign_in.session else None,
    )
    return access.MfaChallengeCompleted(**_envelope(subject=sign_in.user_id, at=at, cause=cause), data=data)


def _user(user: User) -> identity.UserData:
    return identity.UserData(user_id=user.user_id, email=user.email)


def _role(assignment: Assignment) -> identity.RoleData:
    return identity.RoleData(
        user_id=assignment.user_id,
        role=assignment.role,
        origin=identity.AssignmentOrigin(assignment.origin.value),
        activation_id=assignment.activation_id,
        ends_at=assignment.ends_at,
    )


def _once(cls: type[Event], assignment: Assignment, *, at: datetime, cause: Cause) -> dict[str, Any]:
    """Return the attributes of what happens to an assignment once: its id follows from what it is about."""
    event_id = derived_id(SOURCE, cause.tenant_id, assignment.assignment_id, event_type(cls))
    return _envelope(subject=assignment.user_id, at=at, cause=cause) | {"id": event_id}


def _envelope(*, subject: str, at: datetime, cause: Cause) -> dict[str, Any]:
    return {
        "id": uuid7(),
        "source": SOURCE,
        "time": at,
        "subject": subject,
        "tenantid": cause.tenant_id,
        "actorid": cause.actor_id,
        "correlationid": _correlation(cause),
        "causationid": cause.event.id if cause.event is not None else None,
    }


def _correlation(cause: Cause) -> str | None:
    if cause.event is None:
        return cause.correlation_id
    return cause.event.correlationid or cause.event.id
