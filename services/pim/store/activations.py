"""Activations and their timelines as rows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.pim.domain.model import Activation, ActivationEnd, EndReason, PolicyUsed
from shared.persistence.database import Transaction

_COLUMNS = (
    "activation_id, eligibility_id, user_id, role, starts_at, ends_at, justification, policy_version, policy_digest,"
    " ended_at, end_reason, ended_by"
)


@dataclass(frozen=True, kw_only=True)
class Step:
    """One thing that happened to an activation."""

    at: datetime
    kind: str
    actor_id: str | None
    note: str | None


async def add(transaction: Transaction, activation: Activation) -> None:
    """Keep a new one."""
    await transaction.execute(
        "insert into activation (tenant_id, activation_id, eligibility_id, user_id, role, starts_at, ends_at,"
        " justification, policy_version, policy_digest) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        transaction.tenant_id,
        activation.activation_id,
        activation.eligibility_id,
        activation.user_id,
        activation.role,
        activation.starts_at,
        activation.ends_at,
        activation.justification,
        activation.policy.version,
        activation.policy.digest,
    )


async def save_end(transaction: Transaction, activation: Activation) -> None:
    """Keep how it ended.

    Raises:
        LookupError: it had ended before; what is over stays as it was.
    """
    end = activation.end
    tag = await transaction.execute(
        "update activation set ended_at = $3, end_reason = $4, ended_by = $5"
        " where tenant_id = $1 and activation_id = $2 and ended_at is null",
        transaction.tenant_id,
        activation.activation_id,
        end and end.at,
        end and end.reason,
        end and end.by,
    )
    if tag != "UPDATE 1":
        raise LookupError(f"activation {activation.activation_id} is not open")


async def found(transaction: Transaction, activation_id: str) -> Activation | None:
    """Return it, None if the tenant has no such one."""
    row = await transaction.fetchrow(
        f"select {_COLUMNS} from activation where tenant_id = $1 and activation_id = $2",  # noqa: S608 - constants
        transaction.tenant_id,
        activation_id,
    )
    return None if row is None else _activation(row)


async def open_of(transaction: Transaction, user_id: str) -> list[Activation]:
    """Return the user's whose end was not decided yet, oldest first; their time may be used up."""
    rows = await transaction.fetch(
        f"select {_COLUMNS} from activation where tenant_id = $1 and user_id = $2 and ended_at is null"  # noqa: S608
        " order by activation_id",
        transaction.tenant_id,
        user_id,
    )
    return [_activation(row) for row in rows]


async def page(
    transaction: Transaction,
    *,
    user_id: str | None,
    role: str | None,
    live_at: datetime | None,
    after: str | None,
    limit: int,
) -> list[Activation]:
    """Return up to `limit`, newest first, that come after the id; of one user or role, or live then, where given."""
    rows = await transaction.fetch(
        f"select {_COLUMNS} from activation where tenant_id = $1"  # noqa: S608 - constants
        " and ($2::text is null or user_id = $2) and ($3::text is null or role = $3)"
        " and ($4::timestamptz is null or (ended_at is null and ends_at > $4))"
        " and ($5::text is null or activation_id < $5) order by activation_id desc limit $6",
        transaction.tenant_id,
        user_id,
        role,
        live_at,
        after,
        limit,
    )
    return [_activation(row) for row in rows]


async def add_step(transaction: Transaction, activation_id: str, step: Step) -> None:
    """Write the next line of the timeline."""
    await transaction.execute(
        "insert into activation_step (tenant_id, activation_id, at, kind, actor_id, note)"
        " values ($1, $2, $3, $4, $5, $6)",
        transaction.tenant_id,
        activation_id,
        step.at,
        step.kind,
        step.actor_id,
        step.note,
    )


async def timeline(transaction: Transaction, activation_id: str) -> list[Step]:
    """Return what happened to it, in the order it was learnt here."""
    rows = await transaction.fetch(
        "select at, kind, actor_id, note from activation_step where tenant_id = $1 and activation_id = $2"
        " order by position",
        transaction.tenant_id,
        activation_id,
    )
    return [Step(at=row["at"], kind=row["kind"], actor_id=row["actor_id"], note=row["note"]) for row in rows]


def _activation(row: asyncpg.Record) -> Activation:
    return Activation(
        activation_id=row["activation_id"],
        eligibility_id=row["eligibility_id"],
        user_id=row["user_id"],
        role=row["role"],
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        justification=row["justification"],
        policy=PolicyUsed(version=row["policy_version"], digest=row["policy_digest"]),
        end=_end(row),
    )


def _end(row: asyncpg.Record) -> ActivationEnd | None:
    if row["ended_at"] is None:
        return None
    return ActivationEnd(at=row["ended_at"], reason=EndReason(row["end_reason"]), by=row["ended_by"])
