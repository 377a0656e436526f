"""Alerts as rows: what stands, what no longer does, and how often each was announced."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
from nuxari_events.alerts import AlertData

from shared.persistence.database import Transaction

_UPSERT = """
insert into alert (tenant_id, alert_id, rule_id, rule_number, severity, status, closure, revision,
                   related_events_count, content_hash, first_seen, last_seen, raised_at, body)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
on conflict (tenant_id, alert_id) do update set
    status = excluded.status, closure = excluded.closure, revision = excluded.revision,
    related_events_count = excluded.related_events_count, content_hash = excluded.content_hash,
    first_seen = excluded.first_seen, last_seen = excluded.last_seen, body = excluded.body
"""
_PAGE = """
select body, status, closure, last_seen, alert_id from alert
where tenant_id = $1 and ($2::text is null or status = $2) and ($3::text is null or severity = $3)
  and ($4::timestamptz is null or (last_seen, alert_id) < ($4, $5))
order by last_seen desc, alert_id desc limit $6
"""


@dataclass(frozen=True)
class Kept:
    """What is kept of an alert besides its text."""

    status: str
    closure: str | None
    revision: int
    content_hash: bytes


async def kept(transaction: Transaction, tenant_id: str, alert_id: str) -> Kept | None:
    """Return what is kept of the alert, locked until the transaction ends; None if it was never announced."""
    row = await transaction.fetchrow(
        "select status, closure, revision, content_hash from alert where tenant_id = $1 and alert_id = $2 for update",
        tenant_id,
        alert_id,
    )
    return Kept(*row) if row else None


async def save(
    transaction: Transaction,
    tenant_id: str,
    alert: AlertData,
    *,
    closure: str | None,
    content_hash: bytes,
    at: datetime,
) -> None:
    """Write the alert as it is now."""
    await transaction.execute(
        _UPSERT,
        tenant_id,
        alert.alert_id,
        alert.rule.id,
        alert.rule.number,
        alert.severity.value,
        "closed" if closure else "open",
        closure,
        alert.revision,
        alert.related_events_count,
        content_hash,
        alert.first_seen,
        alert.last_seen,
        at,
        alert.model_dump_json(),
    )


async def page(
    transaction: Transaction,
    tenant_id: str,
    *,
    status: str | None,
    severity: str | None,
    before: tuple[datetime, str] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return alerts, the one seen last first."""
    seen, alert_id = before or (None, None)
    rows = await transaction.fetch(_PAGE, tenant_id, status, severity, seen, alert_id, limit)
    return [_described(row) for row in rows]


async def by_id(transaction: Transaction, tenant_id: str, alert_id: str) -> dict[str, Any] | None:
    """Return one alert."""
    row = await transaction.fetchrow(
        "select body, status, closure, last_seen, alert_id from alert where tenant_id = $1 and alert_id = $2",
        tenant_id,
        alert_id,
    )
    return _described(row) if row else None


def _described(row: asyncpg.Record) -> dict[str, Any]:
    return {**json.loads(row["body"]), "status": row["status"], "closure": row["closure"]}
