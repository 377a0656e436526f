"""The inbox: an event is applied once per consumer, however often it arrives."""

from __future__ import annotations

from collections.abc import Sequence

from nuxari_events.envelope import Event

from shared.persistence.database import Transaction

_CLAIM = """
insert into inbox (consumer, source, event_id)
select $1, source, event_id from unnest($2::text[], $3::text[]) as t(source, event_id)
order by source, event_id
on conflict do nothing
returning source, event_id
"""


async def claim(transaction: Transaction, events: Sequence[Event], *, consumer: str) -> list[Event]:
    """Return the events that this consumer has not applied yet, in order, each once; they count as applied from here.

    Rows are written in the order of their key, so that two members of a group that claim the same batch after a
    rebalance wait for one another instead of deadlocking.
    """
    unique = {event.identity: event for event in reversed(events)}
    sources, ids = [s for s, _ in unique], [i for _, i in unique]
    rows = await transaction.fetch(_CLAIM, consumer, sources, ids)
    new = {(row["source"], row["event_id"]) for row in rows}
    return [event for event in events if event.identity in new and unique[event.identity] is event]
