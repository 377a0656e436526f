"""Whom and what each alert is about, and how much it adds to their risk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from nuxari_events.alerts import AlertData

from services.monitoring.domain.model import Entity
from services.monitoring.domain.risk import HALF_LIFE, REMEMBERED, SUMMED, Contribution
from shared.persistence.database import Transaction

_UPSERT = """
insert into alert_entity (tenant_id, kind, entity_id, alert_id, first_seen, last_seen, points, tactics, counts)
select $1, kind, entity_id, alert_id, first_seen, last_seen, points,
       array(select jsonb_array_elements_text(tactics)), counts
from unnest($2::text[], $3::text[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::real[], $8::jsonb[],
            $9::boolean[])
as row(kind, entity_id, alert_id, first_seen, last_seen, points, tactics, counts)
on conflict (tenant_id, kind, entity_id, alert_id) do update set
    first_seen = excluded.first_seen, last_seen = excluded.last_seen, points = excluded.points,
    tactics = excluded.tactics, counts = excluded.counts
"""
_COUNT = """
update alert_entity e set counts = judged.counts and a.mode = 'live' and (a.closure is null or a.closure = 'quiet')
from unnest($2::text[], $3::boolean[]) as judged(alert_id, counts), alert a
where e.tenant_id = $1 and e.alert_id = judged.alert_id and a.tenant_id = $1 and a.alert_id = judged.alert_id
"""
_TOP = """
with known as (
    select kind, entity_id, points, tactics, greatest($2::timestamptz - last_seen, '0'::interval) as age
    from alert_entity
    where tenant_id = $1 and counts and last_seen > $2 - $3::interval and ($6::text is null or kind = $6)
), summed as (
    select kind, entity_id, count(*) as alerts,
           sum(points * power(0.5, extract(epoch from age) / extract(epoch from $4::interval))) as score,
           coalesce(sum(points) filter (where age < $5::interval), 0) as sum_24h
    from known group by kind, entity_id
)
select summed.*, array(
    select distinct tactic from known k, unnest(k.tactics) as tactic
    where k.kind = summed.kind and k.entity_id = summed.entity_id order by tactic
) as tactics_7d
from summed order by score desc, kind, entity_id limit $7
"""
_CONTRIBUTIONS = """
select e.alert_id, e.points, e.tactics, e.last_seen, e.counts, a.state, a.verdict, a.closure, a.mode, a.severity,
       a.rule_number, a.body ->> 'title' as title
from alert_entity e join alert a using (tenant_id, alert_id)
where e.tenant_id = $1 and e.kind = $2 and e.entity_id = $3 and a.mode = 'live'
  and e.last_seen > $4::timestamptz - $5::interval
order by e.last_seen desc, e.alert_id limit $6
"""
MOST_CONTRIBUTIONS = 1_000
"""Of one entity that are looked at: more alerts about one within a week say no more."""


@dataclass(frozen=True, kw_only=True)
class Counted:
    """An alert whose entities are to be kept."""

    data: AlertData
    counts: bool
    """Whether it adds to their risk."""


async def save(transaction: Transaction, alerts: Sequence[Counted]) -> None:
    """Keep whom the alerts are about, in one statement."""
    rows = [row for one in alerts for row in _rows(one)]
    if rows:
        await transaction.execute(_UPSERT, transaction.tenant_id, *map(list, zip(*rows, strict=True)))


async def count(transaction: Transaction, counted: Iterable[tuple[str, bool]]) -> None:
    """Note of alerts whether they were judged to be a risk; one that no longer stands is none."""
    rows = list(counted)
    if rows:
        await transaction.execute(_COUNT, transaction.tenant_id, *map(list, zip(*rows, strict=True)))


async def riskiest(transaction: Transaction, *, kind: str | None, at: datetime, limit: int) -> list[dict[str, Any]]:
    """Return the entities with the highest score, as `domain.risk.risk` computes it."""
    rows = await transaction.fetch(_TOP, transaction.tenant_id, at, REMEMBERED, HALF_LIFE, SUMMED, kind, limit)
    return [dict(row) for row in rows]


async def contributions(transaction: Transaction, entity: Entity, *, at: datetime) -> list[dict[str, Any]]:
    """Return what each alert of the last seven days adds, newest first, and those that add nothing as well."""
    rows = await transaction.fetch(
        _CONTRIBUTIONS, transaction.tenant_id, entity.kind, entity.id, at, REMEMBERED, MOST_CONTRIBUTIONS
    )
    return [dict(row) for row in rows]


def contribution_in(row: dict[str, Any]) -> Contribution:
    """Return the row as the domain knows it."""
    return Contribution(
        alert_id=row["alert_id"], points=row["points"], tactics=tuple(row["tactics"]), at=row["last_seen"]
    )


def _rows(one: Counted) -> Iterable[tuple[object, ...]]:
    data = one.data
    tactics = json.dumps(data.tactics)
    for entity in dict.fromkeys((entity.kind, entity.id) for entity in data.entities):
        yield (*entity, data.alert_id, data.first_seen, data.last_seen, data.risk, tactics, one.counts)
