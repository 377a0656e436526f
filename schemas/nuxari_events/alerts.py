"""What monitoring announces: one alert per episode, with the evidence that explains it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import FailFast, Field

from nuxari_events.envelope import Event, EventId, Name, Payload, Source, Text, Timestamp


class Severity(StrEnum):
    """Alert severity, most severe first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFORMATIONAL = "informational"


class RuleReference(Payload):
    """The rule that fired, exactly."""

    id: Name
    number: int
    """Its number in the catalogue of detections."""
    title: Name
    version: Name
    """First 12 hex digits of the SHA-256 of the rule's definition."""


class AttackTechnique(Payload):
    """A MITRE ATT&CK technique and the version of ATT&CK that the id is taken from."""

    id: Annotated[str, Field(pattern=r"^T[0-9]{4}(\.[0-9]{3})?$")]
    version: Name


class Window(Payload):
    """The span of event time `(after, until]` that the value was counted over."""

    after: Timestamp
    until: Timestamp


class Evidence(Payload):
    """One event that the alert rests on, and where to find it."""

    topic: Name
    partition: Annotated[int, Field(ge=0)]
    offset: Annotated[int, Field(ge=0)]
    source: Source
    event_id: EventId
    type: Name
    time: Timestamp
    role: Name
    """What the event is to the rule, such as `failure`, `success`, `deactivation`."""


class AlertData(Payload):
    """One alert: who, what, by which rule, over which window, on what evidence."""

    alert_id: Name
    rule: RuleReference
    severity: Severity
    title: Name
    summary: Text
    """One sentence for a person, naming the group, the value and the threshold."""
    group: Annotated[dict[Name, Text], Field(max_length=16)]
    """The fields that the rule groups by, with their values."""
    window: Window
    value: float
    threshold: float
    first_seen: Timestamp
    last_seen: Timestamp
    related_events_count: Annotated[int, Field(ge=0)]
    """Exact, also where `evidence` is cut."""
    evidence: Annotated[tuple[Evidence, ...], Field(max_length=64), FailFast()]
    """In order of event time: the first and the last ones where there are more than fit."""
    attack: Annotated[tuple[AttackTechnique, ...], Field(max_length=16), FailFast()] = ()
    revision: Annotated[int, Field(ge=0)] = 0
    """Grows with each announcement of the same alert."""


class AlertRaised(Event):
    """A rule matched: a new alert stands. `subject` is the alert id."""

    type: Literal["nuxari.security.alert_raised.v1"] = "nuxari.security.alert_raised.v1"
    data: AlertData


class AlertUpdated(Event):
    """The episode of a standing alert went on: its counts, times or evidence changed."""

    type: Literal["nuxari.security.alert_updated.v1"] = "nuxari.security.alert_updated.v1"
    data: AlertData


class ClosureReason(StrEnum):
    """Why an alert no longer stands without anybody's judgement."""

    QUIET = "quiet"
    """The episode is over: nothing more came within the quiet period."""
    SATISFIED = "satisfied"
    """The event that was missing arrived late: what looked wrong was in order."""
    SUPERSEDED = "superseded"
    """A late event changed where the episode begins; `superseded_by` stands in its place."""


class AlertClosureData(AlertData):
    """A closed alert."""

    reason: ClosureReason
    superseded_by: Name | None = None


class AlertClosed(Event):
    """An alert no longer stands."""

    type: Literal["nuxari.security.alert_closed.v1"] = "nuxari.security.alert_closed.v1"
    data: AlertClosureData


SecurityAlerts = Annotated[AlertRaised | AlertUpdated | AlertClosed, Field(discriminator="type")]
"""The contract of `security.alerts`."""
