"""Every service's application as it is composed, on a database of its own, and its routes one by one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import asyncpg
from fastapi import FastAPI
from nuxari_events.roles import Role

from services.identity.domain.model import Tenant
from services.identity.store import tenants
from shared.clock import FixedClock
from shared.persistence.migrate import migrate
from shared.persistence.provision import dsn_of, provision, role_names
from shared.running import Parts
from shared.settings import SERVICES, ServiceSettings
from shared.web.guards import RouteGuard, guards
from tests.access.credentials import NOON, a_key, a_token, a_verifier

KEY = a_key()
PASSWORD = "every service"
TENANT, ANOTHER = "acme", "globex"

PLAUSIBLE = {"tenant_id": TENANT, "role": Role.APPROVER.value, "version": "1", "name": "mine.yml"}
"""What stands in a path for a parameter; for any other an id of the usual form."""

AN_ID = "019ca000-0000-7000-8000-000000000001"


@dataclass(frozen=True)
class Route:
    """One route of one service."""

    service: str
    guard: RouteGuard

    @property
    def method(self) -> str:
        return self.guard.method

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it."""
        return self.guard.path.replace(":path}", "}")

    @property
    def is_of_a_tenant(self) -> bool:
        return "{tenant_id}" in self.template

    def path(self, **values: str) -> str:
        """The path with plausible values, but for those given."""
        known = PLAUSIBLE | values
        return re.sub(r"{(\w+)}", lambda found: known.get(found[1], AN_ID), self.template)

    def __str__(self) -> str:
        return f"{self.service}: {self.method} {self.template}"


@dataclass
class Standing:
    """A service whose application can be called; nothing else of it runs."""

    parts: Parts
    clock: FixedClock

    @property
    def app(self) -> FastAPI:
        return self.parts.api

    def authorization(self, *roles: Role, mfa: timedelta | None = timedelta(), **what: Any) -> dict[str, str]:
        """The header of somebody with these roles, who showed a second factor so long ago, or never.

        Time goes on with each, so that no limit on tries is met.
        """
        self.clock.advance(timedelta(seconds=10))
        now = self.clock.now()
        token = a_token(KEY, *roles, at=now, mfa_at=None if mfa is None else now - mfa, **what)
        return {"Authorization": f"Bearer {token}"}


@cache
def routes() -> tuple[Route, ...]:
    """Every route of every service."""
    return tuple(Route(name, guard) for name in SERVICES for guard in guards(_unconnected(name)))


@cache
def description(service: str) -> dict[str, Any]:
    """What the service's OpenAPI document says."""
    return dict(_unconnected(service).openapi())


@asynccontextmanager
async def standing(service: str, *, postgres: str, home: Path) -> AsyncIterator[Standing]:
    """Let the service stand on a migrated database; its tokens are those that `KEY` signs."""
    async with _migrated(service, postgres) as (dsn, relay_dsn):
        clock = FixedClock(NOON)
        parts = import_module(f"services.{service}.app").build(_settings(home, dsn, relay_dsn), clock)
        parts.api.state.verifier = a_verifier(KEY)
        await parts.database.open()
        try:
            if service == "identity":
                await _found_tenant(parts)
            yield Standing(parts, clock)
        finally:
            await parts.database.close()


async def _found_tenant(parts: Parts) -> None:
    """Let identity know the tenant, whose token the others take as proof that it exists."""
    async with parts.database.transaction(TENANT) as transaction:
        await tenants.add(transaction, Tenant(tenant_id=TENANT, name="Acme", created_at=NOON))


@cache
def _unconnected(service: str) -> FastAPI:
    with TemporaryDirectory() as home:
        nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
        parts = import_module(f"services.{service}.app").build(_settings(Path(home), nowhere, nowhere))
    return parts.api  # type: ignore[no-any-return]


def _settings(home: Path, dsn: str, relay_dsn: str) -> ServiceSettings:
    return ServiceSettings(
        kafka_bootstrap_servers="127.0.0.1:1",
        database_dsn=dsn,  # type: ignore[arg-type]
        relay_dsn=relay_dsn,  # type: ignore[arg-type]
        port=1,
        home=home,
        identity_url="http://127.0.0.1:1",
    )


@asynccontextmanager
async def _migrated(service: str, postgres: str) -> AsyncIterator[tuple[str, str]]:
    """Yield the DSNs of the service's and the relay's login to a fresh database."""
    await provision(postgres, service, passwords=dict.fromkeys(role_names(service), PASSWORD))
    owner, login, relay = role_names(service)
    name = f"test_{uuid4().hex[:16]}"
    await _as_superuser(postgres, f'create database {name} owner "{owner}"')
    try:
        await asyncio.to_thread(migrate, service, dsn_of(postgres, name, owner, PASSWORD))
        yield dsn_of(postgres, name, login, PASSWORD), dsn_of(postgres, name, relay, PASSWORD)
    finally:
        await _as_superuser(postgres, f"drop database {name} with (force)")


async def _as_superuser(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
