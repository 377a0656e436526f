"""What identity said about users and roles, as rows; the user's row is the lock that orders all that concerns them."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from services.pim.domain.model import StandingRole, User, UserStatus
from shared.persistence.database import Transaction

_NOTE_STATUS = """
insert into projected_user as known (tenant_id, user_id, status, status_at) values ($1, $2, $3, $4)
on conflict (tenant_id, user_id) do update set status = excluded.status, status_at = excluded.status_at
where known.status_at <= excluded.status_at
returning true
"""

_NOTE_ROLE = """
insert into projected_role as known (tenant_id, user_id, role, activation_id, held, ends_at, changed_at)
values ($1, $2, $3, $4, $5, $6, $7)
on conflict (tenant_id, user_id, role, activation_id)
do update set held = excluded.held, ends_at = excluded.ends_at, changed_at = excluded.changed_at
where known.changed_at <= excluded.changed_at
"""


async def note_status(transaction: Transaction, user_id: str, *, status: UserStatus, at: datetime) -> bool:
    """Keep the user's status unless a later one is known; say whether it was kept. The user is locked either way."""
    return bool(await transaction.fetchval(_NOTE_STATUS, transaction.tenant_id, user_id, status, at))


async def locked(transaction: Transaction, user_id: str) -> User | None:
    """Return the user and let nothing else of theirs be decided until the transaction ends; None if unknown."""
    return _user(
        await transaction.fetchrow(
            "select user_id, status, status_at from projected_user where tenant_id = $1 and user_id = $2 for update",
            transaction.tenant_id,
            user_id,
        )
    )


async def locked_at_once(transaction: Transaction, user_id: str) -> bool:
    """Lock the user if nobody else has; say whether it worked.

    Work that holds other locks must not wait for this one: two that wait for each other would both be late.
    """
    row = await transaction.fetchrow(
        "select true from projected_user where tenant_id = $1 and user_id = $2 for update skip locked",
        transaction.tenant_id,
        user_id,
    )
    return row is not None


async def known(transaction: Transaction, user_id: str) -> User | None:
    """Return the user, None if identity did not announce them yet."""
    return _user(
        await transaction.fetchrow(
            "select user_id, status, status_at from projected_user where tenant_id = $1 and user_id = $2",
            transaction.tenant_id,
            user_id,
        )
    )


async def note_role(
    transaction: Transaction,
    user_id: str,
    *,
    role: str,
    activation_id: str | None,
    held: bool,
    ends_at: datetime | None,
    at: datetime,
) -> None:
    """Keep whether the role is held unless something later is known of it."""
    await transaction.execute(_NOTE_ROLE, transaction.tenant_id, user_id, role, activation_id or "", held, ends_at, at)


async def drop_roles(transaction: Transaction, user_id: str, *, at: datetime) -> None:
    """Void every role that was given to the user by then."""
    await transaction.execute(
        "update projected_role set held = false, changed_at = $3"
        " where tenant_id = $1 and user_id = $2 and held and changed_at <= $3",
        transaction.tenant_id,
        user_id,
        at,
    )


async def standing_roles(transaction: Transaction, user_id: str) -> tuple[StandingRole, ...]:
    """Return the roles that identity gave outside activations."""
    rows = await transaction.fetch(
        "select role, ends_at from projected_role"
        " where tenant_id = $1 and user_id = $2 and activation_id = '' and held order by role",
        transaction.tenant_id,
        user_id,
    )
    return tuple(StandingRole(role=row["role"], ends_at=row["ends_at"]) for row in rows)


def _user(row: asyncpg.Record | None) -> User | None:
    if row is None:
        return None
    return User(user_id=row["user_id"], status=UserStatus(row["status"]), status_at=row["status_at"])
