"""The stage of credential governance's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.persistence.migrate import migrate
from shared.persistence.provision import dsn_of, provision, role_names
from tests.credential_governance.stage import Stage, connected

SERVICE = "credential_governance"
PASSWORD = "governance"


@pytest.fixture
async def migrated(postgres: str, fresh_database: str) -> tuple[str, str]:
    """The DSNs of the service's and the relay's login to a fresh, migrated database."""
    await provision(postgres, SERVICE, passwords=dict.fromkeys(role_names(SERVICE), PASSWORD))
    owner, login, relay = role_names(SERVICE)
    name = urlsplit(fresh_database).path.lstrip("/")
    admin = await asyncpg.connect(fresh_database)
    try:
        await admin.execute(f'grant create, usage on schema public to "{owner}"')
    finally:
        await admin.close()
    await asyncio.to_thread(migrate, SERVICE, dsn_of(postgres, name, owner, PASSWORD))
    return dsn_of(postgres, name, login, PASSWORD), dsn_of(postgres, name, relay, PASSWORD)


@pytest.fixture
async def stage(migrated: tuple[str, str], fresh_database: str) -> AsyncIterator[Stage]:
    dsn, relay_dsn = migrated
    async with connected(dsn) as database:
        yield Stage(database=database, admin_dsn=fresh_database, dsn=dsn, relay_dsn=relay_dsn)
