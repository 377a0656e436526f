"""What monitoring announces: alerts with their evidence, what people make of them, and the incidents they form."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import FailFast, Field, JsonValue

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
    rule: Name | None = None
    """The rule that the event matched, where the alert's rule rests on several."""


class Entity(Payload):
    """Somebody or something that an alert is about."""

    kind: Name
    """`user`, `credential`, `ip`, `session`, `device`, `agent`, `role`, `tenant` or `source`; more kinds may come."""
    id: Name


class AlertMode(StrEnum):
    """Whether the detection is in force."""

    LIVE = "live"
    SHADOW = "shadow"
    """It is being tried out: its alerts are kept, and neither announced nor counted as risk."""


class SuppressionKind(StrEnum):
    """What keeps events, or a whole alert, from being told."""

    EXCEPTION = "exception"
    SILENCE = "silence"
    DISABLED = "disabled"


class Suppression(Payload):
    """Why an alert is not raised or, of one that is, what it does not count."""

    kind: SuppressionKind
    id: Name
    """Of the exception or silence, or the rule that is disabled."""
    reason: Text
    events: Annotated[int, Field(ge=0)]
    """How many events it concerns."""


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
    approximate: bool = False
    """Whether a limit of what is remembered made a count or the evidence inexact."""
    mode: AlertMode = AlertMode.LIVE
    suppressed: bool = False
    """Whether it is kept and not raised, for the reasons in `suppressed_by`."""
    suppressed_by: Annotated[tuple[Suppression, ...], Field(max_length=32), FailFast()] = ()
    context: dict[Name, JsonValue] = Field(default_factory=dict, max_length=16)
    """What was known when it was decided, such as `origin`, `agent`, `user`, `credential`, and under `databases` by
    which editions of which data."""
    entities: Annotated[tuple[Entity, ...], Field(max_length=32), FailFast()] = ()
    risk: Annotated[float, Field(ge=0)] = 0.0
    """Points that it adds to the risk of what it is about."""
    tactics: Annotated[tuple[Name, ...], Field(max_length=32), FailFast()] = ()
    """ATT&CK tactics, such as `credential-access`."""
    runbook: Text | None = None
    """What to look at, how to contain, when to close; its first 2,048 characters."""
    false_positives: Annotated[tuple[Text, ...], Field(max_length=32), FailFast()] = ()
    """What looks the same and is harmless."""


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


class TriageState(StrEnum):
    """How far people are with an alert; whether its episode goes on is another matter."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    SUPPRESSED = "suppressed"
    """It was not raised; only the engine says so."""


class Verdict(StrEnum):
    """What an alert turned out to be."""

    TRUE_POSITIVE = "true_positive"
    BENIGN = "benign"
    """It happened, and was in order."""
    FALSE_POSITIVE = "false_positive"
    """It did not happen as the detection says."""


class AlertTriageData(Payload):
    """How people stand to an alert now; who changed it is the event's `actorid`."""

    alert_id: Name
    state: TriageState
    previous_state: TriageState
    verdict: Verdict | None = None
    """Of a resolved alert."""
    assignee: Name | None = None
    reason: Text | None = None
    note_id: Name | None = None
    """Of the note that was added, where that is what happened; its text stays with monitoring."""
    has_new_evidence: bool = False
    """Whether the episode went on after the verdict."""
    incident_id: Name | None = None
    version: Annotated[int, Field(ge=1)]
    """Grows with each change."""


class AlertTriaged(Event):
    """Somebody acknowledged, took, judged, reopened or annotated an alert. `subject` is the alert id."""

    type: Literal["nuxari.security.alert_triaged.v1"] = "nuxari.security.alert_triaged.v1"
    data: AlertTriageData


class DigestedGroup(Payload):
    """One group of a digest."""

    group: Annotated[dict[Name, Text], Field(max_length=16)]
    alerts: Annotated[int, Field(ge=1)]
    events: Annotated[int, Field(ge=0)]


class AlertDigestData(Payload):
    """Alerts of one rule that were told together, as there were too many to tell each by itself."""

    digest_id: Name
    rule: RuleReference
    since: Timestamp
    until: Timestamp
    """They were kept in `[since, until)`."""
    count: Annotated[int, Field(ge=1)]
    severities: Annotated[dict[Name, int], Field(max_length=8)]
    """How many there are of each severity."""
    groups: Annotated[tuple[DigestedGroup, ...], Field(max_length=32), FailFast()]
    """The ones with the most events, most first."""
    group_count: Annotated[int, Field(ge=1)]
    """How many different ones there are in all."""
    limit: Annotated[int, Field(ge=1)]
    """Alerts that one rule may tell by themselves per tenant and hour."""


class AlertDigested(Event):
    """A rule raised more alerts than are told one by one. `subject` is the rule's id; each alert can be searched."""

    type: Literal["nuxari.security.alert_digested.v1"] = "nuxari.security.alert_digested.v1"
    data: AlertDigestData


class IncidentState(StrEnum):
    """How far people are with an incident."""

    OPEN = "open"
    IN_PROGRESS = "in_progress"
    RESOLVED = "resolved"
    MERGED = "merged"
    """Its alerts belong to `merged_into` now."""
    TAKEN_BACK = "taken_back"
    """None of its alerts stands any more."""


class IncidentData(Payload):
    """Alerts that share somebody or something, within a day of one another."""

    incident_id: Name
    state: IncidentState
    severity: Severity
    """The highest of its alerts."""
    summary: Text
    entities: Annotated[tuple[Entity, ...], Field(max_length=32), FailFast()]
    """Those of the most alerts first."""
    rules: Annotated[tuple[Name, ...], Field(max_length=64), FailFast()]
    """Ids of the rules that raised its alerts."""
    alert_count: Annotated[int, Field(ge=0)]
    alert_ids: Annotated[tuple[Name, ...], Field(max_length=64), FailFast()]
    """The first ones where there are more than fit."""
    first_seen: Timestamp
    last_seen: Timestamp
    assignee: Name | None = None
    verdict: Verdict | None = None
    """Of a resolved incident."""
    merged_into: Name | None = None
    version: Annotated[int, Field(ge=1)]
    """Grows with each announcement of the same incident."""


class IncidentOpened(Event):
    """The first alert of an incident was raised, or a late one moved its beginning. `subject` is the incident id."""

    type: Literal["nuxari.security.incident_opened.v1"] = "nuxari.security.incident_opened.v1"
    data: IncidentData


class IncidentUpdated(Event):
    """An incident grew, became graver, or somebody took it."""

    type: Literal["nuxari.security.incident_updated.v1"] = "nuxari.security.incident_updated.v1"
    data: IncidentData


class IncidentClosed(Event):
    """An incident was resolved, became part of another one, or none of its alerts stands any more: see its state."""

    type: Literal["nuxari.security.incident_closed.v1"] = "nuxari.security.incident_closed.v1"
    data: IncidentData


SecurityAlerts = Annotated[
    AlertRaised
    | AlertUpdated
    | AlertClosed
    | AlertTriaged
    | AlertDigested
    | IncidentOpened
    | IncidentUpdated
    | IncidentClosed,
    Field(discriminator="type"),
]
"""The contract of `security.alerts`."""
