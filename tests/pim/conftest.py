"""The stage of pim's tests."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest

from shared.persistence.migrate import migrate
from shared.persistence.provision import dsn_of, provision, role_names
from tests.pim.stage import Stage, connected

PASSWORDS = dict.fromkeys(role_names("pim"), "pim")


@pytest.fixture
async def migrated(postgres: str, fresh_database: str) -> tuple[str, str]:
    """The DSNs of the service's and the relay's login to a fresh, migrated database."""
    await provision(postgres, "pim", passwords=PASSWORDS)
    owner, login, relay = role_names("pim")
    name = urlsplit(fresh_database).path.lstrip("/")
    admin = await asyncpg.connect(fresh_database)
    try:
        await admin.execute(f'grant create, usage on schema public to "{owner}"')
    finally:
        await admin.close()
    await asyncio.to_thread(migrate, "pim", dsn_of(postgres, name, owner, "pim"))
    return dsn_of(postgres, name, login, "pim"), dsn_of(postgres, name, relay, "pim")


@pytest.fixture
async def stage(migrated: tuple[str, str], fresh_database: str) -> AsyncIterator[Stage]:
    dsn, relay_dsn = migrated
    async with connected(dsn) as database:
        yield Stage(database=database, admin_dsn=fresh_database, dsn=dsn, relay_dsn=relay_dsn)
