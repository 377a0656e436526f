"""What a tenant has set for its detections: one immutable document with a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Mode(StrEnum):
    """Whether what a detection finds is raised."""

    LIVE = "live"
    SHADOW = "shadow"
    """Found and kept, to be looked at, and neither announced nor counted as risk."""
    OFF = "off"


@dataclass(frozen=True, kw_only=True)
class WorkingHours:
    """When people work, by the tenant's clock."""

    days: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Monday is 0."""
    begin: timedelta = timedelta(hours=8)
    """After midnight."""
    end: timedelta = timedelta(hours=18)


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What a tenant says of its networks and hours; derived fields of events rest on it."""

    trusted_networks: tuple[str, ...] = ()
    """CIDR blocks, IPv4 or IPv6."""
    vpn_networks: tuple[str, ...] = ()
    mobile_networks: tuple[str, ...] = ()
    time_zone: str = "UTC"
    """An IANA name."""
    working_hours: WorkingHours = WorkingHours()


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """What is set for one rule; None leaves it as the rule says."""

    mode: Mode = Mode.LIVE
    severity: str | None = None
    threshold: float | None = None
    timespan: timedelta | None = None


@dataclass(frozen=True, kw_only=True)
class ExceptionRule:
    """Events that a rule does not count: a Sigma filter, with who answers for it, why and how long."""

    id: str
    rule: str
    """The raising rule's id."""
    filter: str
    """The text of a Sigma filter's `selection`s and `condition`, as YAML."""
    owner: str
    reason: str
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """All of it; what is not said is as the pack says."""

    version: int = 0
    surroundings: Surroundings = Surroundings()
    tunings: Mapping[str, Tuning] = field(default_factory=dict)
    """By the id of the raising rule."""
    exceptions: tuple[ExceptionRule, ...] = ()
    own_rules: Mapping[str, str] = field(default_factory=dict)
    """Sigma files by their names."""
