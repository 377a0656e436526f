"""Which process runs which version of a tenant's configuration, and why it does not run the newest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.persistence.database import Transaction

GONE_AFTER = timedelta(seconds=15)
"""A process that was not seen for so long is not shown; each is seen every 2 s."""

_FORGOTTEN_AFTER = timedelta(days=1)

_NOTE = """
insert into configuration_running (tenant_id, replica, version, wanted, error, at) values ($1, $2, $3, $4, $5, now())
on conflict (tenant_id, replica) do update
set version = excluded.version, wanted = excluded.wanted, error = excluded.error, at = excluded.at
"""
_RUNNING = """
select replica, version, wanted, error, at from configuration_running natural join monitoring_replica
where tenant_id = $1 and seen_at > now() - $2::interval order by replica
"""
_SEEN = """
insert into monitoring_replica (replica, seen_at) values ($1, now()) on conflict (replica) do update set seen_at = now()
"""


@dataclass(frozen=True)
class Runs:
    """What one process runs for the tenant."""

    replica: str
    version: int
    wanted: int
    """What it knows to be the newest."""
    error: str | None
    """Why it runs another than the newest, or not all of it."""
    at: datetime
    """Since when."""


async def note_running(transaction: Transaction, replica: str, *, version: int, wanted: int, error: str | None) -> None:
    """Write down what the process runs for the tenant."""
    await transaction.execute(_NOTE, transaction.tenant_id, replica, version, wanted, error)


async def running(transaction: Transaction) -> list[Runs]:
    """Return what each living process runs for the tenant; one that is not listed runs the default."""
    rows = await transaction.fetch(_RUNNING, transaction.tenant_id, GONE_AFTER)
    return [Runs(**dict(row)) for row in rows]


async def living(transaction: Transaction) -> list[str]:
    """Return the processes that live."""
    rows = await transaction.fetch(
        "select replica from monitoring_replica where seen_at > now() - $1::interval order by replica", GONE_AFTER
    )
    return [row["replica"] for row in rows]


async def seen(transaction: Transaction, replica: str) -> None:
    """Say that the process lives, and forget those that have not for long."""
    await transaction.execute(_SEEN, replica)
    await transaction.execute("delete from monitoring_replica where seen_at < now() - $1::interval", _FORGOTTEN_AFTER)
