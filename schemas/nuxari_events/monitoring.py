"""What monitoring announces of itself: detections that were silenced or configured, and by whom."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from nuxari_events.envelope import Event, Name, Payload, Text, Timestamp


class SilenceData(Payload):
    """A detection, or all of them, kept quiet about somebody or something; who did so is the event's `actorid`."""

    silence_id: Name
    rule_id: Name | None = None
    """None: every detection."""
    user_id: Name | None = None
    """About whom, where it is about one user; None where it is about more, or about something else."""
    condition: Text | None = None
    """Which events or alerts it is about, as it was written; None: all."""
    owner_id: Name | None = None
    """Who answers for it."""
    reason: Text | None = None
    ends_at: Timestamp | None = None
    approval_request_id: Name | None = None
    """The approved request that it carries out; None means that nobody approved it, or that it needs nobody."""


class DetectionSilenced(Event):
    """What a detection finds is not raised, for a time and under a condition: a silence or an exception."""

    type: Literal["nuxari.monitoring.detection_silenced.v1"] = "nuxari.monitoring.detection_silenced.v1"
    data: SilenceData


class SilenceEndReason(StrEnum):
    """Why a silence ended."""

    EXPIRED = "expired"
    LIFTED = "lifted"


class SilenceEndData(Payload):
    """The end of one silence."""

    silence_id: Name
    rule_id: Name | None = None
    """None: every detection."""
    reason: SilenceEndReason


class SilenceEnded(Event):
    """What a detection finds is raised again."""

    type: Literal["nuxari.monitoring.silence_ended.v1"] = "nuxari.monitoring.silence_ended.v1"
    data: SilenceEndData


class DetectionSetting(StrEnum):
    """What of a detection, or of what detections know, was set."""

    ENABLED = "enabled"
    SEVERITY = "severity"
    THRESHOLD = "threshold"
    WINDOW = "window"
    RULE = "rule"
    """The text of a tenant's own rule."""
    TRUSTED_NETWORKS = "trusted_networks"
    VPN_NETWORKS = "vpn_networks"
    MOBILE_NETWORKS = "mobile_networks"
    WORKING_HOURS = "working_hours"
    OTHER = "other"


class DetectionConfigurationData(Payload):
    """One setting that changed; who changed it is the event's `actorid`."""

    rule_id: Name | None = None
    """None: the setting is the tenant's, for every detection."""
    setting: DetectionSetting
    weakened: bool | None = None
    """Whether less is raised than before, or with a lower severity; None where it cannot be told."""
    before: Text | None = None
    after: Text | None = None
    version: Annotated[int, Field(ge=1)] | None = None
    """Of the tenant's configuration that counts from now on."""
    approval_request_id: Name | None = None
    """The approved request that the change carries out; None means that nobody approved it, or that it needs nobody."""


class DetectionConfigurationChanged(Event):
    """A detection was enabled, disabled, tuned or rewritten, or a list that detections rest on was changed."""

    type: Literal["nuxari.monitoring.detection_configuration_changed.v1"] = (
        "nuxari.monitoring.detection_configuration_changed.v1"
    )
    data: DetectionConfigurationData


class DeliveryTargetKind(StrEnum):
    """Where alerts are sent."""

    WEBHOOK = "webhook"
    NOTIFICATION = "notification"


class DeliveryTargetDisabledReason(StrEnum):
    """Why nothing is sent there any more."""

    GONE = "gone"
    """It answered 410: whoever runs it wants nothing more."""
    FAILING = "failing"
    """Nothing arrived for days."""


class DeliveryTargetData(Payload):
    """One webhook or notification target of the tenant."""

    target_id: Name
    kind: DeliveryTargetKind
    name: Name
    reason: DeliveryTargetDisabledReason
    failing_since: Timestamp | None = None
    """When the first of the deliveries failed since which none arrived."""


class DeliveryTargetDisabled(Event):
    """Alerts are no longer sent somewhere, and nobody decided that: what waits is sent when it is enabled again."""

    type: Literal["nuxari.monitoring.delivery_target_disabled.v1"] = "nuxari.monitoring.delivery_target_disabled.v1"
    data: DeliveryTargetData


MonitoringLifecycle = Annotated[
    DetectionSilenced | SilenceEnded | DetectionConfigurationChanged | DeliveryTargetDisabled,
    Field(discriminator="type"),
]
"""The contract of `monitoring.lifecycle`."""
