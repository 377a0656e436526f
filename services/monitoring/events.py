"""What becomes of alerts as events of `security.alerts`: the only file that knows both the engine and the contract."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from itertools import islice
from typing import Any, NamedTuple

from nuxari_events.alerts import (
    AlertClosed,
    AlertClosureData,
    AlertData,
    AlertDigestData,
    AlertDigested,
    AlertMode,
    AlertRaised,
    AlertTriaged,
    AlertTriageData,
    AlertUpdated,
    AttackTechnique,
    ClosureReason,
    DigestedGroup,
    Entity,
    Evidence,
    IncidentClosed,
    IncidentData,
    IncidentOpened,
    IncidentState,
    IncidentUpdated,
    RuleReference,
    Severity,
    Suppression,
    SuppressionKind,
    TriageState,
    Verdict,
    Window,
)
from nuxari_events.ids import derived_id

from services.monitoring.domain import incidents
from services.monitoring.domain.alerting import RISK
from services.monitoring.domain.flood import Digest
from services.monitoring.domain.model import Alert, Closed, Shown
from services.monitoring.domain.triage import Triage
from services.monitoring.sigma.pack import pack

SOURCE = "/nuxari/monitoring"

MOST_TECHNIQUES = 16
"""Of an alert (its contract), as are the next three."""

MOST_OF_A_KIND = 32

LONGEST_TEXT = 2048

LARGEST_CONTEXT = 16


class By(NamedTuple):
    """Who did it, and why; nobody where time or the engine did."""

    actor_id: str | None = None
    correlation_id: str | None = None
    reason: str | None = None
    note_id: str | None = None


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
        approximate=alert.approximate,
        mode=AlertMode(alert.mode),
        suppressed=alert.is_suppressed,
        suppressed_by=tuple(
            Suppression(kind=SuppressionKind(one.kind), id=one.id, reason=one.reason[:LONGEST_TEXT], events=one.events)
            for one in alert.suppressed_by[:MOST_OF_A_KIND]
        ),
        context=dict(islice(alert.context.items(), LARGEST_CONTEXT)),
        entities=tuple(Entity(kind=one.kind, id=one.id) for one in alert.entities[:MOST_OF_A_KIND]),
        risk=RISK[alert.severity],
        tactics=alert.tactics[:MOST_OF_A_KIND],
        **_guide(alert.rule_id),
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


def triaged(
    alert_id: str,
    before: Triage,
    after: Triage,
    *,
    tenant_id: str,
    by: By,
    incident_id: str | None,
    at: datetime,
) -> AlertTriaged:
    """Return the announcement of what somebody makes of an alert."""
    data = AlertTriageData(
        alert_id=alert_id,
        state=TriageState(after.state),
        previous_state=TriageState(before.state),
        verdict=None if after.verdict is None else Verdict(after.verdict),
        assignee=after.assignee,
        reason=by.reason,
        note_id=by.note_id,
        has_new_evidence=after.has_new_evidence,
        incident_id=incident_id,
        version=after.version,
    )
    return AlertTriaged(
        id=derived_id(alert_id, "triage", str(after.version)),
        source=SOURCE,
        time=at,
        subject=alert_id,
        tenantid=tenant_id,
        actorid=by.actor_id,
        correlationid=by.correlation_id,
        data=data,
    )


def digested(digest_id: str, digest: Digest, *, tenant_id: str, limit: int, at: datetime) -> AlertDigested:
    """Return the announcement of alerts that are told together."""
    rule = RuleReference(**digest.rule)
    data = AlertDigestData(
        digest_id=digest_id,
        rule=rule,
        since=digest.since,
        until=at,
        count=digest.count,
        severities=dict(digest.severities),
        groups=tuple(DigestedGroup(**one) for one in digest.groups),
        group_count=digest.group_count,
        limit=limit,
    )
    return AlertDigested(id=digest_id, source=SOURCE, time=at, subject=rule.id, tenantid=tenant_id, data=data)


_OF_INCIDENT: dict[str, type[IncidentOpened | IncidentUpdated | IncidentClosed]] = {
    "opened": IncidentOpened,
    "updated": IncidentUpdated,
    "closed": IncidentClosed,
}


def of_incident(
    incident: incidents.Incident,
    members: incidents.Members,
    *,
    kind: str,
    tenant_id: str,
    by: By,
    at: datetime,
) -> IncidentOpened | IncidentUpdated | IncidentClosed:
    """Return the announcement that an incident was `opened`, `updated` or `closed`."""
    data = IncidentData(
        incident_id=incident.incident_id,
        state=IncidentState(incident.state),
        severity=Severity(incident.severity),
        summary=incident_summary(incident, members),
        entities=tuple(Entity(kind=one.kind, id=one.id) for one in members.entities),
        rules=incident.rules[: 2 * MOST_OF_A_KIND],
        alert_count=incident.alert_count,
        alert_ids=members.alert_ids,
        first_seen=incident.first_seen,
        last_seen=incident.last_seen,
        assignee=incident.assignee,
        verdict=None if incident.verdict is None else Verdict(incident.verdict),
        merged_into=incident.merged_into,
        version=incident.version,
    )
    return _OF_INCIDENT[kind](
        id=derived_id(incident.incident_id, str(incident.version)),
        source=SOURCE,
        time=at,
        subject=incident.incident_id,
        tenantid=tenant_id,
        actorid=by.actor_id,
        correlationid=by.correlation_id,
        data=data,
    )


def incident_summary(incident: incidents.Incident, members: incidents.Members) -> str:
    """Return one sentence: how many alerts of how many detections, about whom."""
    about = ", ".join(f"{one.kind} {one.id}" for one in members.entities if one.kind in incidents.LINKING)
    alerts, detections = _several(incident.alert_count, "alert"), _several(len(incident.rules), "detection")
    return f"{alerts} of {detections}{f' about {about}' if about else ''}"[:LONGEST_TEXT]


def _several(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


@cache
def _guide(rule_id: str) -> dict[str, Any]:
    """Return what the rule says to whoever looks into its alerts; nothing of a rule that is not of the pack."""
    head = pack().find(rule_id)
    if head is None:
        return {}
    runbook = head.extensions.get("runbook")
    return {
        "runbook": None if runbook is None else str(runbook)[:LONGEST_TEXT],
        "false_positives": tuple(one[:LONGEST_TEXT] for one in head.false_positives[:MOST_OF_A_KIND]),
    }


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
        rule=entry.role,
    )


def _time(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
