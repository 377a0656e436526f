"""What the service shows of its facts over HTTP; secrets that are shown once are named so."""

from __future__ import annotations

from datetime import datetime
from typing import Generic, TypeVar

from pydantic import BaseModel

from services.identity.domain.model import Assignment, Session, User, UserStatus
from services.identity.service.invitations import Invited
from services.identity.service.tokens import Grant
from shared.access.tokens import ACCESS_TOKEN_LIFE, TokenIssuer

_T = TypeVar("_T")


class Page(BaseModel, Generic[_T]):
    """One page of a list."""

    items: list[_T]
    next: str | None = None
    """Cursor of the next page; None on the last."""


class UserView(BaseModel):
    """A user of the tenant."""

    user_id: str
    email: str
    status: UserStatus
    mfa_enrolled: bool
    locked_until: datetime | None
    """Too many failures keep the user out until then."""
    invited_by: str | None
    invited_at: datetime
    changed_at: datetime

    @classmethod
    def of(cls, user: User, *, at: datetime) -> UserView:
        """Return how the user stands at that moment."""
        return cls(
            user_id=user.user_id,
            email=user.email,
            status=user.status,
            mfa_enrolled=user.has_factor,
            locked_until=user.locked_until if user.is_locked(at) else None,
            invited_by=user.invited_by,
            invited_at=user.invited_at,
            changed_at=user.changed_at,
        )


class InvitationView(BaseModel):
    """An invited user, and the one-time token that is shown once: pass it on to nobody else."""

    user: UserView
    invitation_token: str
    expires_at: datetime

    @classmethod
    def of(cls, invited: Invited, *, at: datetime) -> InvitationView:
        """Return the invitation with its token."""
        return cls(
            user=UserView.of(invited.user, at=at), invitation_token=str(invited.link), expires_at=invited.expires_at
        )


class AssignmentView(BaseModel):
    """A role of a user."""

    assignment_id: str
    user_id: str
    role: str
    origin: str
    activation_id: str | None
    begins_at: datetime
    ends_at: datetime | None
    assigned_by: str | None
    ended_at: datetime | None

    @classmethod
    def of(cls, assignment: Assignment) -> AssignmentView:
        """Return the assignment."""
        return cls(
            assignment_id=assignment.assignment_id,
            user_id=assignment.user_id,
            role=assignment.role,
            origin=assignment.origin,
            activation_id=assignment.activation_id,
            begins_at=assignment.begins_at,
            ends_at=assignment.ends_at,
            assigned_by=assignment.assigned_by,
            ended_at=assignment.ended_at,
        )


class SessionView(BaseModel):
    """A session of the caller."""

    session_id: str
    is_this: bool
    begun_at: datetime
    idle_until: datetime
    absolute_end: datetime
    amr: list[str]
    mfa_at: datetime | None
    ip: str | None
    user_agent: str | None

    @classmethod
    def of(cls, session: Session, *, this: str) -> SessionView:
        """Return the session; `this` is the one that asks."""
        return cls(
            session_id=session.session_id,
            is_this=session.session_id == this,
            begun_at=session.begun_at,
            idle_until=session.idle_until,
            absolute_end=session.absolute_end,
            amr=list(session.amr),
            mfa_at=session.mfa_at,
            ip=session.ip,
            user_agent=session.user_agent,
        )


class TokenView(BaseModel):
    """An access token (RFC 6749, 5.1), and the refresh token that is used once, where there is a new one."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - RFC 6750
    expires_in: int
    """Seconds."""
    refresh_token: str | None = None
    tenant_id: str
    user_id: str
    session_id: str
    roles: list[str]

    @classmethod
    def of(cls, grant: Grant, *, issuer: TokenIssuer) -> TokenView:
        """Return the tokens of a session."""
        return cls(
            access_token=issuer.issue(grant.claims, at=grant.issued_at),
            expires_in=int(ACCESS_TOKEN_LIFE.total_seconds()),
            refresh_token=str(grant.refresh) if grant.refresh else None,
            tenant_id=grant.claims.tenant_id,
            user_id=grant.claims.user_id,
            session_id=grant.claims.session_id,
            roles=sorted(grant.claims.roles),
        )


class EnrolmentView(BaseModel):
    """An authenticator's secret, shown once: scan `uri`, then confirm with a code."""

    factor_id: str
    secret: str
    uri: str


class RecoveryCodesView(BaseModel):
    """Ten codes that each replace the authenticator once; shown once."""

    recovery_codes: list[str]
