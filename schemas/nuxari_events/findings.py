"""OCSF 1.8 Detection Finding (class 2004) as models: the part of the class that alerts have something to say to."""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Literal

from pydantic import FailFast, Field, JsonValue

from nuxari_events.alerts import Evidence
from nuxari_events.envelope import Event, Name, Payload, Text

Milliseconds = Annotated[int, Field(description="Since 1970-01-01T00:00:00Z, as OCSF's `timestamp_t`.")]


class OcsfActivity(IntEnum):
    """What happened to the finding (`activity_id`)."""

    CREATE = 1
    UPDATE = 2
    CLOSE = 3


class OcsfSeverity(IntEnum):
    """How grave it is (`severity_id`)."""

    INFORMATIONAL = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5


class OcsfStatus(IntEnum):
    """How people stand to the finding (`status_id`)."""

    NEW = 1
    IN_PROGRESS = 2
    SUPPRESSED = 3
    RESOLVED = 4
    DELETED = 6
    """It should not have been created: what it rests on was taken back by an event that came late."""


class OcsfVerdict(IntEnum):
    """What it turned out to be (`verdict_id`)."""

    FALSE_POSITIVE = 1
    TRUE_POSITIVE = 2
    BENIGN = 5


class OcsfObservableKind(IntEnum):
    """What an observable is (`type_id`)."""

    IP_ADDRESS = 2
    RESOURCE_UID = 10
    USER_UID = 31


class OcsfProduct(Payload):
    """Who reports."""

    name: Name
    vendor_name: Name
    version: Name


class OcsfMetadata(Payload):
    """Of the finding as a message."""

    version: Literal["1.8.0"] = "1.8.0"
    """Of OCSF."""
    product: OcsfProduct
    profiles: tuple[Literal["incident"], ...] = ("incident",)
    """For `assignee` and `verdict_id`."""
    uid: Name
    """Of the event of `security.alerts` that it is made from."""
    tenant_uid: Name
    log_name: Name
    event_code: Name
    """The type of that event."""
    correlation_uid: Name | None = None
    is_truncated: bool = False
    """Whether there is more evidence than is listed, or `unmapped` had no room."""


class OcsfAnalytic(Payload):
    """The rule that found it."""

    uid: Name
    name: Name
    type_id: Literal[1] = 1
    type: Literal["Rule"] = "Rule"
    version: Name


class OcsfTechnique(Payload):
    """A technique or a sub-technique of ATT&CK."""

    uid: Name
    name: Name | None = None


class OcsfTactic(Payload):
    """A tactic of ATT&CK; one without an id has the name that the rule gives it."""

    uid: Name | None = None
    name: Name


class OcsfAttack(Payload):
    """One technique or one tactic: which technique serves which tactic is not known of an alert."""

    technique: OcsfTechnique | None = None
    sub_technique: OcsfTechnique | None = None
    tactic: OcsfTactic | None = None
    version: Name | None = None


class OcsfFindingInfo(Payload):
    """What was found."""

    uid: Name
    """The alert's id: the same in every message about it."""
    title: Name
    desc: Text
    analytic: OcsfAnalytic
    attacks: Annotated[tuple[OcsfAttack, ...], Field(max_length=64), FailFast()] = ()
    created_time: Milliseconds | None = None
    """In the message that creates it."""
    modified_time: Milliseconds
    first_seen_time: Milliseconds
    last_seen_time: Milliseconds
    related_events_count: int
    types: tuple[Name, ...] = ()


class OcsfUser(Payload):
    """A user."""

    uid: Name


class OcsfEndpoint(Payload):
    """Where something came from."""

    ip: Name


class OcsfEvidence(Payload):
    """One event that it rests on, a user, or an address."""

    uid: Name | None = None
    name: Name | None = None
    data: Evidence | None = None
    user: OcsfUser | None = None
    src_endpoint: OcsfEndpoint | None = None


class OcsfResource(Payload):
    """Whom or what it is about, where that is neither a user nor an address."""

    uid: Name
    type: Name


class OcsfObservable(Payload):
    """A value to search for, and where in the finding it stands."""

    name: Name
    type_id: OcsfObservableKind
    type: Name
    value: Name


class OcsfRemediation(Payload):
    """What to do."""

    desc: Text


class OcsfDetectionFinding(Payload):
    """An alert, or a digest of alerts, as OCSF 1.8 has it."""

    category_uid: Literal[2] = 2
    category_name: Literal["Findings"] = "Findings"
    class_uid: Literal[2004] = 2004
    class_name: Literal["Detection Finding"] = "Detection Finding"
    activity_id: OcsfActivity
    activity_name: Name
    type_uid: Literal[200401, 200402, 200403]
    type_name: Name
    time: Milliseconds
    """When it was announced."""
    start_time: Milliseconds
    end_time: Milliseconds
    """Of the first and the last event that it rests on."""
    severity_id: OcsfSeverity
    severity: Name
    status_id: OcsfStatus | None = None
    status: Name | None = None
    status_code: Name | None = None
    """Of one that is closed: why."""
    status_detail: Text | None = None
    verdict_id: OcsfVerdict | None = None
    verdict: Name | None = None
    assignee: OcsfUser | None = None
    is_alert: bool
    message: Text
    risk_score: Annotated[int, Field(ge=0)] | None = None
    count: Annotated[int, Field(ge=1)] | None = None
    """Of a digest: how many alerts it tells."""
    finding_info: OcsfFindingInfo
    evidences: Annotated[tuple[OcsfEvidence, ...], Field(max_length=96), FailFast()] = ()
    resources: Annotated[tuple[OcsfResource, ...], Field(max_length=32), FailFast()] = ()
    observables: Annotated[tuple[OcsfObservable, ...], Field(max_length=32), FailFast()] = ()
    remediation: OcsfRemediation | None = None
    metadata: OcsfMetadata
    unmapped: dict[str, JsonValue] = Field(default_factory=dict)
    """What else the alert says, as `security.alerts` says it."""


class DetectionFindingReported(Event):
    """What `security.alerts` said of an alert, once more in the words of OCSF. `subject` is the alert's id."""

    type: Literal["nuxari.security.detection_finding_reported.v1"] = "nuxari.security.detection_finding_reported.v1"
    data: OcsfDetectionFinding


SecurityFindings = Annotated[DetectionFindingReported, Field()]
"""The contract of `security.findings.ocsf`."""
