"""Eligibilities as rows."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from services.pim.domain.model import Eligibility, EligibilityEnd, EligibilityEndReason
from shared.persistence.database import Transaction

_COLUMNS = (
    "eligibility_id, user_id, role, starts_at, ends_at, reason, granted_by, granted_at, ended_at, end_reason, ended_by"
)


async def add(transaction: Transaction, eligibility: Eligibility) -> None:
    """Keep a new one."""
    await transaction.execute(
        "insert into eligibility (tenant_id, eligibility_id, user_id, role, starts_at, ends_at, reason, granted_by,"
        " granted_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        transaction.tenant_id,
        eligibility.eligibility_id,
        eligibility.user_id,
        eligibility.role,
        eligibility.starts_at,
        eligibility.ends_at,
        eligibility.reason,
        eligibility.granted_by,
        eligibility.granted_at,
    )


async def save_end(transaction: Transaction, eligibility: Eligibility) -> None:
    """Keep how it ended.

    Raises:
        LookupError: it had ended before; what is over stays as it was.
    """
    end = eligibility.end
    tag = await transaction.execute(
        "update eligibility set ended_at = $3, end_reason = $4, ended_by = $5"
        " where tenant_id = $1 and eligibility_id = $2 and ended_at is null",
        transaction.tenant_id,
        eligibility.eligibility_id,
        end and end.at,
        end and end.reason,
        end and end.by,
    )
    if tag != "UPDATE 1":
        raise LookupError(f"eligibility {eligibility.eligibility_id} is not open")


async def found(transaction: Transaction, eligibility_id: str) -> Eligibility | None:
    """Return it, None if the tenant has no such one."""
    row = await transaction.fetchrow(
        f"select {_COLUMNS} from eligibility where tenant_id = $1 and eligibility_id = $2",  # noqa: S608 - constants
        transaction.tenant_id,
        eligibility_id,
    )
    return None if row is None else _eligibility(row)


async def open_of(transaction: Transaction, user_id: str, *, granted_before: datetime | None) -> list[Eligibility]:
    """Return the user's that did not end yet, oldest first; with a time only those granted before it."""
    rows = await transaction.fetch(
        f"select {_COLUMNS} from eligibility where tenant_id = $1 and user_id = $2 and ended_at is null"  # noqa: S608
        " and ($3::timestamptz is null or granted_at < $3) order by eligibility_id",
        transaction.tenant_id,
        user_id,
        granted_before,
    )
    return [_eligibility(row) for row in rows]


async def page(
    transaction: Transaction, *, user_id: str | None, role: str | None, after: str | None, limit: int
) -> list[Eligibility]:
    """Return up to `limit`, newest first, that come after the id; of one user or role where given."""
    rows = await transaction.fetch(
        f"select {_COLUMNS} from eligibility where tenant_id = $1"  # noqa: S608 - constants
        " and ($2::text is null or user_id = $2) and ($3::text is null or role = $3)"
        " and ($4::text is null or eligibility_id < $4) order by eligibility_id desc limit $5",
        transaction.tenant_id,
        user_id,
        role,
        after,
        limit,
    )
    return [_eligibility(row) for row in rows]


def _eligibility(row: asyncpg.Record) -> Eligibility:
    return Eligibility(
        eligibility_id=row["eligibility_id"],
        user_id=row["user_id"],
        role=row["role"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        reason=row["reason"],
        granted_by=row["granted_by"],
        granted_at=row["granted_at"],
        end=_end(row),
    )


def _end(row: asyncpg.Record) -> EligibilityEnd | None:
    if row["ended_at"] is None:
        return None
    return EligibilityEnd(at=row["ended_at"], reason=EligibilityEndReason(row["end_reason"]), by=row["ended_by"])
