"""Users as rows; a user's row is the lock that orders sign-ins, tokens and roles of theirs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import asyncpg

from services.identity.domain.model import User, UserStatus
from shared.persistence.database import Transaction

_SELECT = """
select u.*, exists (
    select true from factor f
    where f.tenant_id = u.tenant_id and f.user_id = u.user_id and f.confirmed_at is not null
) as has_factor
from tenant_user u where u.tenant_id = $1
"""


async def add(transaction: Transaction, user: User) -> bool:
    """Keep a new user; False if the tenant has one with this address."""
    tag = await transaction.execute(
        "insert into tenant_user (tenant_id, user_id, email, status, invited_by, invited_at, changed_at)"
        " values ($1, $2, $3, $4, $5, $6, $7) on conflict (tenant_id, email) do nothing",
        transaction.tenant_id,
        user.user_id,
        user.email,
        user.status,
        user.invited_by,
        user.invited_at,
        user.changed_at,
    )
    return tag == "INSERT 0 1"


async def found(transaction: Transaction, user_id: str) -> User | None:
    """Return the user, None if there is none of that id."""
    return _user(await transaction.fetchrow(f"{_SELECT} and u.user_id = $2", transaction.tenant_id, user_id))


async def with_email(transaction: Transaction, email: str) -> User | None:
    """Return the user with that address, None if there is none."""
    return _user(await transaction.fetchrow(f"{_SELECT} and u.email = $2", transaction.tenant_id, email))


async def locked(transaction: Transaction, user_id: str) -> User | None:
    """Return the user and let nothing else of theirs be decided until the transaction ends.

    The lock comes first and the user is read after it: a factor confirmed while we waited is seen.
    """
    await transaction.execute(
        "select from tenant_user where tenant_id = $1 and user_id = $2 for update", transaction.tenant_id, user_id
    )
    return await found(transaction, user_id)


async def locked_at_once(transaction: Transaction, user_id: str) -> bool:
    """Lock the user if nobody else has; say whether it worked.

    Work that holds other locks must not wait for this one: two that wait for each other would both be late.
    """
    row = await transaction.fetchrow(
        "select true from tenant_user where tenant_id = $1 and user_id = $2 for update skip locked",
        transaction.tenant_id,
        user_id,
    )
    return row is not None


async def save(transaction: Transaction, user: User) -> None:
    """Keep the user's status, failures and lock; the caller holds the user's lock."""
    await transaction.execute(
        "update tenant_user set status = $3, changed_at = $4, failures = $5, locked_until = $6"
        " where tenant_id = $1 and user_id = $2",
        transaction.tenant_id,
        user.user_id,
        user.status,
        user.changed_at,
        user.failures,
        user.locked_until,
    )


async def note_tokens(transaction: Transaction, user_id: str, *, at: datetime) -> None:
    """Keep when the newest token or watermark of the user's was."""
    await transaction.execute(
        "update tenant_user set tokens_at = $3 where tenant_id = $1 and user_id = $2",
        transaction.tenant_id,
        user_id,
        at,
    )


async def password_hash(transaction: Transaction, user_id: str) -> str | None:
    """Return the argon2id hash of the user's password, None if none is set."""
    found_hash: str | None = await transaction.fetchval(
        "select password_hash from tenant_user where tenant_id = $1 and user_id = $2", transaction.tenant_id, user_id
    )
    return found_hash


async def set_password_hash(transaction: Transaction, user_id: str, hashed: str | None) -> None:
    """Replace the hash of the user's password; None lets no password match."""
    await transaction.execute(
        "update tenant_user set password_hash = $3 where tenant_id = $1 and user_id = $2",
        transaction.tenant_id,
        user_id,
        hashed,
    )


async def page(
    transaction: Transaction, *, status: UserStatus | None, email: str | None, after: str | None, limit: int
) -> list[User]:
    """Return users by id, which is by the time of their invitation."""
    rows: list[Any] = await transaction.fetch(
        f"{_SELECT} and ($2::text is null or u.status = $2) and ($3::text is null or u.email = $3)"
        " and ($4::text is null or u.user_id > $4) order by u.user_id limit $5",
        transaction.tenant_id,
        status,
        email,
        after,
        limit,
    )
    return [user for row in rows if (user := _user(row))]


def _user(row: asyncpg.Record | None) -> User | None:
    if row is None:
        return None
    return User(
        user_id=row["user_id"],
        email=row["email"],
        status=UserStatus(row["status"]),
        invited_by=row["invited_by"],
        invited_at=row["invited_at"],
        changed_at=row["changed_at"],
        has_factor=row["has_factor"],
        failures=row["failures"],
        locked_until=row["locked_until"],
        tokens_at=row["tokens_at"],
    )
