"""What is asked of the simulator: after this, the sizes fit each other and one seed makes one stream."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

SHORTEST = timedelta(hours=2)
"""The longest attack takes 40 minutes and keeps clear of both ends of the span."""

SETTLING = timedelta(minutes=20)
"""At the beginning of the span nobody is attacked: activations that an attack comes after need room."""

LONGEST_ATTACK = timedelta(minutes=50)
"""No attack begins later than this before the end, so that each is complete: at most ten minutes of failures,
thirty until the success, and some room."""


class ScenarioError(ValueError):
    """The sizes asked for do not fit each other; the text says what would."""


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One run: the same values make the same events with the same ids."""

    tenant_id: str
    seed: int
    until: datetime
    """The end of the simulated span; no event is later."""
    duration: timedelta = timedelta(hours=4)
    users: int = 200
    attacks: int = 28

    def __post_init__(self) -> None:
        if self.duration < SHORTEST:
            raise ScenarioError("the simulated span is too short: at least 2h are needed")
        if self.attacks < 0:
            raise ScenarioError("the number of attacks is negative: 0 or more are needed")
        if self.users < self.users_needed:
            raise ScenarioError(f"{self.attacks} attacks need at least {self.users_needed} users")

    @property
    def users_needed(self) -> int:
        """Every attack has a victim of its own, and as many people again are left alone."""
        return 30 + 2 * self.attacks

    @property
    def end(self) -> datetime:
        """`until` in whole milliseconds, which is how finely events are placed."""
        return self.until.replace(microsecond=self.until.microsecond // 1000 * 1000)

    @property
    def start(self) -> datetime:
        """The beginning of the span."""
        return self.end - self.duration

    def dice(self, *what_for: str) -> Random:
        """Return a generator of its own for each purpose, so that one actor's traffic does not change another's."""
        return Random("/".join((str(self.seed), *what_for)))  # noqa: S311 - made-up traffic, no secret
