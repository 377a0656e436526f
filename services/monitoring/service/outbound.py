"""What is told outside besides `security.alerts`: after this, an announcement is also a finding and a delivery.

Both are of the transaction that announces: what is rolled back is not sent, what is committed is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import datetime

from nuxari_events.alerts import (
    AlertClosed,
    AlertData,
    AlertDigested,
    AlertRaised,
    AlertTriaged,
    AlertUpdated,
    IncidentClosed,
    IncidentOpened,
    IncidentUpdated,
)
from nuxari_events.envelope import Event
from nuxari_events.ocsf import reported

from services.monitoring.domain.outbound import FINDING_TYPE, TEST_TYPE, Said, Wanted, gravest
from services.monitoring.store import outbound_alerts, outbound_queue, outbound_targets
from services.monitoring.store.outbound_alerts import Stood
from services.monitoring.store.outbound_queue import Message
from shared.persistence.database import Transaction

_OF_ONE_ALERT = (AlertRaised, AlertUpdated, AlertClosed, AlertTriaged)


async def note(transaction: Transaction, events: Sequence[Event], *, at: datetime) -> None:
    """Report the announcements of the entered tenant as OCSF findings, and have them sent to whoever wants them."""
    if not events:
        return
    stood = await _stood(transaction, events)
    findings = {event.id: said for event in events if (said := _finding(event, stood)) is not None}
    for finding in findings.values():
        transaction.announce(finding)
    wanted = await outbound_targets.wanting(transaction)
    if wanted:
        await _queue(transaction, wanted, list(_offered(events, findings, stood)), at=at)


async def _stood(transaction: Transaction, events: Iterable[Event]) -> dict[str, Stood]:
    alerts = {event.subject for event in events if isinstance(event, _OF_ONE_ALERT)}
    triaged = {event.subject for event in events if isinstance(event, AlertTriaged)}
    return await outbound_alerts.standing(transaction, alerts, whole=triaged) if alerts else {}


def _finding(event: Event, stood: dict[str, Stood]) -> Event | None:
    """Return the announcement in the words of OCSF; None of incidents, which are of another class."""
    if isinstance(event, AlertDigested):
        return reported(event)
    if not isinstance(event, _OF_ONE_ALERT):
        return None
    known = stood.get(event.subject)
    if isinstance(event, AlertTriaged):
        return reported(event, alert=known.data) if known and known.data else None
    return reported(event, standing=known.standing if known else None)


def _offered(
    events: Iterable[Event], findings: dict[str, Event], stood: dict[str, Stood]
) -> Iterable[tuple[Said, Event]]:
    for event in events:
        said = _said(event, stood)
        if said is not None:
            yield said, event
            if event.id in findings:
                yield Said(type=FINDING_TYPE, severity=said.severity, rules=said.rules), findings[event.id]


def _said(event: Event, stood: dict[str, Stood]) -> Said | None:
    """Return what decides about who wants it; None of an alert that is not known."""
    kind = _short(event)
    match event:
        case AlertTriaged():
            data = stood[event.subject].data if event.subject in stood else None
            return None if data is None else _of_alert(kind, data)
        case AlertRaised() | AlertUpdated() | AlertClosed():
            return _of_alert(kind, event.data)
        case AlertDigested():
            return Said(type=kind, severity=gravest(event.data.severities), rules=(event.data.rule.id,))
        case IncidentOpened() | IncidentUpdated() | IncidentClosed():
            return Said(type=kind, severity=event.data.severity.value, rules=event.data.rules)
        case _:
            return None


def _of_alert(kind: str, data: AlertData) -> Said:
    return Said(type=kind, severity=data.severity.value, rules=(data.rule.id,))


async def _queue(
    transaction: Transaction, wanted: dict[str, Wanted], offered: Sequence[tuple[Said, Event]], *, at: datetime
) -> None:
    pairs = [(target_id, event.id) for target_id, its in wanted.items() for said, event in offered if said in its]
    if not pairs:
        return
    needed = {message_id for _, message_id in pairs}
    messages = [_message(event) for _, event in offered if event.id in needed]
    await outbound_queue.put(transaction, messages, pairs, at=at)


def _message(event: Event) -> Message:
    return Message(event.id, _short(event), event.subject, body(event.model_dump_json(exclude_none=True), event.time))


def body(cloud_event: str, time: datetime) -> str:
    """Return a CloudEvent's JSON with what a payload of Standard Webhooks has besides `type` and `data`."""
    return f'{cloud_event[:-1]},"timestamp":"{_utc(time)}"}}'


def delivery_test(message_id: str, *, source: str, tenant_id: str, target_id: str, name: str, at: datetime) -> str:
    """Return the body of a message that says nothing but that it arrived."""
    event = {
        "specversion": "1.0",
        "id": message_id,
        "source": source,
        "type": f"nuxari.security.{TEST_TYPE}.v1",
        "time": _utc(at),
        "subject": target_id,
        "tenantid": tenant_id,
        "datacontenttype": "application/json",
        "data": {"target_id": target_id, "name": name, "summary": "Alerts sent to this target arrive."},
    }
    return body(json.dumps(event, ensure_ascii=False), at)


def _utc(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")


def _short(event: Event) -> str:
    return event.type.split(".")[2]
