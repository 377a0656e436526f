"""Users, the roles they hold, their factors and sessions, as facts; times are aware and in UTC."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, kw_only=True)
class Tenant:
    """A tenant."""

    tenant_id: str
    name: str
    created_at: datetime


class UserStatus(StrEnum):
    """Where a user stands."""

    INVITED = "invited"
    ACTIVE = "active"
    DEACTIVATED = "deactivated"


@dataclass(frozen=True, kw_only=True)
class User:
    """A person of one tenant."""

    user_id: str
    email: str
    status: UserStatus
    invited_by: str | None
    """None for the first owner, whom the platform invited."""
    invited_at: datetime
    changed_at: datetime
    """When `status` changed last."""
    has_factor: bool = False
    """Whether a second factor is enrolled and confirmed."""
    failures: int = 0
    """Wrong passwords and codes in a row."""
    locked_until: datetime | None = None
    tokens_at: datetime | None = None
    """The newest token or watermark of the user's: the next token is not older, the next watermark is later."""

    def is_locked(self, at: datetime) -> bool:
        """Say whether too many failures keep the user out at that moment."""
        return self.locked_until is not None and at < self.locked_until


class Origin(StrEnum):
    """How an assignment came about."""

    BOOTSTRAP = "bootstrap"
    DIRECT = "direct"
    PIM = "pim"


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """One role of one user, effective in `[begins_at, ends_at)` unless it ended before; for good without `ends_at`.

    One that carries out a PIM activation has the activation's id.
    """

    assignment_id: str
    user_id: str
    role: str
    origin: Origin
    begins_at: datetime
    ends_at: datetime | None = None
    assigned_by: str | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None

    @property
    def activation_id(self) -> str | None:
        """The PIM activation that it carries out."""
        return self.assignment_id if self.origin is Origin.PIM else None

    def is_live(self, at: datetime) -> bool:
        """Say whether the role is held through it at that moment."""
        return self.ended_at is None and (self.ends_at is None or at < self.ends_at)


@dataclass(frozen=True, kw_only=True)
class Owner:
    """A holder of the Client Owner role, with what the last-owner rule asks about."""

    user_id: str
    status: UserStatus
    has_factor: bool
    is_permanent: bool


@dataclass(frozen=True, kw_only=True)
class Invitation:
    """A one-time link to a place in the tenant; only a hash of its secret is kept."""

    invitation_id: str
    user_id: str
    secret_hash: bytes
    expires_at: datetime
    used_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Factor:
    """A user's TOTP authenticator (RFC 6238); the secret is sealed outside the database's reach."""

    factor_id: str
    user_id: str
    sealed_secret: bytes
    created_at: datetime
    confirmed_at: datetime | None = None
    last_step: int = 0
    """The time step of the newest code that was accepted: no code counts twice."""


@dataclass(frozen=True, kw_only=True)
class Session:
    """A signed-in user on one device; its refresh tokens are one family."""

    session_id: str
    user_id: str
    begun_at: datetime
    idle_until: datetime
    """Without a refresh by then it is over."""
    absolute_end: datetime
    amr: tuple[str, ...]
    """How the user was authenticated (RFC 8176), such as `pwd`, `otp`, `mfa`."""
    mfa_at: datetime | None
    ip: str | None
    user_agent: str | None
    ended_at: datetime | None = None
    end_reason: str | None = None

    def is_live(self, at: datetime) -> bool:
        """Say whether tokens may be had in it at that moment."""
        return self.ended_at is None and at < min(self.idle_until, self.absolute_end)
