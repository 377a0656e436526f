"""Changes of alerts as events of `security.alerts`: the only file that knows both the engine and the contract."""

from __future__ import annotations

from datetime import UTC, datetime

from nuxari_events.alerts import (
    AlertClosed,
    AlertClosureData,
    AlertData,
    AlertRaised,
    AlertUpdated,
    AttackTechnique,
    ClosureReason,
    Evidence,
    RuleReference,
    Severity,
    Window,
)
from nuxari_events.ids import derived_id

from services.monitoring.domain.model import Alert, Closed, Shown

SOURCE = "/nuxari/monitoring"

MOST_TECHNIQUES = 16
"""Of an alert (its contract)."""


def alert_data(alert: Alert, *, revision: int) -> AlertData:
    """Return the alert in the words of the contract."""
    return AlertData(
        alert_id=alert.alert_id,
        rule=RuleReference(
            id=alert.rule_id, number=alert.rule_number, title=alert.rule_title, version=alert.rule_version
        ),
        severity=Severity(alert.severity),
        title=alert.rule_title,
        summary=alert.summary,
        group=alert.group,
        window=Window(after=_time(alert.after_ms), until=_time(alert.until_ms)),
        value=alert.value,
        threshold=alert.threshold,
        first_seen=_time(alert.first_seen_ms),
        last_seen=_time(alert.last_seen_ms),
        related_events_count=alert.related_events_count,
        evidence=tuple(_evidence(entry) for entry in alert.evidence),
        attack=tuple(AttackTechnique(id=one.id, version=one.version) for one in alert.attack)[:MOST_TECHNIQUES],
        revision=revision,
    )


def raised(data: AlertData, *, tenant_id: str, at: datetime) -> AlertRaised:
    """Return the announcement of an alert that stands (again)."""
    return AlertRaised(id=_id(data), source=SOURCE, time=at, subject=data.alert_id, tenantid=tenant_id, data=data)


def updated(data: AlertData, *, tenant_id: str, at: datetime) -> AlertUpdated:
    """Return the announcement of a standing alert's new counts, times or evidence."""
    return AlertUpdated(id=_id(data), source=SOURCE, time=at, subject=data.alert_id, tenantid=tenant_id, data=data)


def closed(data: AlertData, change: Closed, *, tenant_id: str, at: datetime) -> AlertClosed:
    """Return the announcement of an alert that no longer stands."""
    closure = AlertClosureData.model_construct(
        **dict(data), reason=ClosureReason(change.reason), superseded_by=change.superseded_by
    )
    return AlertClosed(id=_id(data), source=SOURCE, time=at, subject=data.alert_id, tenantid=tenant_id, data=closure)


def _id(data: AlertData) -> str:
    """Name the announcement by alert and revision: a replay that announces it again gives it the same id."""
    return derived_id(data.alert_id, str(data.revision))


def _evidence(entry: Shown) -> Evidence:
    return Evidence(
        topic=entry.topic,
        partition=entry.partition,
        offset=entry.offset,
        source=entry.source,
        event_id=entry.id,
        type=entry.type,
        time=_time(entry.time_ms),
        role=entry.role,
    )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
