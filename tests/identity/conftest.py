"""The stage of identity's tests: one migrated database for all of them, and a new tenant for each."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from services.identity.keys import Seal
from shared.persistence.migrate import migrate
from shared.persistence.provision import dsn_of, provision, role_names
from tests.identity.stage import Migrated, Stage, a_stage
from tests.identity.web import Web, a_web

PASSWORD = "every service"
"""The logins are the server's: other tests use the same."""


@pytest.fixture(scope="package")
def migrated(postgres: str) -> Iterator[Migrated]:
    owner, login, relay = role_names("identity")
    name = f"test_{uuid4().hex[:16]}"
    asyncio.run(_made(postgres, name, owner))
    migrate("identity", dsn_of(postgres, name, owner, PASSWORD))
    administrator, _, password = postgres.split("://", 1)[1].rsplit("@", 1)[0].partition(":")
    admin = dsn_of(postgres, name, administrator, password)
    yield Migrated(admin, dsn_of(postgres, name, login, PASSWORD), dsn_of(postgres, name, relay, PASSWORD))
    asyncio.run(_as_superuser(postgres, f"drop database {name} with (force)"))


async def _made(postgres: str, name: str, owner: str) -> None:
    await provision(postgres, "identity", passwords=dict.fromkeys(role_names("identity"), PASSWORD))
    await _as_superuser(postgres, f'create database {name} owner "{owner}"')


async def _as_superuser(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def empty_stage(migrated: Migrated, tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage on which no tenant stands yet."""
    async with a_stage(migrated, seal=Seal.kept_in(tmp_path / "secrets")) as stage:
        yield stage


@pytest.fixture
async def stage(empty_stage: Stage) -> Stage:
    """A stage with a tenant whose first owner has not accepted yet."""
    await empty_stage.found(owner_email="founder@acme.example")
    return empty_stage


@pytest.fixture
async def web(empty_stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Web]:
    """The service over HTTP, without a tenant yet."""
    async with a_web(empty_stage, secrets=tmp_path / "secrets", monkeypatch=monkeypatch) as web:
        yield web
