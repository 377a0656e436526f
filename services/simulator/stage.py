"""The place where one story is played: after this, a story is written with moments counted from its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from nuxari_events.access import MfaOutcome, Outcome
from nuxari_events.envelope import Event

from services.simulator.pen import Pen
from services.simulator.people import Person, Place

MILLISECOND = timedelta(milliseconds=1)

WINDOW = timedelta(minutes=10)
"""Of detections 1, 2 and 13."""

FAILURES = 10
"""From so many failed sign-ins in one window on it is brute force (detections 1 and 2)."""

REFUSALS = 5
"""From so many refused pushes in one window on it is MFA fatigue (detection 13)."""

SUCCESS_WITHIN = timedelta(minutes=30)
"""A success so soon after brute force is its success (detection 2)."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One person, the time at which their story begins, and the pen that writes it."""

    person: Person
    at: datetime
    pen: Pen
    dice: Random

    @property
    def stranger(self) -> Place:
        """An attacker's network: TEST-NET-3 (RFC 5737), a reserved AS number and no country."""
        device = f"unknown-{self.person.user_id}"
        return Place(
            ip=f"203.0.113.{1 + self.at.microsecond // 1000 % 254}",
            user_agent="python-requests/2.32",
            country="ZZ",
            asn=64511,
            device_id=device,
        )

    def moments(self, count: int, *, span: timedelta) -> tuple[datetime, ...]:
        """Return so many moments, the first one at the beginning and the last one exactly `span` later."""
        within = round(span / MILLISECOND)
        between = sorted(self.dice.randrange(1, within) for _ in range(count - 2))
        return tuple(self.at + timedelta(milliseconds=offset) for offset in (0, *between, within))

    def seconds(self, least: float, most: float) -> timedelta:
        """Return a duration between the two, in whole milliseconds."""
        return timedelta(milliseconds=self.dice.randint(round(least * 1000), round(most * 1000)))

    def failures(self, moments: Sequence[datetime]) -> tuple[Event, ...]:
        """Write a failed sign-in by a stranger at each moment."""
        return tuple(self.pen.sign_in(at, self.person, place=self.stranger, outcome=Outcome.FAILURE) for at in moments)

    def success(self, at: datetime) -> Event:
        """Write a stranger's successful sign-in, with a second factor."""
        return self.pen.sign_in(at, self.person, place=self.stranger, mfa=True)

    def pushes(self, moments: Sequence[datetime], *, outcomes: Sequence[MfaOutcome]) -> tuple[Event, ...]:
        """Write the fate of a push at each moment, taking the outcomes in turn."""
        fates = (outcomes[number % len(outcomes)] for number in range(len(moments)))
        return tuple(
            self.pen.push(at, self.person, place=self.stranger, outcome=fate)
            for at, fate in zip(moments, fates, strict=True)
        )
