"""A service with nothing but an audit log, on a real PostgreSQL, and somebody who tampers with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from shared import audit
from shared.persistence import ddl
from shared.persistence.database import Database, Transaction
from shared.persistence.provision import dsn_of, provision, role_names

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SERVICE = "audited"
PASSWORD = "audited"


@dataclass
class Log:
    """The log as the service's login, its owner and a superuser see it."""

    database: Database
    owner_dsn: str
    service_dsn: str
    admin_dsn: str

    async def has(self, *targets: str, tenant: str = "acme") -> None:
        """Enter one decision about each target, in a transaction of its own."""
        for target in targets:
            async with self.database.transaction(tenant) as transaction:
                await entered(transaction, target)

    async def entries(self, *, tenant: str = "acme") -> list[audit.Entry]:
        """The tenant's entries, oldest first."""
        async with self.database.transaction(tenant) as transaction:
            return (await audit.page(transaction, before=None, limit=10_000))[::-1]

    async def targets(self, *, tenant: str = "acme") -> list[str]:
        return [entry.target for entry in await self.entries(tenant=tenant)]

    async def verdict(self, *, tenant: str = "acme", **more: Any) -> audit.Verdict:
        async with self.database.transaction(tenant) as transaction:
            return await audit.verify(transaction, **more)

    async def tampered(self, *statements: str) -> None:
        """Change the table as somebody does who is above its rights and its triggers."""
        admin = await asyncpg.connect(self.admin_dsn)
        try:
            await admin.execute("set session_replication_role = replica")
            for statement in statements:
                await admin.execute(statement)
        finally:
            await admin.close()


async def entered(
    transaction: Transaction, target: str = "a-1", *, detail: Mapping[str, object] | None = None, **more: Any
) -> None:
    """Record one decision."""
    what = {"at": NOON, "actor_id": "ada", "action": "pim.activation.activate", "detail": detail or {}} | more
    await audit.record(transaction, target=target, **what)


@asynccontextmanager
async def a_log(postgres: str, fresh_database: str) -> AsyncIterator[Log]:
    """Make the log in a fresh database, owned by the service's owner as after a migration."""
    await provision(postgres, SERVICE, passwords=dict.fromkeys(role_names(SERVICE), PASSWORD))
    name = urlsplit(fresh_database).path.lstrip("/")
    owner, service, _ = (dsn_of(postgres, name, role, PASSWORD) for role in role_names(SERVICE))
    await _run(fresh_database, f"grant create, usage on schema public to {role_names(SERVICE)[0]}")
    await _run(owner, ddl.mechanism(SERVICE) + ddl.audit_log(SERVICE))
    database = Database(service, name="audit-test", size=8)
    await database.open()
    try:
        yield Log(database=database, owner_dsn=owner, service_dsn=service, admin_dsn=fresh_database)
    finally:
        await database.close()


async def _run(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(sql)
    finally:
        await connection.close()
