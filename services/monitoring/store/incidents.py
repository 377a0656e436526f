"""Incidents as rows, and which alerts make them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from services.monitoring.domain.incidents import (
    RELATED,
    SEVERITIES,
    Content,
    Incident,
    Joining,
    Members,
    State,
    reaches,
)
from services.monitoring.domain.model import Entity
from services.monitoring.domain.triage import Verdict
from shared.persistence.database import Transaction

_COLUMNS = (
    "incident_id, state, verdict, assignee, severity, named_by, named_at, first_seen, last_seen, alert_count, rules,"
    " is_told, told_count, version, triage_version, opened_at, changed_at, merged_into"
)
_NEAR = """
select wanted.alert_id, i.incident_id
from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[])
    as wanted(alert_id, kind, entity_id, first_seen, last_seen)
cross join lateral (
    select distinct a.incident_id from alert_entity e
    join alert a on a.tenant_id = $1 and a.alert_id = e.alert_id and (a.closure is null or a.closure = 'quiet')
    where e.tenant_id = $1 and e.kind = wanted.kind and e.entity_id = wanted.entity_id
      and e.last_seen >= wanted.first_seen - $7::interval and e.first_seen <= wanted.last_seen + $7::interval
) as near
join incident i on i.tenant_id = $1 and i.incident_id = near.incident_id and i.state in ('open', 'in_progress')
"""
_CONTENT = """
select incident_id, count(*) as alerts, max(array_position($3::text[], severity)) as severity,
       min(first_seen) as first_seen, max(last_seen) as last_seen,
       array_agg(distinct rule_id) as rules, bool_or(told = 'self') as is_told
from alert where tenant_id = $1 and incident_id = any($2::text[]) and (closure is null or closure = 'quiet')
group by incident_id
"""
_SAVE = f"""
insert into incident (tenant_id, {_COLUMNS})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
on conflict (tenant_id, incident_id) do update set
    state = excluded.state, verdict = excluded.verdict, assignee = excluded.assignee, severity = excluded.severity,
    first_seen = excluded.first_seen, last_seen = excluded.last_seen, alert_count = excluded.alert_count,
    rules = excluded.rules, is_told = excluded.is_told, told_count = excluded.told_count,
    version = excluded.version, triage_version = excluded.triage_version, changed_at = excluded.changed_at,
    merged_into = excluded.merged_into
"""  # noqa: S608 - constants
_MEMBERS = """
select incident_id, (array_agg(alert_id order by first_seen, alert_id))[1:64] as alert_ids
from alert where tenant_id = $1 and incident_id = any($2::text[]) and (closure is null or closure = 'quiet')
group by incident_id
"""
_ENTITIES = """
select incident_id, kind, entity_id, count(*) as alerts
from alert a join alert_entity e using (tenant_id, alert_id)
where tenant_id = $1 and incident_id = any($2::text[]) and (closure is null or closure = 'quiet')
group by incident_id, kind, entity_id order by count(*) desc, kind, entity_id
"""
_PAGE = f"""
select {_COLUMNS} from incident
where tenant_id = $1
  and (case when $2::text is null then state <> 'merged' else state = $2 end)
  and ($3::text is null or severity = $3) and ($4::text is null or assignee = $4)
  and ($5::text is null or exists (
      select from alert a join alert_entity e using (tenant_id, alert_id)
      where a.tenant_id = $1 and a.incident_id = incident.incident_id and e.kind = $5 and e.entity_id = $6))
  and ($7::timestamptz is null or (last_seen, incident_id) < ($7, $8))
order by last_seen desc, incident_id desc limit $9
"""  # noqa: S608 - constants
_ALERTS = """
select alert_id, severity, rule_number, rule_id, body ->> 'title' as title, body ->> 'summary' as summary, first_seen,
       last_seen, raised_at, state, verdict, status, closure, related_events_count
from alert where tenant_id = $1 and incident_id = $2 order by first_seen, alert_id limit $3
"""
MOST_ALERTS = 500
"""Of an incident that its timeline shows; the search has all of them."""

MOST_ENTITIES = 32
"""That an incident is said to be about (its contract)."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which incidents are looked for; None leaves a question open."""

    state: State | None = None
    severity: str | None = None
    assignee: str | None = None
    entity: Entity | None = None


async def near(transaction: Transaction, joining: Sequence[Joining]) -> list[tuple[str, str]]:
    """Return pairs of a joining alert and an incident that takes alerts and has one related to it or to its run."""
    rows = [(one.alert_id, *one.entity, one.first_seen, one.last_seen) for one in reaches(joining)]
    if not rows:
        return []
    found = await transaction.fetch(_NEAR, transaction.tenant_id, *map(list, zip(*rows, strict=True)), RELATED)
    return [tuple(row) for row in found]


