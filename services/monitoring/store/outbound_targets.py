"""Webhooks and notification targets as rows; what is secret of them is sealed before it comes here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.monitoring.domain.outbound import Health, Kind, Wanted
from shared.persistence.database import Transaction

_COLUMNS = (
    "target_id, kind, name, address, shown_address, secret, previous_secret, previous_until, least_severity, rules,"
    " types, is_enabled, disabled_reason, disabled_at, failures, failing_since, last_success_at, created_by,"
    " created_at, changed_at"
)
_ADD = f"""
insert into outbound_target (tenant_id, {_COLUMNS})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
"""  # noqa: S608 - constants
_SAVE = """
update outbound_target set kind = $3, name = $4, address = $5, shown_address = $6, secret = $7, previous_secret = $8,
    previous_until = $9, least_severity = $10, rules = $11, types = $12, is_enabled = $13, disabled_reason = $14,
    disabled_at = $15, failures = $16, failing_since = $17, last_success_at = $18, created_by = $19, created_at = $20,
    changed_at = $21
where tenant_id = $1 and target_id = $2
"""
_SAVE_HEALTH = """
update outbound_target set is_enabled = $3, disabled_reason = coalesce($4, disabled_reason),
    disabled_at = case when $4::text is null then disabled_at else $7 end, failures = $5, failing_since = $6,
    last_success_at = case when $5 = 0 then $7 else last_success_at end
where tenant_id = $1 and target_id = $2
"""


@dataclass(frozen=True, kw_only=True)
class Target:
    """One webhook or notification target."""

    target_id: str
    kind: Kind
    name: str
    address: bytes
    """Sealed: addresses hold tokens."""
    shown_address: str
    """What of it may be shown."""
    secret: bytes | None
    """Sealed, of a webhook."""
    previous_secret: bytes | None = None
    previous_until: datetime | None = None
    wanted: Wanted
    health: Health
    disabled_reason: str | None = None
    """`gone`, `failing` or `asked`."""
    disabled_at: datetime | None = None
    last_success_at: datetime | None = None
    created_by: str
    created_at: datetime
    changed_at: datetime


async def one_by_one(transaction: Transaction) -> None:
    """Wait until nobody else adds a target to the tenant, so that each counts those before it."""
    await transaction.execute(
        "select pg_advisory_xact_lock(hashtextextended('outbound_target ' || $1, 0))", transaction.tenant_id
    )


async def add(transaction: Transaction, target: Target) -> None:
    """Keep a new target."""
    await transaction.execute(_ADD, transaction.tenant_id, *_row(target))


async def save(transaction: Transaction, target: Target) -> None:
    """Keep what is now known of a target that was locked."""
    await transaction.execute(_SAVE, transaction.tenant_id, *_row(target))


async def save_health(
    transaction: Transaction, target_id: str, health: Health, *, disabled_reason: str | None, at: datetime
) -> None:
    """Keep how a locked target has been doing, and, where a reason is given, that it is disabled."""
    await transaction.execute(
        _SAVE_HEALTH,
        transaction.tenant_id,
        target_id,
        health.is_enabled,
        disabled_reason,
        health.failures,
        health.failing_since,
        at,
    )


async def remove(transaction: Transaction, target_id: str) -> None:
    """Forget a target with everything that was or should be sent there."""
    await transaction.execute(
        "delete from outbound_target where tenant_id = $1 and target_id = $2", transaction.tenant_id, target_id
    )


async def of_kind(transaction: Transaction, kind: Kind) -> list[Target]:
    """Return the tenant's targets of one kind, oldest first."""
    rows = await transaction.fetch(
        f"select {_COLUMNS} from outbound_target where tenant_id = $1 and kind = $2 order by created_at, target_id",  # noqa: S608 - constants
        transaction.tenant_id,
        kind,
    )
    return [_target(row) for row in rows]


async def by_id(transaction: Transaction, target_id: str, *, lock: bool = False) -> Target | None:
    """Return one target; with `lock` nobody else changes it until the transaction ends."""
    row = await transaction.fetchrow(
        f"select {_COLUMNS} from outbound_target where tenant_id = $1 and target_id = $2"  # noqa: S608 - constants
        f"{' for no key update' if lock else ''}",
        transaction.tenant_id,
        target_id,
    )
    return None if row is None else _target(row)


async def wanting(transaction: Transaction) -> dict[str, Wanted]:
    """Return what each enabled target of the tenant wants, by its id, in the order of the ids."""
    rows = await transaction.fetch(
        "select target_id, least_severity, rules, types from outbound_target where tenant_id = $1 and is_enabled"
        " order by target_id",
        transaction.tenant_id,
    )
    return {row["target_id"]: _wanted(row) for row in rows}


def _row(target: Target) -> tuple[object, ...]:
    return (
        target.target_id,
        target.kind.value,
        target.name,
        target.address,
        target.shown_address,
        target.secret,
        target.previous_secret,
        target.previous_until,
        target.wanted.least_severity,
        sorted(target.wanted.rules),
        sorted(target.wanted.types),
        target.health.is_enabled,
        target.disabled_reason,
        target.disabled_at,
        target.health.failures,
        target.health.failing_since,
        target.last_success_at,
        target.created_by,
        target.created_at,
        target.changed_at,
    )


def _target(row: asyncpg.Record) -> Target:
    return Target(
        target_id=row["target_id"],
        kind=Kind(row["kind"]),
        name=row["name"],
        address=row["address"],
        shown_address=row["shown_address"],
        secret=row["secret"],
        previous_secret=row["previous_secret"],
        previous_until=row["previous_until"],
        wanted=_wanted(row),
        health=Health(is_enabled=row["is_enabled"], failures=row["failures"], failing_since=row["failing_since"]),
        disabled_reason=row["disabled_reason"],
        disabled_at=row["disabled_at"],
        last_success_at=row["last_success_at"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        changed_at=row["changed_at"],
    )


def _wanted(row: asyncpg.Record) -> Wanted:
    return Wanted(least_severity=row["least_severity"], rules=frozenset(row["rules"]), types=frozenset(row["types"]))
