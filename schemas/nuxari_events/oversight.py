"""What is reported of those who report: audit logs that were changed or broken, connectors that are alive."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from nuxari_events.access import Origin
from nuxari_events.envelope import Event, Name, Payload, Text

Count = Annotated[int, Field(ge=0, le=9_007_199_254_740_991)]
"""Up to 2^53 - 1, which every JSON reader takes exactly (RFC 8259, section 6)."""

Seconds = Annotated[float, Field(ge=0, le=1e9)]
"""A span of time in seconds."""


class AuditLogChange(StrEnum):
    """What was changed of an audit log or of where it is sent."""

    ENABLED = "enabled"
    DISABLED = "disabled"
    DELETED = "deleted"
    RETENTION_CUT = "retention_cut"
    """Entries are kept for a shorter time."""
    NARROWED = "narrowed"
    """Fewer kinds of entries are written."""
    REDIRECTED = "redirected"
    """Entries go elsewhere."""
    CHANGED = "changed"
    """Anything else."""


class AuditLogData(Origin):
    """One change of an audit log; the origin is that of whoever made it, who is the event's `actorid`."""

    log_id: Name
    """The log, trail, stream or sink."""
    system: Name | None = None
    """Where, such as `aws:123456789012`."""
    change: AuditLogChange
    summary: Text | None = None
    """What changed, for a person, such as `retention: 365 d -> 7 d`."""


class AuditLogChanged(Event):
    """An audit log was switched on or off, deleted, cut or redirected."""

    type: Literal["nuxari.access.audit_log_changed.v1"] = "nuxari.access.audit_log_changed.v1"
    data: AuditLogData


class AuditFault(StrEnum):
    """What is wrong with a chain of audit entries."""

    SEQUENCE_MISSING = "sequence_missing"
    """An entry is not there."""
    HASH_MISMATCH = "hash_mismatch"
    """An entry is not what was written, or does not follow from the one before."""
    TRUNCATED = "truncated"
    """The newest entries are gone."""


class AuditChainData(Payload):
    """Where a chain of audit entries is broken."""

    log_id: Name
    system: Name | None = None
    """Whose log it is, such as `nuxari:pim`."""
    fault: AuditFault
    sequence: Count | None = None
    """The number of the first entry that is missing or wrong."""


class AuditChainBroken(Event):
    """A check of a hash-chained audit log failed."""

    type: Literal["nuxari.access.audit_chain_broken.v1"] = "nuxari.access.audit_chain_broken.v1"
    data: AuditChainData


class ConnectorStatus(StrEnum):
    """How a connector is."""

    RUNNING = "running"
    DEGRADED = "degraded"
    """It runs, and reads late or not everything."""
    STOPPED = "stopped"
    """On purpose: its silence from now on means nothing."""


class ConnectorReportData(Payload):
    """A connector's sign of life. Its clock is the event's `time`, to be compared with when the broker took it."""

    connector_id: Name
    status: ConnectorStatus = ConnectorStatus.RUNNING
    system: Name | None = None
    """What it reads, such as `aws:123456789012`."""
    interval_seconds: Seconds | None = None
    """How often it reports; a longer silence is one."""
    lag_seconds: Seconds | None = None
    """The age of the newest record that it has read."""


class ConnectorReported(Event):
    """A connector is there, also when it has nothing to tell."""

    type: Literal["nuxari.access.connector_reported.v1"] = "nuxari.access.connector_reported.v1"
    data: ConnectorReportData
