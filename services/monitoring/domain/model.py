"""What goes in and what comes out: facts, alerts, and what became of an alert."""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec


class Fact(msgspec.Struct, frozen=True, gc=False):
    """One event as the engine sees it: flat, checked, with its place in Kafka. Times are ms since the epoch."""

    type: str
    source: str
    id: str
    time_ms: int
    tenant: str
    data: Any
    """The event's data, read by attribute; its shape is fixed by `type`."""
    topic: str
    partition: int
    offset: int
    ingested_ms: int
    """When Kafka took it: the same at every replay."""


class Entry(NamedTuple):
    """One event kept in a group's state. Entries sort by time, then source, then id: the order of every rule."""

    time_ms: int
    source: str
    id: str
    role: str
    """What the event is to the rule."""
    topic: str
    partition: int
    offset: int
    type: str
    object: str = ""
    """What was used, where the rule must know it: a credential's id."""


class Technique(NamedTuple):
    """A MITRE ATT&CK technique."""

    id: str
    version: str


class Alert(msgspec.Struct, frozen=True):
    """One episode of one rule in one group, explained."""

    alert_id: str
    tenant: str
    rule_id: str
    rule_number: int
    rule_title: str
    rule_version: str
    severity: str
    summary: str
    group: dict[str, str]
    after_ms: int
    until_ms: int
    """The value was counted over `(after, until]`."""
    value: float
    threshold: float
    first_seen_ms: int
    last_seen_ms: int
    related_events_count: int
    evidence: tuple[Entry, ...]
    attack: tuple[Technique, ...]
    approximate: bool = False
    """Whether a limit of the state made a count or the evidence inexact."""


class Raised(msgspec.Struct, frozen=True, tag=True):
    """A new alert stands."""

    alert: Alert


class Updated(msgspec.Struct, frozen=True, tag=True):
    """A standing alert has new counts, times or evidence."""

    alert: Alert


class Closed(msgspec.Struct, frozen=True, tag=True):
    """An alert no longer stands."""

    alert: Alert
    reason: str
    """`quiet`, `satisfied` or `superseded`."""
    superseded_by: str | None = None


Change = Raised | Updated | Closed
