"""What a tenant may set: every fault of a configuration, each with the place that it is in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from zoneinfo import ZoneInfo

from services.monitoring.domain.configuration import (
    ExceptionRule,
    Silence,
    Surroundings,
    Tuning,
    WorkingHours,
)
from services.monitoring.domain.governance import SEVERITIES
from services.monitoring.domain.rule_facts import RuleFacts

MOST_NETWORKS = 1000
"""Of each kind: a list that is longer says nothing that a person would have looked at."""

SHORTEST_TIMESPAN = timedelta(minutes=1)
LONGEST_TIMESPAN = timedelta(days=30)
"""Of a window that a tenant sets. A rule whose own is longer may keep it or have a shorter one."""

MOST_THRESHOLD = 1_000_000_000

LONGEST_EXCEPTION = timedelta(days=90)
"""From now on: whoever still needs it then says so again, and why."""

MOST_EXCEPTIONS = 200
MOST_SILENCES = 200

_ZONE = re.compile(r"[A-Za-z0-9_+-]{1,32}(/[A-Za-z0-9_+-]{1,32}){0,2}")


@dataclass(frozen=True)
class Wrong:
    """One fault."""

    where: str
    """The path to it, such as `trusted_networks.2`."""
    why: str


def wrong_surroundings(surroundings: Surroundings) -> Iterator[Wrong]:
    """Yield what is wrong with networks, time zone and hours."""
    for name in ("trusted_networks", "vpn_networks", "mobile_networks"):
        yield from _wrong_networks(name, getattr(surroundings, name))
    if not _is_zone(surroundings.time_zone):
        yield Wrong("time_zone", "it is an IANA name, such as Europe/Berlin")
    yield from _wrong_hours(surroundings.working_hours)


def _wrong_networks(name: str, networks: tuple[str, ...]) -> Iterator[Wrong]:
    if len(networks) > MOST_NETWORKS:
        yield Wrong(name, f"there are {MOST_NETWORKS} at most")
    for place, network in enumerate(networks[:MOST_NETWORKS]):
        try:
            found = ip_network(network)
        except ValueError:
            yield Wrong(f"{name}.{place}", "it is a CIDR block without host bits, such as 192.0.2.0/24")
            continue
        if found.prefixlen == 0:
            yield Wrong(f"{name}.{place}", "it is the whole internet")


def _is_zone(name: str) -> bool:
    if not _ZONE.fullmatch(name):
        return False
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _wrong_hours(hours: WorkingHours) -> Iterator[Wrong]:
    if any(day not in range(7) for day in hours.days) or len(set(hours.days)) != len(hours.days):
        yield Wrong("working_hours.days", "they are numbers from 0, Monday, to 6, each once")
    for name, time in (("begin", hours.begin), ("end", hours.end)):
        if not timedelta(0) <= time <= timedelta(hours=24) or time % timedelta(minutes=1):
            yield Wrong(f"working_hours.{name}", "it is a time of day, such as 08:00, up to 24:00")


def wrong_tunings(tunings: Mapping[str, Tuning], rules: Mapping[str, RuleFacts]) -> Iterator[Wrong]:
    """Yield what is wrong with the settings of rules, by the names that alerts have for them."""
    for identity, tuning in tunings.items():
        facts = rules.get(identity)
        if facts is None:
            yield Wrong(f"detections.{identity[:64]}", "there is no such detection")
        else:
            yield from (Wrong(f"detections.{facts.name}.{one.where}", one.why) for one in _wrong_tuning(tuning, facts))


def _wrong_tuning(tuning: Tuning, facts: RuleFacts) -> Iterator[Wrong]:
    if tuning.severity is not None and tuning.severity not in SEVERITIES:
        yield Wrong("severity", f"it is one of {', '.join(SEVERITIES)}")
    if tuning.threshold is not None:
        if facts.threshold is None:
            yield Wrong("threshold", "this detection has none that can be set")
        elif not 0 < tuning.threshold <= MOST_THRESHOLD:
            yield Wrong("threshold", f"it is a number above 0, up to {MOST_THRESHOLD}")
    if tuning.timespan is not None:
        yield from _wrong_timespan(tuning.timespan, facts)


def _wrong_timespan(timespan: timedelta, facts: RuleFacts) -> Iterator[Wrong]:
    if facts.timespan is None:
        yield Wrong("timespan_seconds", "this detection judges single events: it has no window")
        return
    longest = max(LONGEST_TIMESPAN, facts.timespan)
    if not SHORTEST_TIMESPAN <= timespan <= longest:
        seconds = f"{SHORTEST_TIMESPAN.total_seconds():.0f} to {longest.total_seconds():.0f}"
        yield Wrong("timespan_seconds", f"it is from {seconds} here")


def wrong_time(one: ExceptionRule | Silence, *, at: datetime) -> Iterator[Wrong]:
    """Yield what is wrong with the time of an exception or silence that begins to be asked for at `at`."""
    if one.ends_at <= at or one.ends_at <= one.begins_at:
        yield Wrong("ends_at", "it lies in the future, and after the beginning")
    elif one.ends_at - at > LONGEST_EXCEPTION:
        yield Wrong("ends_at", f"it is {LONGEST_EXCEPTION.days} days away at most")
