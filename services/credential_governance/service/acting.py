"""Who acts, from where and why: what a use case passes on to announcements and to the audit log."""

from __future__ import annotations

from dataclasses import dataclass

from nuxari_events.envelope import Event

from services.credential_governance.events import Cause


@dataclass(frozen=True, kw_only=True)
class Acting:
    """A caller, an event of another service, or the clock."""

    actor_id: str | None = None
    session_id: str | None = None
    address: str | None = None
    correlation_id: str | None = None
    event: Event | None = None

    @property
    def cause(self) -> Cause:
        """What the announcements of this act name as their cause."""
        return Cause(actor_id=self.actor_id, correlation_id=self.correlation_id, event=self.event)

    @property
    def origin(self) -> dict[str, str]:
        """The event that made this act necessary, for the audit log; empty if none did."""
        return {} if self.event is None else {"causation_id": self.event.id, "causation_source": self.event.source}


def because_of(event: Event) -> Acting:
    """Return the act that an event of another service makes necessary."""
    return Acting(actor_id=event.actorid, event=event)


BY_THE_CLOCK = Acting()
"""Nobody decided: time went by."""
