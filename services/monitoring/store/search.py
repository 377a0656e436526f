"""Alerts as people look for them, and what many of them say in numbers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.monitoring.domain.model import Entity
from shared.persistence.database import Transaction

_COLUMNS = (
    "alert_id, body, status, closure, told, state, verdict, assignee, version, has_new_evidence, acknowledged_at,"
    " resolved_at, triaged_at, incident_id, raised_at, last_seen"
)
_MATCHING = """
tenant_id = $1 and ($2::text is null or status = $2) and ($3::text is null or state = $3)
and ($4::text is null or severity = $4) and ($5::int is null or rule_number = $5)
and ($6::text is null or assignee = $6) and ($7::text is null or words like $7)
and ($8::timestamptz is null or last_seen >= $8) and ($9::timestamptz is null or last_seen < $9)
and ($10::text is null or mode = $10) and ($11::text is null or exists (
    select from alert_entity e where e.tenant_id = $1 and e.alert_id = alert.alert_id
    and e.kind = $11 and e.entity_id = $12))
and ($13::text is null or incident_id = $13)
"""
_PAGE = f"""
select {_COLUMNS} from alert where {_MATCHING}
and ($14::timestamptz is null or (last_seen, alert_id) < ($14, $15))
order by last_seen desc, alert_id desc limit $16
"""  # noqa: S608 - constants
_BY_ENTITY = f"""
select {_COLUMNS} from alert where alert_id in (
    select alert_id from alert_entity where tenant_id = $1 and kind = $11 and entity_id = $12) and {_MATCHING}
and ($14::timestamptz is null or (last_seen, alert_id) < ($14, $15))
order by last_seen desc, alert_id desc limit $16
"""  # noqa: S608 - constants
_STATISTICS = """
with wanted as (
    select severity, state, verdict, rule_id, rule_number, body ->> 'title' as title, raised_at, acknowledged_at,
           resolved_at, told from alert
    where tenant_id = $1 and raised_at >= $2 and raised_at < $3 and mode = $4
)
select count(*) as total,
    extract(epoch from avg(acknowledged_at - raised_at))::float8 as acknowledged_after,
    extract(epoch from avg(resolved_at - raised_at))::float8 as resolved_after,
    count(acknowledged_at) as acknowledged, count(resolved_at) as resolved,
    (select json_object_agg(severity, n) from (select severity, count(*) n from wanted group by 1) s) as by_severity,
    (select json_object_agg(state, n) from (select state, count(*) n from wanted group by 1) s) as by_state,
    (select json_object_agg(verdict, n) from (
        select verdict, count(*) n from wanted where verdict is not null group by 1) s) as by_verdict,
    (select json_agg(s) from (select rule_id, rule_number, max(title) as title, count(*) as alerts
        from wanted group by 1, 2 order by 4 desc, 1 limit 100) s) as by_rule,
    (select json_agg(s) from (select to_char(raised_at at time zone 'UTC', 'YYYY-MM-DD') as day, count(*) as alerts
        from wanted group by 1 order by 1) s) as by_day
from wanted
"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which alerts are looked for; None leaves a question open."""

    status: str | None = None
    state: str | None = None
    severity: str | None = None
    rule_number: int | None = None
    assignee: str | None = None
    text: str | None = None
    """In title or summary, whatever its case."""
    since: datetime | None = None
    until: datetime | None = None
    """Seen last in `[since, until)`."""
    mode: str | None = None
    entity: Entity | None = None
    incident_id: str | None = None


async def page(
    transaction: Transaction, wanted: Wanted, *, before: tuple[datetime, str] | None, limit: int
) -> list[dict[str, Any]]:
    """Return alerts, the one seen last first."""
    kind, entity_id = wanted.entity or (None, None)
    rows = await transaction.fetch(
        _PAGE if wanted.entity is None else _BY_ENTITY,
        transaction.tenant_id,
        wanted.status,
        wanted.state,
        wanted.severity,
        wanted.rule_number,
        wanted.assignee,
        None if wanted.text is None else f"%{_literally(wanted.text.lower())}%",
        wanted.since,
        wanted.until,
        wanted.mode,
        kind,
        entity_id,
        wanted.incident_id,
        *(before or (None, None)),
        limit,
    )
    return [_described(row) for row in rows]


async def by_id(transaction: Transaction, alert_id: str) -> dict[str, Any] | None:
    """Return one alert."""
    row = await transaction.fetchrow(
        f"select {_COLUMNS} from alert where tenant_id = $1 and alert_id = $2",  # noqa: S608 - constants
        transaction.tenant_id,
        alert_id,
    )
    return _described(row) if row else None


async def statistics(transaction: Transaction, *, since: datetime, until: datetime, mode: str) -> dict[str, Any]:
    """Return how many alerts were kept in `[since, until)`, of what kind, and after how many seconds people acted."""
    row = await transaction.fetchrow(_STATISTICS, transaction.tenant_id, since, until, mode)
    if row is None:
        raise AssertionError("an aggregate returned no row")
    counted = {name: json.loads(row[name] or "{}") for name in ("by_severity", "by_state", "by_verdict")}
    listed = {name: json.loads(row[name] or "[]") for name in ("by_rule", "by_day")}
    return {
        "total": row["total"],
        **counted,
        **listed,
        "acknowledged": {"alerts": row["acknowledged"], "mean_seconds": row["acknowledged_after"]},
        "resolved": {"alerts": row["resolved"], "mean_seconds": row["resolved_after"]},
    }


def _literally(text: str) -> str:
    """Return the text as a pattern that matches nothing but itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _described(row: asyncpg.Record) -> dict[str, Any]:
    more = {name: value for name, value in row.items() if name not in ("body", "last_seen", "alert_id")}
    return {**json.loads(row["body"]), **more}