async def found(transaction: Transaction, incident_ids: Collection[str]) -> dict[str, Incident]:
    """Return the incidents, locked until the transaction ends."""
    if not incident_ids:
        return {}
    rows = await transaction.fetch(
        f"select {_COLUMNS} from incident where tenant_id = $1 and incident_id = any($2::text[]) for update",  # noqa: S608
        transaction.tenant_id,
        list(incident_ids),
    )
    return {row["incident_id"]: _incident(row) for row in rows}


async def content(transaction: Transaction, incident_ids: Collection[str]) -> dict[str, Content]:
    """Return what the incidents consist of now; one without an alert that stands is missing."""
    rows = await transaction.fetch(_CONTENT, transaction.tenant_id, list(incident_ids), list(SEVERITIES))
    return {
        row["incident_id"]: Content(
            row["alerts"],
            SEVERITIES[row["severity"] - 1],
            row["first_seen"],
            row["last_seen"],
            tuple(row["rules"]),
            row["is_told"],
        )
        for row in rows
    }


async def members(transaction: Transaction, incident_ids: Collection[str]) -> dict[str, Members]:
    """Return the alerts of the incidents, and whom they are about."""
    ids = list(incident_ids)
    alerts = await transaction.fetch(_MEMBERS, transaction.tenant_id, ids)
    entities: dict[str, list[Entity]] = {one: [] for one in ids}
    for row in await transaction.fetch(_ENTITIES, transaction.tenant_id, ids):
        if len(entities[row["incident_id"]]) < MOST_ENTITIES:
            entities[row["incident_id"]].append(Entity(row["kind"], row["entity_id"]))
    by_id = {row["incident_id"]: tuple(row["alert_ids"]) for row in alerts}
    return {one: Members(alert_ids=by_id.get(one, ()), entities=tuple(entities[one])) for one in ids}


async def save(transaction: Transaction, incidents: Sequence[Incident]) -> None:
    """Write the incidents as they are now."""
    await transaction.connection.executemany(
        _SAVE, [(transaction.tenant_id, *_row(incident)) for incident in incidents]
    )


async def move(transaction: Transaction, from_ids: Sequence[str], *, into: str) -> None:
    """Put every alert of some incidents into another."""
    await transaction.execute(
        "update alert set incident_id = $3 where tenant_id = $1 and incident_id = any($2::text[])",
        transaction.tenant_id,
        list(from_ids),
        into,
    )


async def page(
    transaction: Transaction, wanted: Wanted, *, before: tuple[datetime, str] | None, limit: int
) -> list[Incident]:
    """Return incidents, the one seen last first; those that became part of another only where asked for."""
    entity = wanted.entity or Entity("", "")
    seen, incident_id = before or (None, None)
    rows = await transaction.fetch(
        _PAGE,
        transaction.tenant_id,
        wanted.state,
        wanted.severity,
        wanted.assignee,
        entity.kind or None,
        entity.id,
        seen,
        incident_id,
        limit,
    )
    return [_incident(row) for row in rows]


async def by_id(transaction: Transaction, incident_id: str) -> Incident | None:
    """Return one incident."""
    row = await transaction.fetchrow(
        f"select {_COLUMNS} from incident where tenant_id = $1 and incident_id = $2",  # noqa: S608 - constants
        transaction.tenant_id,
        incident_id,
    )
    return _incident(row) if row else None


async def alerts(transaction: Transaction, incident_id: str) -> list[dict[str, Any]]:
    """Return the first alerts of the incident, in short, in the order of their beginnings."""
    rows = await transaction.fetch(_ALERTS, transaction.tenant_id, incident_id, MOST_ALERTS)
    return [dict(row) for row in rows]


def _row(one: Incident) -> tuple[object, ...]:
    return (
        one.incident_id,
        one.state.value,
        one.verdict,
        one.assignee,
        one.severity,
        one.named_by,
        one.named_at,
        one.first_seen,
        one.last_seen,
        one.alert_count,
        list(one.rules),
        one.is_told,
        one.told_count,
        one.version,
        one.triage_version,
        one.opened_at,
        one.changed_at,
        one.merged_into,
    )


def _incident(row: asyncpg.Record) -> Incident:
    fields: dict[str, Any] = dict(row)
    fields["state"] = State(fields["state"])
    fields["verdict"] = None if fields["verdict"] is None else Verdict(fields["verdict"])
    return Incident(**fields | {"rules": tuple(fields["rules"])})
