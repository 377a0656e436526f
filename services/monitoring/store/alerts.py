"""Alerts as rows: what stands, what no longer does, how often each was announced, and what people made of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import asyncpg
from nuxari_events.alerts import AlertData

from services.monitoring.domain.flood import Told
from services.monitoring.domain.triage import State, Triage, Verdict
from shared.persistence.database import Transaction

_COLUMNS = (
    "alert_id, rule_id, rule_number, severity, status, closure, revision, related_events_count, content_hash,"
    " first_seen, last_seen, raised_at, body, mode, told, state, has_new_evidence, verdict"
)
_UPSERT = f"""
insert into alert (tenant_id, {_COLUMNS})
select $1, alert_id, rule_id, rule_number, severity, status, closure, revision, related_events_count, content_hash,
       first_seen, last_seen, $2, body, mode, told, state, has_new_evidence, verdict
from unnest($3::text[], $4::text[], $5::int[], $6::text[], $7::text[], $8::text[], $9::int[], $10::bigint[],
            $11::bytea[], $12::timestamptz[], $13::timestamptz[], $14::jsonb[], $15::text[], $16::text[], $17::text[],
            $18::boolean[], $19::text[])
as row(alert_id, rule_id, rule_number, severity, status, closure, revision, related_events_count, content_hash,
       first_seen, last_seen, body, mode, told, state, has_new_evidence, verdict)
on conflict (tenant_id, alert_id) do update set
    severity = excluded.severity, status = excluded.status, closure = excluded.closure,
    revision = excluded.revision, related_events_count = excluded.related_events_count,
    content_hash = excluded.content_hash, first_seen = excluded.first_seen, last_seen = excluded.last_seen,
    body = excluded.body, mode = excluded.mode, told = excluded.told,
    has_new_evidence = excluded.has_new_evidence, state = excluded.state,
    version = alert.version
        + (alert.state <> excluded.state or alert.has_new_evidence <> excluded.has_new_evidence)::int
"""  # noqa: S608 - constants
_KEPT = """
select alert_id, status, closure, revision, content_hash, severity, state, verdict, told, mode, incident_id,
       has_new_evidence
from alert where tenant_id = $1 and alert_id = any($2::text[]) for update
"""
_TOLD = """
select rule_id, (select count(*) from (
    select from alert where tenant_id = $1 and rule_id = wanted.rule_id and raised_at > $3 and told <> 'nobody' limit $4
) as found) as count
from unnest($2::text[]) as wanted(rule_id)
"""
_TRIAGE = """
update alert set state = $3, verdict = $4, assignee = $5, version = $6, has_new_evidence = $7,
    acknowledged_at = $8, resolved_at = $9, triaged_at = $10
