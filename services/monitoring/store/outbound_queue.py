"""What is to be sent, and when: one at a time per target, whoever does it and whatever crashed meanwhile.

Locks are taken in one order: the target, then the row that says when it is due; so nobody waits in a circle.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from nuxari_events.ids import uuid7

from services.monitoring.domain.outbound import KEPT_FOR, After, Delivery, Outcome
from shared.persistence.database import Transaction

TAKEN_FOR = timedelta(seconds=60)
"""A target that was taken and not settled for so long is taken again: whoever had it is gone. Longer than any try."""

_MESSAGES = """
insert into outbound_message (tenant_id, message_id, type, subject, body, created_at)
select $1, message_id, type, subject, body, $2
from unnest($3::text[], $4::text[], $5::text[], $6::text[]) as row(message_id, type, subject, body)
on conflict do nothing
"""
_DELIVERIES = """
insert into outbound_delivery (tenant_id, delivery_id, target_id, message_id, state, next_try_at, created_at)
select $1, delivery_id, target_id, message_id, 'waiting', $2, $2
from unnest($3::text[], $4::text[], $5::text[]) with ordinality as row(delivery_id, target_id, message_id, n)
order by n
on conflict do nothing
"""
_DUE = """
insert into outbound_due (tenant_id, target_id, due_at)
select $1, target_id, $2 from unnest($3::text[]) with ordinality as row(target_id, n) order by n
on conflict (tenant_id, target_id) do update set due_at = least(outbound_due.due_at, excluded.due_at)
"""
_CLEAR = """
delete from outbound_message where ctid in (
    select ctid from outbound_message where tenant_id = $1 and created_at < $2
    order by created_at limit 100 for update skip locked
)
"""
_TAKE = """
update outbound_due set taken_until = $2 where (tenant_id, target_id) = (
    select tenant_id, target_id from outbound_due
    where due_at <= $1 and (taken_until is null or taken_until <= $1)
    order by due_at, tenant_id, target_id limit 1 for update skip locked
)
returning tenant_id, target_id
"""
_NEXT = """
select d.delivery_id, d.message_id, m.type, m.body, d.tries
from outbound_delivery d join outbound_message m using (tenant_id, message_id)
where d.tenant_id = $1 and d.target_id = $2 and d.state = 'waiting' and d.next_try_at <= $3
order by d.next_try_at, d.number limit 1
"""
_TRIED = """
update outbound_delivery set state = $3, next_try_at = $4, tries = tries + 1, tries_in_all = tries_in_all + 1,
    finished_at = case when $3 = 'waiting' then null else $5::timestamptz end
where tenant_id = $1 and delivery_id = $2 and state = 'waiting' returning tries_in_all
"""
_REPLAY = """
update outbound_delivery set state = 'waiting', next_try_at = $3, tries = 0, finished_at = null
where tenant_id = $1 and target_id = $2 and ($4::text is null and state = 'dead' or delivery_id = $4)
    and state <> 'waiting'
"""


class Message(NamedTuple):
    """One announcement as it is sent."""

    message_id: str
    type: str
    subject: str
    body: str


async def put(
    transaction: Transaction, messages: Sequence[Message], pairs: Sequence[tuple[str, str]], *, at: datetime
) -> None:
    """Have messages sent: `pairs` are of a target's id and a message's."""
    deliveries = [(uuid7(), *pair) for pair in pairs]
    await transaction.execute(_CLEAR, transaction.tenant_id, at - KEPT_FOR)
    await transaction.execute(_MESSAGES, transaction.tenant_id, at, *map(list, zip(*messages, strict=True)))
    await transaction.execute(_DELIVERIES, transaction.tenant_id, at, *map(list, zip(*deliveries, strict=True)))
    await wake(transaction, {target_id for target_id, _ in pairs}, at=at)


async def wake(transaction: Transaction, target_ids: Collection[str], *, at: datetime) -> None:
    """Have somebody look at the targets at that time, if not sooner."""
    await transaction.execute(_DUE, transaction.tenant_id, at, sorted(target_ids))


async def take(transaction: Transaction, *, at: datetime) -> tuple[str, str] | None:
    """Take the target, of any tenant, that has been due for the longest; None if none is."""
    row = await transaction.fetchrow(_TAKE, at, at + TAKEN_FOR)
    return None if row is None else (row["tenant_id"], row["target_id"])


async def next_of(transaction: Transaction, target_id: str, *, at: datetime) -> Delivery | None:
    """Return what is to be sent to the target now."""
    row = await transaction.fetchrow(_NEXT, transaction.tenant_id, target_id, at)
    return None if row is None else Delivery(**row)


async def keep_try(
    transaction: Transaction,
    delivery: Delivery,
    after: After,
    *,
    outcome: Outcome,
    status: int | None,
    took: timedelta,
    at: datetime,
) -> None:
    """Keep how one try ended, if the delivery is still waiting."""
    number = await transaction.fetchval(
        _TRIED, transaction.tenant_id, delivery.delivery_id, after.state, after.next_try_at, at
    )
    if number is not None:
        await transaction.execute(
            "insert into outbound_try (tenant_id, delivery_id, number, at, milliseconds, outcome, status)"
            " values ($1, $2, $3, $4, $5, $6, $7)",
            transaction.tenant_id,
            delivery.delivery_id,
            number,
            at,
            took // timedelta(milliseconds=1),
            outcome.value,
            status,
        )


async def settle(transaction: Transaction, target_id: str, *, rests_until: datetime, is_enabled: bool) -> None:
    """Give a target back, to be taken again when the next of its deliveries is due; it must be locked."""
    key = (transaction.tenant_id, target_id)
    # Whoever adds a delivery now waits here, or has committed: then the next statement sees it.
    await transaction.execute("select from outbound_due where tenant_id = $1 and target_id = $2 for update", *key)
    due_at = await transaction.fetchval(
        "select min(next_try_at) from outbound_delivery where tenant_id = $1 and target_id = $2 and state = 'waiting'",
        *key,
    )
    if due_at is None or not is_enabled:
        await transaction.execute("delete from outbound_due where tenant_id = $1 and target_id = $2", *key)
    else:
        await transaction.execute(
            "update outbound_due set due_at = $3, taken_until = null where tenant_id = $1 and target_id = $2",
            *key,
            max(due_at, rests_until),
        )


async def replay(transaction: Transaction, target_id: str, *, delivery_id: str | None, at: datetime) -> int:
    """Have one finished delivery, or all dead ones, sent again from the start; return how many these are."""
    tag = await transaction.execute(_REPLAY, transaction.tenant_id, target_id, at, delivery_id)
    return int(tag.rpartition(" ")[2])
