"""What was sent to a target, for people who look at it."""

from __future__ import annotations

from typing import Any

from shared.persistence.database import Transaction

_COLUMNS = (
    "d.delivery_id, d.message_id, m.type, m.subject, d.state, d.tries_in_all as tries, d.next_try_at, d.created_at,"
    " d.finished_at"
)
_PAGE = f"""
select d.number, {_COLUMNS}
from outbound_delivery d join outbound_message m using (tenant_id, message_id)
where d.tenant_id = $1 and d.target_id = $2 and ($3::text is null or d.state = $3)
    and ($4::bigint is null or d.number < $4)
order by d.number desc limit $5
"""  # noqa: S608 - constants
_ONE = f"""
select {_COLUMNS}
from outbound_delivery d join outbound_message m using (tenant_id, message_id)
where d.tenant_id = $1 and d.target_id = $2 and d.delivery_id = $3
"""  # noqa: S608 - constants


async def page(
    transaction: Transaction, target_id: str, *, state: str | None, before: int | None, limit: int
) -> list[dict[str, Any]]:
    """Return deliveries to the target, newest first, each with its `number` in the order of all."""
    rows = await transaction.fetch(_PAGE, transaction.tenant_id, target_id, state, before, limit)
    return [dict(row) for row in rows]


async def delivery(transaction: Transaction, target_id: str, delivery_id: str) -> dict[str, Any] | None:
    """Return one delivery with each try, in order."""
    row = await transaction.fetchrow(_ONE, transaction.tenant_id, target_id, delivery_id)
    if row is None:
        return None
    tries = await transaction.fetch(
        "select number, at, milliseconds, outcome, status from outbound_try"
        " where tenant_id = $1 and delivery_id = $2 order by number",
        transaction.tenant_id,
        delivery_id,
    )
    return {**row, "tries": [dict(one) for one in tries]}