where tenant_id = $1 and alert_id = $2
"""


@dataclass(frozen=True)
class Kept:
    """What is kept of an alert besides its text."""

    alert_id: str
    status: str
    closure: str | None
    revision: int
    content_hash: bytes
    severity: str
    state: str
    verdict: str | None
    told: str
    mode: str
    incident_id: str | None
    has_new_evidence: bool


@dataclass(frozen=True, kw_only=True)
class Saved:
    """An alert as it is to be kept."""

    data: AlertData
    body: str
    """The same as JSON."""
    closure: str | None
    content_hash: bytes
    told: Told
    state: State
    has_new_evidence: bool
    verdict: str | None
    """The one it has: it is not changed here, but a row that is resolved must have one."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """An alert that somebody wants to triage."""

    alert_id: str
    triage: Triage
    body: dict[str, Any]
    incident_id: str | None


async def kept(transaction: Transaction, alert_ids: Sequence[str]) -> dict[str, Kept]:
    """Return what is kept of the alerts, locked until the transaction ends; those never announced are missing."""
    rows = await transaction.fetch(_KEPT, transaction.tenant_id, list(alert_ids))
    return {row["alert_id"]: Kept(*row) for row in rows}


async def told_since(
    transaction: Transaction, rules: Sequence[str], *, at: datetime, within: timedelta, most: int
) -> dict[str, int]:
    """Return how many alerts of each rule were told since then, counted up to `most`."""
    rows = await transaction.fetch(_TOLD, transaction.tenant_id, list(rules), at - within, most)
    return {row["rule_id"]: row["count"] for row in rows}


async def save(transaction: Transaction, alerts: Sequence[Saved], *, at: datetime) -> None:
    """Write the alerts as they are now, in one statement; what people made of them stays."""
    rows = [_row(one) for one in alerts]
    await transaction.execute(_UPSERT, transaction.tenant_id, at, *map(list, zip(*rows, strict=True)))


async def to_be_judged(transaction: Transaction, alert_ids: Sequence[str]) -> dict[str, Judged]:
    """Return the alerts as they stand, locked until the transaction ends; those that are none are missing."""
    rows = await transaction.fetch(
        "select alert_id, body, incident_id, state, verdict, assignee, version, has_new_evidence, acknowledged_at,"
        " resolved_at, triaged_at from alert where tenant_id = $1 and alert_id = any($2::text[]) for update",
        transaction.tenant_id,
        list(alert_ids),
    )
    return {row["alert_id"]: _judged(row) for row in rows}


async def of_incident(transaction: Transaction, incident_id: str) -> list[Judged]:
    """Return the alerts of the incident, as `to_be_judged` does, in the order of their beginnings."""
    rows = await transaction.fetch(
        "select alert_id from alert where tenant_id = $1 and incident_id = $2 order by first_seen, alert_id",
        transaction.tenant_id,
        incident_id,
    )
    found = await to_be_judged(transaction, [row["alert_id"] for row in rows])
    return [found[row["alert_id"]] for row in rows]


async def save_triage(transaction: Transaction, alert_id: str, triage: Triage) -> None:
    """Write what people make of the alert."""
    await transaction.execute(
        _TRIAGE,
        transaction.tenant_id,
        alert_id,
        triage.state,
        triage.verdict,
        triage.assignee,
        triage.version,
        triage.has_new_evidence,
        triage.acknowledged_at,
        triage.resolved_at,
        triage.changed_at,
    )


async def put_into(transaction: Transaction, members: Sequence[tuple[str, str]]) -> None:
    """Put alerts into incidents: `(alert id, incident id)` each."""
    if members:
        await transaction.execute(
            "update alert set incident_id = member.incident_id"
            " from unnest($2::text[], $3::text[]) as member(alert_id, incident_id)"
            " where alert.tenant_id = $1 and alert.alert_id = member.alert_id",
            transaction.tenant_id,
            *map(list, zip(*members, strict=True)),
        )


def _row(one: Saved) -> tuple[object, ...]:
    data = one.data
    return (
        data.alert_id,
        data.rule.id,
        data.rule.number,
        data.severity.value,
        "closed" if one.closure else "open",
        one.closure,
        data.revision,
        data.related_events_count,
        one.content_hash,
        data.first_seen,
        data.last_seen,
        one.body,
        data.mode.value,
        one.told.value,
        one.state.value,
        one.has_new_evidence,
        one.verdict,
    )


def _judged(row: asyncpg.Record) -> Judged:
    return Judged(
        alert_id=row["alert_id"],
        triage=triage_in(row),
        body=json.loads(row["body"]),
        incident_id=row["incident_id"],
    )


def triage_in(row: asyncpg.Record) -> Triage:
    """Return what people made of the row's alert."""
    return Triage(
        state=State(row["state"]),
        verdict=None if row["verdict"] is None else Verdict(row["verdict"]),
        assignee=row["assignee"],
        version=row["version"],
        has_new_evidence=row["has_new_evidence"],
        acknowledged_at=row["acknowledged_at"],
        resolved_at=row["resolved_at"],
        changed_at=row["triaged_at"],
    )
