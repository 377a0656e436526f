"""Credentials as rows, each with the band that was announced last for its expiry."""

from __future__ import annotations

from datetime import UTC, datetime

import asyncpg

from services.credential_governance.domain.expiry import ExpiryBand, Validity
from services.credential_governance.domain.model import Credential
from shared.persistence.database import Transaction

_COLUMNS = (
    "c.credential_id, c.name, c.kind, c.notes, c.issued_at, c.expires_at, c.owner_id, c.owned_since, c.orphaned_at,"
    " c.reported_owner_id, c.facts_at, c.registered_at"
)

SELECT = f"""
select {_COLUMNS}, b.last_band from credential c
left join crossed_band b
  on b.tenant_id = c.tenant_id and b.credential_id = c.credential_id and b.expires_at = c.expires_at
where c.tenant_id = $1
"""  # noqa: S608 - constants

_ADD = """
insert into credential (tenant_id, credential_id, name, kind, notes, issued_at, expires_at, owner_id, owned_since,
    orphaned_at, reported_owner_id, facts_at, registered_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
"""

_SAVE = """
update credential set name = $3, kind = $4, notes = $5, issued_at = $6, expires_at = $7, owner_id = $8,
    owned_since = $9, orphaned_at = $10, reported_owner_id = $11, facts_at = $12
where tenant_id = $1 and credential_id = $2
"""

_ORPHAN = f"""
update credential c set orphaned_at = $3
where c.tenant_id = $1 and c.credential_id in (
    select credential_id from credential
    where tenant_id = $1 and owner_id = $2 and orphaned_at is null and ($4::timestamptz is null or owned_since < $4)
    order by credential_id limit $5 for update
)
returning {_COLUMNS}, null::text as last_band
"""  # noqa: S608 - constants

_CROSS = """
insert into crossed_band (tenant_id, credential_id, expires_at, last_band, crossed_at) values ($1, $2, $3, $4, $5)
on conflict (tenant_id, credential_id, expires_at)
do update set last_band = excluded.last_band, crossed_at = excluded.crossed_at
where crossed_band.last_band = any($6::text[])
returning true
"""


async def add(transaction: Transaction, credential: Credential) -> None:
    """Keep a new one."""
    await transaction.execute(_ADD, transaction.tenant_id, *_values(credential), credential.registered_at)


async def save(transaction: Transaction, credential: Credential) -> None:
    """Keep it as it is now; the caller holds its lock."""
    await transaction.execute(_SAVE, transaction.tenant_id, *_values(credential))


async def found(transaction: Transaction, credential_id: str) -> Credential | None:
    """Return it, None if the tenant has no such one."""
    return await _one(transaction, credential_id, lock="")


async def locked(transaction: Transaction, credential_id: str) -> Credential | None:
    """Return it and let nobody else decide about it until the transaction ends; None if the tenant has no such one."""
    return await _one(transaction, credential_id, lock="for update of c")


async def locked_at_once(transaction: Transaction, credential_id: str) -> Credential | None:
    """Return it locked if nobody else has it locked; None otherwise.

    Work that holds other locks must not wait for this one: two that wait for each other would both be late.
    """
    return await _one(transaction, credential_id, lock="for update of c skip locked")


async def orphan_some(
    transaction: Transaction, owner_id: str, *, at: datetime, owned_before: datetime | None, limit: int
) -> list[Credential]:
    """Orphan up to `limit` credentials of the owner, who was deactivated at that time, and return them.

    One statement. With `owned_before` only those that were the owner's before then.
    """
    rows = await transaction.fetch(_ORPHAN, transaction.tenant_id, owner_id, at, owned_before, limit)
    return [credential_in(row) for row in rows]


async def cross(transaction: Transaction, credential: Credential, *, band: ExpiryBand, at: datetime) -> bool:
    """Keep that the band is announced for the credential's expiry; say False if one as severe was before.

    The database decides, so that not even two processes that hold no lock in common announce a band twice.
    """
    milder = [other for other in ExpiryBand if other.severity < band.severity]
    expires_at = credential.validity.expires_at
    return bool(
        await transaction.fetchval(
            _CROSS, transaction.tenant_id, credential.credential_id, expires_at, band, at, milder
        )
    )


def credential_in(row: asyncpg.Record) -> Credential:
    """Return the credential that a row of `SELECT` stands for."""
    return Credential(
        credential_id=row["credential_id"],
        name=row["name"],
        kind=row["kind"],
        notes=row["notes"],
        validity=Validity(_aware(row["issued_at"]), row["expires_at"] and _aware(row["expires_at"])),
        owner_id=row["owner_id"],
        owned_since=row["owned_since"],
        orphaned_at=row["orphaned_at"] and _aware(row["orphaned_at"]),
        reported_owner_id=row["reported_owner_id"],
        facts_at=_aware(row["facts_at"]),
        registered_at=row["registered_at"],
        last_band=ExpiryBand(row["last_band"]) if row["last_band"] else None,
    )


def _aware(value: datetime) -> datetime:
    """Return the time in UTC: asyncpg keeps the first and the last moment of the calendar as infinities, and naive."""
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)


async def _one(transaction: Transaction, credential_id: str, *, lock: str) -> Credential | None:
    row = await transaction.fetchrow(f"{SELECT} and c.credential_id = $2 {lock}", transaction.tenant_id, credential_id)
    return None if row is None else credential_in(row)


def _values(credential: Credential) -> tuple[object, ...]:
    return (
        credential.credential_id,
        credential.name,
        credential.kind,
        credential.notes,
        credential.validity.issued_at,
        credential.validity.expires_at,
        credential.owner_id,
        credential.owned_since,
        credential.orphaned_at,
        credential.reported_owner_id,
        credential.facts_at,
    )
