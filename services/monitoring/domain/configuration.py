"""What a tenant has set for its detections: one immutable document with a version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    """Before `begin`: of the next day."""


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


UNTUNED = Tuning()


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
class Silence:
    """Alerts that are kept and told to nobody: about a user, of a rule, under a condition, or several of these."""

    id: str
    owner: str
    reason: str
    begins_at: datetime
    ends_at: datetime
    rule: str | None = None
    """The raising rule's id; None: of every rule."""
    user_id: str | None = None
    """None: about anybody."""
    condition: str | None = None
    """The text of a Sigma detection's selections and `condition` on what the alert says, as YAML; None: all."""


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
    silences: tuple[Silence, ...] = ()

    def tuning(self, rule: str) -> Tuning:
        """Return what is set for the rule."""
        return self.tunings.get(rule, UNTUNED)

    def without_ended(self, at: datetime) -> Configuration:
        """Return it without the exceptions and silences whose time is over: they are without effect."""
        return replace(
            self,
            exceptions=tuple(one for one in self.exceptions if one.ends_at > at),
            silences=tuple(one for one in self.silences if one.ends_at > at),
        )

    def without_rules(self, ids: frozenset[str]) -> Configuration:
        """Return it without what is set for these rules, which there are no longer."""
        return replace(
            self,
            tunings={rule: one for rule, one in self.tunings.items() if rule not in ids},
            exceptions=tuple(one for one in self.exceptions if one.rule not in ids),
            silences=tuple(one for one in self.silences if one.rule not in ids),
        )

    def says_the_same_as(self, other: Configuration) -> bool:
        """Say whether nothing but the version differs."""
        return replace(self, version=other.version) == other


DEFAULT = Configuration()
"""Of a tenant that has set nothing."""


def kept(configuration: Configuration) -> tuple[ExceptionRule | Silence, ...]:
    """Return everything that keeps a detection quiet."""
    return (*configuration.exceptions, *configuration.silences)


def begun(before: Configuration, after: Configuration) -> list[ExceptionRule | Silence]:
    """Return what keeps a detection quiet and did not, or not in the same way."""
    known = {one.id: one for one in kept(before)}
    return [one for one in kept(after) if known.get(one.id) != one]


def lifted(before: Configuration, after: Configuration) -> list[ExceptionRule | Silence]:
    """Return what kept a detection quiet and does so no longer."""
    ids = {one.id for one in kept(after)}
    return [one for one in kept(before) if one.id not in ids]
