"""The outbox: an announcement is a row of the transaction that decided it, so neither is ever without the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import asyncpg
from nuxari_events.envelope import Event
from nuxari_events.wire import encode

from shared.telemetry.tracing import current_traceparent

CHANNEL = "outbox"
"""PostgreSQL wakes the relay on it at commit."""

_INSERT = """
insert into outbox (aggregatetype, aggregateid, type, event_id, tenant_id, message_key, payload, headers)
select aggregatetype, aggregateid, type, event_id, tenant_id, message_key, payload, headers
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::jsonb[])
with ordinality as row(aggregatetype, aggregateid, type, event_id, tenant_id, message_key, payload, headers, n)
order by n
"""


async def append(connection: asyncpg.pool.PoolConnectionProxy[Any], events: Sequence[Event]) -> None:
    """Write the events, in order, in one statement, and wake the relay when the transaction commits.

    Columns are named as the Debezium outbox event router reads them: `aggregatetype` is the topic.
    """
    if not events:
        return
    rows = [_row(event) for event in events]
    await connection.execute(_INSERT, *map(list, zip(*rows, strict=True)))
    await connection.execute("select pg_notify($1, '')", CHANNEL)


def traced(event: Event) -> Event:
    """Return the event as a part of the trace that is going on here, unless it is of one already."""
    traceparent = event.traceparent or current_traceparent()
    return event.model_copy(update={"traceparent": traceparent}) if traceparent else event


def _row(event: Event) -> tuple[str, ...]:
    encoded = encode(event)
    headers = json.dumps({name: value.decode() for name, value in encoded.headers})
    return (
        encoded.topic,
        event.subject,
        event.type,
        event.id,
        event.tenantid,
        encoded.key.decode(),
        encoded.value.decode(),
        headers,
    )
