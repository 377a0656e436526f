"""What was injected and which alerts it must raise: after this, being found or missed is a matter of comparison."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from nuxari_events.envelope import Event


@dataclass(frozen=True, kw_only=True)
class Expected:
    """One alert that an attack must raise, and when its pattern is complete."""

    number: int
    """Of the detection."""
    group: Mapping[str, str]
    """Every field that the alert may be grouped by, with the value it must then have."""
    counted: tuple[Event, ...]
    """The events of which at least `threshold` must lie within one window."""
    threshold: int = 1
    window: timedelta | None = None
    """The window `(t - window, t]`; None where time does not matter."""
    needed: tuple[Event, ...] = ()
    """Events without which it cannot be seen, besides those counted."""


@dataclass(frozen=True, kw_only=True)
class Attack:
    """One injected attack with all the alerts that it must raise."""

    attack_id: str
    kind: str
    variant: str
    victim: str
    events: tuple[Event, ...]
    """What the attacker does, in order of time."""
    expected: tuple[Expected, ...]
    circumstances: tuple[Event, ...] = ()
    """What makes it an attack, such as an activation that is over: nobody's misdeed by itself."""

    @property
    def first(self) -> datetime:
        """When its first event happened, circumstances included."""
        return min(event.time for event in (*self.circumstances, *self.events))

    @property
    def last(self) -> datetime:
        """When its last event happened, circumstances included."""
        return max(event.time for event in (*self.circumstances, *self.events))

    def as_json(self) -> dict[str, Any]:
        """Return the attack as a line of the truth file."""
        return {
            "attack_id": self.attack_id,
            "kind": self.kind,
            "variant": self.variant,
            "victim": self.victim,
            "detections": [{"number": one.number, "group": dict(one.group)} for one in self.expected],
            "first_event_id": self.events[0].id,
            "last_event_id": self.events[-1].id,
            "first_time": self.events[0].time.isoformat(),
            "last_time": self.events[-1].time.isoformat(),
            "event_ids": [event.id for event in self.events],
        }


def truth_lines(attacks: Iterable[Attack]) -> Iterable[str]:
    """Return the truth file: one JSON object per attack and line, in order of time."""
    return (json.dumps(attack.as_json()) + "\n" for attack in sorted(attacks, key=lambda attack: attack.first))


def completed_at(expected: Expected, *, delivered: Mapping[str, float]) -> float | None:
    """Return when the delivery happened that completes the pattern; None while it is not complete.

    `delivered` gives the time of delivery of each event id, on any one scale.
    """
    counted = _threshold_reached(expected, delivered)
    needed = [delivered.get(event.id) for event in expected.needed]
    known = [time for time in (counted, *needed) if time is not None]
    return max(known) if len(known) == 1 + len(needed) else None


def _threshold_reached(expected: Expected, delivered: Mapping[str, float]) -> float | None:
    arrived: list[Event] = []
    for event in sorted((one for one in expected.counted if one.id in delivered), key=lambda one: delivered[one.id]):
        arrived.append(event)
        if _holds_enough(arrived, expected):
            return delivered[event.id]
    return None


def _holds_enough(arrived: list[Event], expected: Expected) -> bool:
    window = expected.window
    if window is None:
        return len(arrived) >= expected.threshold
    within = ([one for one in arrived if last.time - window < one.time <= last.time] for last in arrived)
    return any(len(one) >= expected.threshold for one in within)
