"""A change that weakens detections waits for another person: what may become of it, and who may decide."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from services.monitoring.domain.configuration import Configuration
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.governance import Weakening

DIES_AFTER = timedelta(hours=24)
"""An unanswered request's life (NUXARI.md, numbers)."""


class State(StrEnum):
    """What became of a request."""

    REQUESTED = "requested"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class Action(StrEnum):
    """What is changed."""

    SETTINGS = "settings"
    EXCEPTION = "exception"
    SILENCE = "silence"
    LIFT = "lift"
    OWN_RULES = "own_rules"
    RESTORE = "restore"


@dataclass(frozen=True, kw_only=True)
class ChangeRequest:
    """A whole configuration that somebody wants to count, and what it weakens."""

    change_id: str
    state: State = State.REQUESTED
    wanted: Configuration
    """Its version is that of what it was made from."""
    action: Action
    restored_version: int | None = None
    weakenings: tuple[Weakening, ...]
    about_requester: bool
    """It keeps quiet what would be found about whoever asks for it."""
    requested_by: str
    requested_at: datetime
    reason: str
    expires_at: datetime
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_reason: str | None = None
    version: int | None = None
    """That it became, if it was approved."""

    @property
    def base_version(self) -> int:
        """The version that it was made from."""
        return self.wanted.version


OWN = Refusal("self-approval", "another person than who asked for it decides; you can withdraw it")
MOVED = Refusal("base-moved", "the configuration has changed since this was asked for: withdraw it and ask again")


def approve(
    request: ChangeRequest, *, by: str, current_version: int, reason: str | None, at: datetime
) -> ChangeRequest | Refusal:
    """Decide that the change is made (NUXARI.md, rules 5 and 6)."""
    refused = _undecided(request, at=at) or (OWN if by == request.requested_by else None)
    if refused is None and request.base_version != current_version:
        refused = MOVED
    if refused is not None:
        return refused
    return replace(_decided(request, State.APPROVED, by, reason, at), version=current_version + 1)


def deny(request: ChangeRequest, *, by: str, reason: str | None, at: datetime) -> ChangeRequest | Refusal:
    """Decide that the change is not made."""
    refused = _undecided(request, at=at) or (OWN if by == request.requested_by else None)
    return refused or _decided(request, State.DENIED, by, reason, at)


def withdraw(request: ChangeRequest, *, by: str, at: datetime) -> ChangeRequest | Refusal:
    """Take the request back, as only who made it can."""
    if by != request.requested_by:
        return Refusal("not-yours", "only who asked for it can withdraw it; you can deny it")
    return _undecided(request, at=at) or _decided(request, State.WITHDRAWN, by, None, at)


def expire(request: ChangeRequest, *, at: datetime) -> ChangeRequest | Refusal:
    """Let an unanswered request die."""
    if request.state is not State.REQUESTED or at < request.expires_at:
        return Refusal("already-decided", "it was decided, or is not due")
    return _decided(request, State.EXPIRED, None, None, at)


def _undecided(request: ChangeRequest, *, at: datetime) -> Refusal | None:
    if request.state is not State.REQUESTED:
        return Refusal("already-decided", f"it was {request.state} before")
    if at >= request.expires_at:
        return Refusal("expired", "it was not answered in time: it has to be asked for again")
    return None


def _decided(request: ChangeRequest, state: State, by: str | None, reason: str | None, at: datetime) -> ChangeRequest:
    return replace(request, state=state, decided_by=by, decided_at=at, decision_reason=reason)
