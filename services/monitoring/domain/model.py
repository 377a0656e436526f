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
    subject: str = ""
    actor: str | None = None
    sequence: str | None = None
    alert: AlertFacts | None = None
    """Of an alert that is fed back to the rules: what they may ask about it besides its data."""


class AlertFacts(msgspec.Struct, frozen=True, gc=False):
    """What rules over alerts look at besides the alert itself."""

    user: str | None
    """Whom the alert is about."""
    entity: str | None
    """`kind:id` of the first entity that it is about."""
    risk: float
    tactics: list[str]
    """ATT&CK tactics, such as `credential-access`."""


class Technique(NamedTuple):
    """A MITRE ATT&CK technique."""

    id: str
    version: str


class Entity(NamedTuple):
    """Somebody or something that an alert is about."""

    kind: str
    """`user`, `credential`, `ip`, `session`, `device`, `tenant` or `source`."""
    id: str


class Suppression(NamedTuple):
    """Why an alert is not raised, or what of its events is not counted."""

    kind: str
    """`exception`, `silence` or `disabled`."""
    id: str
    reason: str
    events: int
    """How many it concerns."""


class Shown(NamedTuple):
    """One event of an alert's evidence."""

    time_ms: int
    source: str
    id: str
    role: str
    """What the event is to the rule: the name of the rule that matched it."""
    topic: str
    partition: int
    offset: int
    type: str


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
    evidence: tuple[Shown, ...]
    attack: tuple[Technique, ...]
    approximate: bool = False
    """Whether a limit of the state made a count or the evidence inexact."""
    entities: tuple[Entity, ...] = ()
    tactics: tuple[str, ...] = ()
    mode: str = "live"
    """`live` or `shadow`."""
    suppressed_by: tuple[Suppression, ...] = ()
    """Why it is not raised; of one that is raised, what it does not count."""
    is_suppressed: bool = False
    context: dict[str, Any] = {}
    """Enrichments with their values when the alert was decided; no part of what makes two alerts differ."""


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
