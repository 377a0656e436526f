"""The topic registry: after this, nobody writes a topic's name, key, size or contract a second time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Literal, get_args

from pydantic import TypeAdapter

from nuxari_events.activity import AccessActivity
from nuxari_events.alerts import SecurityAlerts
from nuxari_events.credentials import CredentialLifecycle, CredentialObservations
from nuxari_events.envelope import Event
from nuxari_events.findings import SecurityFindings
from nuxari_events.identity import IdentityLifecycle, TokensRevoked, TokenWatermarks
from nuxari_events.monitoring import MonitoringLifecycle
from nuxari_events.pim import PimLifecycle

PARTITIONS = 6
"""The same on every topic that monitoring joins: partition n of each is then at the same member."""

DEAD_LETTER_SUFFIX = ".dlq"


def _by_tenant(event: Event) -> str:
    return event.tenantid


def _by_subject(event: Event) -> str:
    session = (event.data.session_id or "") if isinstance(event, TokensRevoked) else ""
    return f"{event.tenantid}|{event.subject}|{session}"


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One Kafka topic: who writes and reads it, how it is kept, and what it may contain."""

    name: str
    contract: Any
    """The union of the event classes that it may contain, discriminated by `type`."""
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    key: Callable[[Event], str] = _by_tenant
    key_description: str = "tenant id"
    partitions: int = PARTITIONS
    retention: timedelta | None = None
    """None: kept for ever."""
    cleanup: Literal["delete", "compact"] = "delete"
    content_mode: Literal["structured", "binary"] = "structured"
    """Of what we write (CloudEvents Kafka binding): `binary` where the value alone is a document of another standard.
    Both are read on every topic."""

    @property
    def dead_letter(self) -> str:
        """Where messages go that a consumer could not take."""
        return self.name + DEAD_LETTER_SUFFIX

    @property
    def event_classes(self) -> tuple[type[Event], ...]:
        """Every event class of the contract."""
        return event_classes(self.contract)

    @property
    def event_types(self) -> frozenset[str]:
        """Every CloudEvents `type` of the contract."""
        return frozenset(event_type(cls) for cls in self.event_classes)


def event_classes(contract: Any) -> tuple[type[Event], ...]:  # noqa: ANN401 - a union is no class
    """Return the event classes of a contract, in their order."""
    union = get_args(contract)[0]
    return get_args(union) or (union,)


def event_type(cls: type[Event]) -> str:
    """Return the CloudEvents `type` that the class fixes."""
    return str(cls.model_fields["type"].default)


ACCESS_ACTIVITY = Topic(
    name="access.activity",
    contract=AccessActivity,
    producers=("other Nuxari components", "identity"),
    consumers=("monitoring",),
    retention=timedelta(days=7),
)
IDENTITY_LIFECYCLE = Topic(
    name="identity.lifecycle",
    contract=IdentityLifecycle,
    producers=("identity",),
    consumers=("pim", "credential_governance", "monitoring", "others"),
)
PIM_LIFECYCLE = Topic(
    name="pim.lifecycle",
    contract=PimLifecycle,
    producers=("pim",),
    consumers=("identity", "credential_governance", "monitoring", "others"),
)
CREDENTIAL_OBSERVATIONS = Topic(
    name="credential.observations",
    contract=CredentialObservations,
    producers=("connectors", "scanners"),
    consumers=("credential_governance",),
    retention=timedelta(days=7),
)
CREDENTIAL_LIFECYCLE = Topic(
    name="credential.lifecycle",
    contract=CredentialLifecycle,
    producers=("credential_governance",),
    consumers=("pim", "monitoring", "others"),
)
MONITORING_LIFECYCLE = Topic(
    name="monitoring.lifecycle",
    contract=MonitoringLifecycle,
    producers=("monitoring",),
    consumers=("monitoring", "others"),
)
SECURITY_ALERTS = Topic(
    name="security.alerts",
    contract=SecurityAlerts,
    producers=("monitoring",),
    consumers=("others", "the services"),
)
SECURITY_FINDINGS = Topic(
    name="security.findings.ocsf",
    contract=SecurityFindings,
    producers=("monitoring",),
    consumers=("others",),
    retention=timedelta(days=90),
    content_mode="binary",
)
TOKEN_WATERMARKS = Topic(
    name="identity.token_watermarks",
    contract=TokenWatermarks,
    producers=("identity",),
    consumers=("identity", "pim", "credential_governance", "monitoring"),
    key=_by_subject,
    key_description="tenant id, user id and session id",
    cleanup="compact",
)

TOPICS: tuple[Topic, ...] = (
    ACCESS_ACTIVITY,
    IDENTITY_LIFECYCLE,
    PIM_LIFECYCLE,
    CREDENTIAL_OBSERVATIONS,
    CREDENTIAL_LIFECYCLE,
    MONITORING_LIFECYCLE,
    SECURITY_ALERTS,
    SECURITY_FINDINGS,
    TOKEN_WATERMARKS,
)
"""Every topic, in the order a reader meets them."""

BY_NAME: dict[str, Topic] = {topic.name: topic for topic in TOPICS}

BY_EVENT_TYPE: dict[str, Topic] = {name: topic for topic in TOPICS for name in topic.event_types}
"""Each event type belongs to exactly one topic."""


@cache
def contract(topic: Topic) -> TypeAdapter[Event]:
    """Return the validator of a topic's events; use its `validate_json` (strict models read JSON, not objects)."""
    return TypeAdapter(topic.contract)
