"""What identity said about users, as rows; a user's row is the lock between taking ownership and losing it."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from services.credential_governance.domain.model import User, UserStatus
from shared.persistence.database import Transaction

_NOTE_STATUS = """
insert into projected_user as known (tenant_id, user_id, status, status_at) values ($1, $2, $3, $4)
on conflict (tenant_id, user_id) do update set status = excluded.status, status_at = excluded.status_at
where known.status_at is null or known.status_at <= excluded.status_at
returning true
"""

_RESERVE = """
insert into projected_user (tenant_id, user_id, status) values ($1, $2, 'unheard_of') on conflict do nothing
"""

_HELD_STILL = "select user_id, status from projected_user where tenant_id = $1 and user_id = $2 for share"


async def note_status(transaction: Transaction, user_id: str, *, status: UserStatus, at: datetime) -> bool:
    """Keep the user's status unless a later one is known; say whether it was kept. The user is locked either way."""
    return bool(await transaction.fetchval(_NOTE_STATUS, transaction.tenant_id, user_id, status, at))


async def held_still(transaction: Transaction, user_id: str) -> User | None:
    """Return the user, whose status cannot change until the transaction ends; None if nobody named them here."""
    return _user(await transaction.fetchrow(_HELD_STILL, transaction.tenant_id, user_id))


async def held_still_or_reserved(transaction: Transaction, user_id: str) -> User | None:
    """Return the user as `held_still` does; one that nobody named yet gets a row, so that there is one to lock."""
    await transaction.execute(_RESERVE, transaction.tenant_id, user_id)
    return await held_still(transaction, user_id)


def _user(row: asyncpg.Record | None) -> User | None:
    return None if row is None else User(user_id=row["user_id"], status=UserStatus(row["status"]))
