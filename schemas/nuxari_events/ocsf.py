"""Alerts as OCSF 1.8 Detection Findings (class 2004): after this, nobody thinks about OCSF's ids and captions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import IntEnum
from functools import cache
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any, Literal, NamedTuple

from nuxari_events.alerts import (
    AlertClosed,
    AlertData,
    AlertDigestData,
    AlertDigested,
    AlertMode,
    AlertRaised,
    AlertTriaged,
    AlertUpdated,
    AttackTechnique,
    ClosureReason,
    Entity,
    RuleReference,
    Severity,
    TriageState,
    Verdict,
)
from nuxari_events.attack_names import TACTICS, TECHNIQUES
from nuxari_events.envelope import Event
from nuxari_events.findings import (
    DetectionFindingReported,
    OcsfActivity,
    OcsfAnalytic,
    OcsfAttack,
    OcsfDetectionFinding,
    OcsfEndpoint,
    OcsfEvidence,
    OcsfFindingInfo,
    OcsfMetadata,
    OcsfObservable,
    OcsfObservableKind,
    OcsfProduct,
    OcsfRemediation,
    OcsfResource,
    OcsfSeverity,
    OcsfStatus,
    OcsfTactic,
    OcsfTechnique,
    OcsfUser,
    OcsfVerdict,
)
from nuxari_events.ids import derived_id

Told = AlertRaised | AlertUpdated | AlertClosed | AlertTriaged | AlertDigested
"""What becomes a finding."""

ROOM = 224 * 1024
"""Bytes of a finding with which an event of `wire.MAX_EVENT_BYTES` is not in question."""

_LONGEST_NAME = 256

_SEVERITIES = {one: OcsfSeverity[one.name] for one in Severity}

_GRAVEST_FIRST = tuple(Severity)

_STATES = {
    TriageState.NEW: OcsfStatus.NEW,
    TriageState.ACKNOWLEDGED: OcsfStatus.IN_PROGRESS,
    TriageState.IN_PROGRESS: OcsfStatus.IN_PROGRESS,
    TriageState.RESOLVED: OcsfStatus.RESOLVED,
    TriageState.SUPPRESSED: OcsfStatus.SUPPRESSED,
}

_MAPPED = frozenset(
    {
        "alert_id",
        "severity",
        "title",
        "summary",
        "first_seen",
        "last_seen",
        "related_events_count",
        "evidence",
        "attack",
        "entities",
        "tactics",
        "runbook",
        "reason",
    }
)
"""Fields of an alert that have a place of their own in the class; all others go into `unmapped`."""

_TYPE_UIDS: dict[OcsfActivity, Literal[200401, 200402, 200403]] = {
    OcsfActivity.CREATE: 200401,
    OcsfActivity.UPDATE: 200402,
    OcsfActivity.CLOSE: 200403,
}


class Standing(NamedTuple):
    """How people stand to an alert."""

    state: TriageState
    verdict: Verdict | None = None
    assignee: str | None = None


def ocsf(event: Told, *, alert: AlertData | None = None, standing: Standing | None = None) -> dict[str, Any]:
    """Return the finding as the JSON object of OCSF; arguments and errors as of `finding`."""
    return finding(event, alert=alert, standing=standing).model_dump(mode="json", exclude_none=True)


def reported(
    event: Told, *, alert: AlertData | None = None, standing: Standing | None = None
) -> DetectionFindingReported:
    """Return the finding as an event of `security.findings.ocsf`, with the same id each time."""
    return DetectionFindingReported(
        id=derived_id(event.source, event.id, "ocsf"),
        source=event.source,
        time=event.time,
        subject=event.subject,
        tenantid=event.tenantid,
        actorid=event.actorid,
        correlationid=event.correlationid,
        causationid=event.id,
        traceparent=event.traceparent,
        data=finding(event, alert=alert, standing=standing),
    )


def finding(event: Told, *, alert: AlertData | None = None, standing: Standing | None = None) -> OcsfDetectionFinding:
    """Return what the event says as a Detection Finding.

    Args:
        event: of `security.alerts`.
        alert: what the alert says now; needed of `AlertTriaged`, whose event does not repeat it.
        standing: how people stand to the alert now, where that is known; `AlertTriaged` says so itself.

    Raises:
        ValueError: it is an `AlertTriaged`, and no alert is given.
    """
    match event:
        case AlertDigested():
            return _of_digest(event, event.data)
        case AlertTriaged():
            if alert is None:
                raise ValueError("an AlertTriaged becomes a finding with the alert that it is about")
            said = event.data
            return _of_alert(event, alert, Standing(said.state, said.verdict, said.assignee))
        case AlertRaised() | AlertUpdated() | AlertClosed():
            return _of_alert(event, event.data, standing)


def _of_alert(
    event: AlertRaised | AlertUpdated | AlertClosed | AlertTriaged, data: AlertData, standing: Standing | None
) -> OcsfDetectionFinding:
    activity = _activity(event)
    found = OcsfDetectionFinding(
        **_head(event, activity, data.severity, first=data.first_seen, last=data.last_seen),
        **_status(event, standing),
        is_alert=activity is not OcsfActivity.CLOSE and data.mode is AlertMode.LIVE and not data.suppressed,
        message=data.summary,
        risk_score=round(data.risk),
        finding_info=OcsfFindingInfo(
            uid=data.alert_id,
            title=data.title,
            desc=data.summary,
            analytic=_analytic(data.rule),
            attacks=(*map(_attack, data.attack), *(OcsfAttack(tactic=_tactic(one)) for one in data.tactics)),
            created_time=_ms(event.time) if activity is OcsfActivity.CREATE else None,
            modified_time=_ms(event.time),
            first_seen_time=_ms(data.first_seen),
            last_seen_time=_ms(data.last_seen),
            related_events_count=data.related_events_count,
        ),
        evidences=tuple(_evidences(data)),
        resources=tuple(OcsfResource(uid=one.id, type=one.kind) for one in data.entities if _is_resource(one)),
        observables=tuple(map(_observable, data.entities)),
        remediation=OcsfRemediation(desc=data.runbook) if data.runbook else None,
        metadata=_metadata(event, is_truncated=data.related_events_count > len(data.evidence)),
        unmapped=data.model_dump(mode="json", exclude=set(_MAPPED), exclude_none=True),
    )
    return _fitting(found)


def _of_digest(event: AlertDigested, data: AlertDigestData) -> OcsfDetectionFinding:
    """Return one finding for all alerts of the digest: they are not told one by one here either."""
    gravest = next((one for one in _GRAVEST_FIRST if data.severities.get(one)), Severity.INFORMATIONAL)
    title = f"{data.count} alerts: {data.rule.title}"
    summary = f"{data.count} alerts of {data.group_count} groups, told together"
    return OcsfDetectionFinding(
        **_head(event, OcsfActivity.CREATE, gravest, first=data.since, last=data.until),
        **_named("status", OcsfStatus.NEW),
        is_alert=True,
        message=summary,
        count=data.count,
        finding_info=OcsfFindingInfo(
            uid=data.digest_id,
            title=title[:_LONGEST_NAME],
            desc=summary,
            analytic=_analytic(data.rule),
            created_time=_ms(event.time),
            modified_time=_ms(event.time),
            first_seen_time=_ms(data.since),
            last_seen_time=_ms(data.until),
            related_events_count=sum(one.events for one in data.groups),
            types=("digest",),
        ),
        metadata=_metadata(event, is_truncated=data.group_count > len(data.groups)),
        unmapped=data.model_dump(mode="json", include={"severities", "groups", "group_count", "limit"}),
    )


def _activity(event: AlertRaised | AlertUpdated | AlertClosed | AlertTriaged) -> OcsfActivity:
    match event:
        case AlertRaised():
            return OcsfActivity.CREATE
        case AlertClosed():
            return OcsfActivity.CLOSE
        case AlertTriaged() if event.data.state is TriageState.RESOLVED:
            return OcsfActivity.CLOSE
        case _:
            return OcsfActivity.UPDATE


def _head(
    event: Event, activity: OcsfActivity, severity: Severity, *, first: datetime, last: datetime
) -> dict[str, Any]:
    return {
        **_named("activity", activity, text="activity_name"),
        "type_uid": _TYPE_UIDS[activity],
        "type_name": f"Detection Finding: {_caption(activity)}",
        "time": _ms(event.time),
        "start_time": _ms(first),
        "end_time": _ms(last),
        **_named("severity", _SEVERITIES[severity]),
    }


def _status(event: Event, standing: Standing | None) -> dict[str, Any]:
    """Say how people stand to it; that an episode is over does not say that anybody looked at it."""
    said: dict[str, Any] = {}
    if isinstance(event, AlertClosed):
        said["status_code"] = event.data.reason.value
        if event.data.reason is not ClosureReason.QUIET:
            return said | _named("status", OcsfStatus.DELETED)
    if isinstance(event, AlertTriaged) and event.data.reason:
        said["status_detail"] = event.data.reason
    if standing is None:
        return said | (_named("status", OcsfStatus.NEW) if isinstance(event, AlertRaised) else {})
    if standing.verdict is not None:
        said |= _named("verdict", OcsfVerdict[standing.verdict.name])
    if standing.assignee is not None:
        said["assignee"] = OcsfUser(uid=standing.assignee)
    return said | _named("status", _STATES[standing.state])


def _named(name: str, value: IntEnum, *, text: str | None = None) -> dict[str, Any]:
    return {f"{name}_id": value, text or name: _caption(value)}


def _caption(value: IntEnum) -> str:
    return value.name.replace("_", " ").title()


def _analytic(rule: RuleReference) -> OcsfAnalytic:
    return OcsfAnalytic(uid=rule.id, name=rule.title, version=rule.version)


def _attack(one: AttackTechnique) -> OcsfAttack:
    above, dot, _ = one.id.partition(".")
    return OcsfAttack(
        technique=OcsfTechnique(uid=above, name=TECHNIQUES.get(above)),
        sub_technique=OcsfTechnique(uid=one.id, name=TECHNIQUES.get(one.id)) if dot else None,
        version=one.version,
    )


def _tactic(name: str) -> OcsfTactic:
    uid, caption = TACTICS.get(name, (None, name))
    return OcsfTactic(uid=uid, name=caption)


def _evidences(data: AlertData) -> Iterator[OcsfEvidence]:
    for one in data.evidence:
        yield OcsfEvidence(uid=one.event_id, name=one.type[:_LONGEST_NAME], data=one)
    for entity in data.entities:
        if entity.kind == "user":
            yield OcsfEvidence(user=OcsfUser(uid=entity.id))
        elif _is_address(entity):
            yield OcsfEvidence(src_endpoint=OcsfEndpoint(ip=entity.id))


def _observable(entity: Entity) -> OcsfObservable:
    if entity.kind == "user":
        return _seen("evidences.user.uid", OcsfObservableKind.USER_UID, "User Object: uid", entity)
    if _is_address(entity):
        return _seen("evidences.src_endpoint.ip", OcsfObservableKind.IP_ADDRESS, "IP Address", entity)
    return _seen("resources.uid", OcsfObservableKind.RESOURCE_UID, "Resource UID", entity)


def _seen(name: str, kind: OcsfObservableKind, caption: str, entity: Entity) -> OcsfObservable:
    return OcsfObservable(name=name, type_id=kind, type=caption, value=entity.id)


def _is_resource(entity: Entity) -> bool:
    return entity.kind != "user" and not _is_address(entity)


def _is_address(entity: Entity) -> bool:
    if entity.kind != "ip":
        return False
    try:
        return ip_address(entity.id) is not None
    except ValueError:
        return False


def _metadata(event: Event, *, is_truncated: bool) -> OcsfMetadata:
    return OcsfMetadata(
        product=_product(),
        uid=event.id,
        tenant_uid=event.tenantid,
        log_name="security.alerts",
        event_code=event.type,
        correlation_uid=event.correlationid,
        is_truncated=is_truncated,
    )


@cache
def _product() -> OcsfProduct:
    return OcsfProduct(name="Nuxari Monitoring", vendor_name="Nuxari", version=version("nuxari-events"))


def _fitting(found: OcsfDetectionFinding) -> OcsfDetectionFinding:
    """Leave out first what has no place in the class, then evidence, where a topic would not take the whole."""
    for name, nothing in (("unmapped", {}), ("evidences", ())):
        if len(found.model_dump_json().encode()) <= ROOM:
            break
        metadata = found.metadata.model_copy(update={"is_truncated": True})
        found = found.model_copy(update={name: nothing, "metadata": metadata})
    return found


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
