"""The risk of one entity: what its alerts add up to, and how that fades."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

HALF_LIFE = timedelta(hours=24)
"""After which a contribution counts half: a day is what detection 60 adds up, so what falls out of its window has
faded by half, and after the seven days that tactics are counted over, below one percent is left."""

SUMMED = timedelta(hours=24)
"""Over which points are added up as they are (detection 60)."""

REMEMBERED = timedelta(days=7)
"""Over which tactics are counted (detection 60), and after which a contribution counts no more."""


@dataclass(frozen=True, kw_only=True)
class Contribution:
    """What one alert adds to the risk of one entity; a suppressed alert adds as much as any other."""

    alert_id: str
    points: float
    tactics: tuple[str, ...]
    at: datetime
    """When the alert was last seen."""


@dataclass(frozen=True, kw_only=True)
class Risk:
    """How much there is at one moment."""

    score: float
    """Points, each faded by its age, over seven days."""
    sum_24h: float
    """Points of the last 24 hours, unfaded."""
    tactics_7d: tuple[str, ...]
    """ATT&CK tactics of the last seven days, sorted."""
    alerts: int
    """How many contribute."""


def faded(points: float, *, age: timedelta) -> float:
    """Return what is left of the points at that age; what lies ahead of now counts whole."""
    if age >= REMEMBERED:
        return 0.0
    return float(points * 0.5 ** (max(age, timedelta(0)) / HALF_LIFE))


def risk(contributions: Iterable[Contribution], *, at: datetime) -> Risk:
    """Return the risk; the same for any order of the contributions."""
    known = [one for one in contributions if at - one.at < REMEMBERED]
    ordered = sorted(known, key=lambda one: (one.at, one.alert_id))  # sums of floats depend on their order
    return Risk(
        score=sum(faded(one.points, age=at - one.at) for one in ordered),
        sum_24h=sum(one.points for one in ordered if at - one.at < SUMMED),
        tactics_7d=tuple(sorted({tactic for one in known for tactic in one.tactics})),
        alerts=len(known),
    )
