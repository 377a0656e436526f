"""What the alert stream said: after this, each alert is one value with its last word and the time of its first."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nuxari_events.alerts import AlertClosed, AlertData, AlertRaised, AlertUpdated, ClosureReason
from nuxari_events.envelope import Event

_TAKEN_BACK = frozenset({ClosureReason.SATISFIED, ClosureReason.SUPERSEDED})
"""Closed for these reasons, an alert says that it should not stand; closed as quiet, it was right and is over."""


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One alert as a reader of the stream knows it."""

    alert: AlertData
    """Its latest revision."""
    arrived: float
    """When its first announcement arrived, on the scale of the deliveries."""
    stands: bool = True
    """Whether it was not taken back."""


class AlertBook:
    """Keeps the alerts of a stream by their ids; a re-sent announcement changes nothing."""

    def __init__(self) -> None:
        self._sightings: dict[str, Sighting] = {}

    def note(self, event: Event, *, arrived: float) -> None:
        """Take in one announcement; an event that announces no alert is left aside."""
        if isinstance(event, AlertRaised | AlertUpdated | AlertClosed):
            self._note_alert(event, arrived)

    def _note_alert(self, event: AlertRaised | AlertUpdated | AlertClosed, arrived: float) -> None:
        known = self._sightings.get(event.data.alert_id)
        stands = not (isinstance(event, AlertClosed) and event.data.reason in _TAKEN_BACK)
        if known is None:
            self._sightings[event.data.alert_id] = Sighting(alert=event.data, arrived=arrived, stands=stands)
        elif event.data.revision >= known.alert.revision:
            self._sightings[event.data.alert_id] = replace(known, alert=event.data, stands=stands)

    @property
    def sightings(self) -> tuple[Sighting, ...]:
        """Every alert seen, in the order of its first announcement."""
        return tuple(self._sightings.values())
