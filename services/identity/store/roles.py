"""Role assignments as rows: an assignment begins once and ends once, and stays to be looked up."""

from __future__ import annotations

from datetime import datetime

import asyncpg

from services.identity.domain.model import Assignment, Origin, Owner, UserStatus
from services.identity.domain.owners import OWNER_ROLE
from shared.persistence.database import Transaction

_OWNERS = """
select a.user_id, u.status, bool_or(a.ends_at is null and a.origin <> 'pim') as is_permanent, exists (
    select true from factor f
    where f.tenant_id = $1 and f.user_id = a.user_id and f.confirmed_at is not null
) as has_factor
from role_assignment a join tenant_user u on u.tenant_id = a.tenant_id and u.user_id = a.user_id
where a.tenant_id = $1 and a.role = $2 and a.ended_at is null and (a.ends_at is null or a.ends_at > $3)
group by a.user_id, u.status
"""


async def add(transaction: Transaction, assignment: Assignment) -> bool:
    """Keep a new assignment; False if it is known already, ended or not."""
    tag = await transaction.execute(
        "insert into role_assignment"
        " (tenant_id, assignment_id, user_id, role, origin, begins_at, ends_at, assigned_by, ended_at, ended_by)"
        " values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict do nothing",
        transaction.tenant_id,
        assignment.assignment_id,
        assignment.user_id,
        assignment.role,
        assignment.origin,
        assignment.begins_at,
        assignment.ends_at,
        assignment.assigned_by,
        assignment.ended_at,
        assignment.ended_by,
    )
    return tag == "INSERT 0 1"


async def save_end(transaction: Transaction, assignment: Assignment) -> None:
    """Keep the end of an assignment that had none."""
    await transaction.execute(
        "update role_assignment set ended_at = $3, ended_by = $4"
        " where tenant_id = $1 and assignment_id = $2 and ended_at is null",
        transaction.tenant_id,
        assignment.assignment_id,
        assignment.ended_at,
        assignment.ended_by,
    )


async def found(transaction: Transaction, assignment_id: str) -> Assignment | None:
    """Return the assignment, None if there is none of that id."""
    row = await transaction.fetchrow(
        "select * from role_assignment where tenant_id = $1 and assignment_id = $2",
        transaction.tenant_id,
        assignment_id,
    )
    return _assignment(row) if row else None


async def held_by(transaction: Transaction, user_id: str) -> list[Assignment]:
    """Return the user's assignments that nobody ended; some may have run out."""
    rows = await transaction.fetch(
        "select * from role_assignment where tenant_id = $1 and user_id = $2 and ended_at is null"
        " order by role, assignment_id",
        transaction.tenant_id,
        user_id,
    )
    return [_assignment(row) for row in rows]


async def owners(transaction: Transaction, *, at: datetime) -> list[Owner]:
    """Return everybody who is an owner of the tenant at that moment, invited ones included."""
    rows = await transaction.fetch(_OWNERS, transaction.tenant_id, OWNER_ROLE, at)
    return [
        Owner(
            user_id=row["user_id"],
            status=UserStatus(row["status"]),
            has_factor=row["has_factor"],
            is_permanent=row["is_permanent"],
        )
        for row in rows
    ]


def _assignment(row: asyncpg.Record) -> Assignment:
    return Assignment(
        assignment_id=row["assignment_id"],
        user_id=row["user_id"],
        role=row["role"],
        origin=Origin(row["origin"]),
        begins_at=row["begins_at"],
        ends_at=row["ends_at"],
        assigned_by=row["assigned_by"],
        ended_at=row["ended_at"],
        ended_by=row["ended_by"],
    )
