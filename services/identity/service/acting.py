"""Who acts, from where and why: what a use case passes on to announcements and to the audit log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from nuxari_events.envelope import Event

from services.identity.events import Cause
from shared.persistence.database import Transaction


def _nothing(_: str) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Acting:
    """A caller, a stranger who signs in, an event of another service, or the clock."""

    actor_id: str | None = None
    session_id: str | None = None
    address: str | None = None
    user_agent: str | None = None
    correlation_id: str | None = None
    event: Event | None = None
    may_assign: Callable[[str], bool] = field(default=_nothing)
    """Whether the matrix lets the actor assign and revoke a role."""

    def cause(self, transaction: Transaction) -> Cause:
        """Return what the announcements of this act name as their cause."""
        return Cause(
            tenant_id=transaction.tenant_id or "",
            actor_id=self.actor_id,
            correlation_id=self.correlation_id,
            event=self.event,
        )


def because_of(event: Event) -> Acting:
    """Return the act that an event of another service makes necessary."""
    return Acting(actor_id=event.actorid, event=event)


BY_THE_CLOCK = Acting()
"""Nobody decided: time was used up."""

BY_THE_PLATFORM = Acting(actor_id="platform")
"""Whoever runs the platform, on the command line."""
