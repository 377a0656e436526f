"""Versions of configurations as rows: each is kept, the highest counts, and whoever runs them is told."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from services.monitoring.domain.configuration import DEFAULT, Configuration
from services.monitoring.store.configuration_documents import configuration_of, document
from shared.persistence.database import Transaction

CHANNEL = "configuration"
"""PostgreSQL tells on it, at commit, which tenant's configuration is another."""

_ADD = """
insert into configuration_version
    (tenant_id, version, document, changed_by, changed_at, reason, action, restored_version, change_id)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
_POINT = """
insert into configuration_head (tenant_id, version) values ($1, $2)
on conflict (tenant_id) do update set version = excluded.version
"""
_VERSIONS = """
select version, changed_by, changed_at, reason, action, restored_version, change_id from configuration_version
where tenant_id = $1 and ($2::int is null or version < $2) order by version desc limit $3
"""
_LAST_WITH = """
select version, document from configuration_version
where tenant_id = $1 and (document -> 'exceptions' @> $2::jsonb or document -> 'silences' @> $2::jsonb)
order by version desc limit 1
"""


@dataclass(frozen=True, kw_only=True)
class Made:
    """Who made a version, when and why."""

    version: int
    changed_by: str
    changed_at: datetime
    reason: str | None
    action: str
    restored_version: int | None = None
    change_id: str | None = None
    """The approved request that it carries out."""


async def lock(transaction: Transaction) -> None:
    """Wait until nobody else changes the tenant's configuration, and let nobody until the transaction ends."""
    await transaction.execute(
        "select pg_advisory_xact_lock(hashtextextended('configuration ' || $1, 0))", transaction.tenant_id
    )


async def current(transaction: Transaction) -> Configuration:
    """Return the version that counts, the default where nothing was ever set."""
    row = await transaction.fetchrow(
        "select version, document from configuration_version where tenant_id = $1 order by version desc limit 1",
        transaction.tenant_id,
    )
    return DEFAULT if row is None else configuration_of(row["document"], version=row["version"])


async def current_version(transaction: Transaction) -> int:
    """Return the number of the version that counts."""
    found: int | None = await transaction.fetchval(
        "select version from configuration_head where tenant_id = $1", transaction.tenant_id
    )
    return found or DEFAULT.version


async def of_version(transaction: Transaction, version: int) -> Configuration | None:
    """Return that version, None if there is none; version 0 is the default."""
    if version == 0:
        return DEFAULT
    text = await transaction.fetchval(
        "select document from configuration_version where tenant_id = $1 and version = $2",
        transaction.tenant_id,
        version,
    )
    return None if text is None else configuration_of(text, version=version)


async def last_with(transaction: Transaction, kept_id: str) -> Configuration | None:
    """Return the newest version that has the exception or silence of that id."""
    row = await transaction.fetchrow(_LAST_WITH, transaction.tenant_id, json.dumps([{"id": kept_id}]))
    return None if row is None else configuration_of(row["document"], version=row["version"])


async def add(transaction: Transaction, configuration: Configuration, made: Made) -> None:
    """Keep the next version and tell every process of it at commit."""
    await transaction.execute(
        _ADD,
        transaction.tenant_id,
        made.version,
        document(configuration),
        made.changed_by,
        made.changed_at,
        made.reason,
        made.action,
        made.restored_version,
        made.change_id,
    )
    await transaction.execute(_POINT, transaction.tenant_id, made.version)
    await transaction.execute("select pg_notify($1, $2)", CHANNEL, transaction.tenant_id)


async def versions(transaction: Transaction, *, before: int | None, limit: int) -> list[Made]:
    """Return who made the versions, the newest first."""
    rows = await transaction.fetch(_VERSIONS, transaction.tenant_id, before, limit)
    return [Made(**dict(row)) for row in rows]


async def made(transaction: Transaction, version: int) -> Made | None:
    """Return who made that version."""
    found = await versions(transaction, before=version + 1, limit=1)
    return found[0] if found and found[0].version == version else None


async def heads(transaction: Transaction) -> dict[str, int]:
    """Return the version that counts of each tenant that has set anything."""
    rows: list[asyncpg.Record] = await transaction.fetch("select tenant_id, version from configuration_head")
    return {row["tenant_id"]: row["version"] for row in rows}
