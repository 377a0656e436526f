"""The log of what was announced to a tenant, in the order of its commits; whoever writes for the tenant waits here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from nuxari_events.envelope import Event

from shared.persistence.database import Transaction

CHANNEL = "alert_change"
"""PostgreSQL wakes the streams on it at commit; the payload is the tenant's id."""

KEPT = 2_000
"""Announcements per tenant that a stream can go on from: some hours of a busy tenant, and a bound for what it costs."""

_IN_ALERT = frozenset({"alert_raised", "alert_updated", "alert_closed"})
"""Types whose data is that of the alert's row: it is not kept a second time, but for what only the closing says."""

_OF_CLOSING = frozenset({"reason", "superseded_by"})

_APPEND = """
insert into alert_change (tenant_id, sequence, type, event_id, subject, at, actor_id, body)
select $1, $2::bigint + n, type, event_id, subject, $3, actor_id, body
from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
with ordinality as row(type, event_id, subject, actor_id, body, n)
"""
_AFTER = """
select c.sequence, c.type, c.event_id, c.subject, c.at, c.actor_id,
       coalesce(a.body, '{}') || coalesce(c.body, '{}') as data
from alert_change c
left join alert a on c.type = any($4::text[]) and a.tenant_id = c.tenant_id and a.alert_id = c.subject
where c.tenant_id = $1 and c.sequence > $2 order by c.sequence limit $3
"""


class Change(NamedTuple):
    """One announcement; of an alert it has what the alert says now."""

    sequence: int
    type: str
    """Such as `alert_raised`."""
    event_id: str
    subject: str
    at: datetime
    actor_id: str | None
    data: dict[str, Any]


async def take(transaction: Transaction, tenant_id: str) -> None:
    """Enter the tenant and wait until nobody else changes its alerts: one after the other, nothing deadlocks."""
    await transaction.enter(tenant_id)
    locked = "select last_sequence from alert_stream where tenant_id = $1 for update"
    if await transaction.fetchval(locked, tenant_id) is None:
        await transaction.execute(
            "insert into alert_stream (tenant_id, last_sequence) values ($1, 0) on conflict do nothing", tenant_id
        )
        await transaction.fetchval(locked, tenant_id)


async def tell(transaction: Transaction, events: Sequence[Event], *, at: datetime) -> None:
    """Announce the events of the tenant that was taken, on Kafka and to its streams."""
    if not events:
        return
    for event in events:
        transaction.announce(event)
    tenant_id = transaction.tenant_id
    last = await transaction.fetchval(
        "update alert_stream set last_sequence = last_sequence + $2 where tenant_id = $1"
        " returning last_sequence, pg_notify($3, $1)",
        tenant_id,
        len(events),
        CHANNEL,
    )
    rows = [_row(event) for event in events]
    await transaction.execute(_APPEND, tenant_id, last - len(events), at, *map(list, zip(*rows, strict=True)))
    if last > KEPT:
        await transaction.execute(
            "delete from alert_change where tenant_id = $1 and sequence <= $2", tenant_id, last - KEPT
        )


async def after(transaction: Transaction, sequence: int, *, limit: int) -> list[Change]:
    """Return the announcements after that one, in order."""
    rows = await transaction.fetch(_AFTER, transaction.tenant_id, sequence, limit, list(_IN_ALERT))
    return [Change(**{**row, "data": json.loads(row["data"])}) for row in rows]


async def bounds(transaction: Transaction) -> tuple[int, int]:
    """Return the sequence numbers before the oldest announcement that is kept, and of the newest."""
    last = await transaction.fetchval(
        "select last_sequence from alert_stream where tenant_id = $1", transaction.tenant_id
    )
    return max(0, (last or 0) - KEPT), last or 0


def _row(event: Event) -> tuple[str | None, ...]:
    kind = event.type.split(".")[2]
    data: Any = getattr(event, "data")  # noqa: B009 - every event has it, the envelope alone does not say so
    body = data.model_dump_json(exclude_none=True, include=set(_OF_CLOSING) if kind in _IN_ALERT else None)
    return kind, event.id, event.subject, event.actorid, body
