"""A stage for credential governance: a migrated database, a clock moved by hand, and what was announced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
from nuxari_events.credentials import CredentialObserved, CredentialOrphaned, ExpiryBandCrossed
from nuxari_events.envelope import Event
from nuxari_events.topics import CREDENTIAL_LIFECYCLE
from nuxari_events.wire import decode

from services.credential_governance.domain.errors import Refusal
from services.credential_governance.domain.model import Credential
from services.credential_governance.due import make_loop
from services.credential_governance.service import credentials, people
from services.credential_governance.service.acting import Acting
from services.credential_governance.store import credentials as store
from services.credential_governance.store import search
from shared.clock import FixedClock
from shared.persistence.database import Database
from shared.persistence.inbox import claim
from tests.credential_governance.builders import HOUR, NOON, some_facts, user_activated

OLGA = Acting(actor_id="olga", session_id="s-1", address="127.0.0.1", correlation_id="r-1")

_E = TypeVar("_E", bound=Event)


@dataclass
class Stage:
    """Credential governance's use cases, each in a transaction of its own."""

    database: Database
    admin_dsn: str
    dsn: str
    relay_dsn: str
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def takes(self, *events: Event) -> None:
        """Apply events as the consumer does, each in a transaction of its own."""
        for event in events:
            async with self.database.transaction(event.tenantid) as transaction:
                for new in await claim(transaction, [event], consumer="test"):
                    if isinstance(new, CredentialObserved):
                        await credentials.observe(transaction, new, at=self.now)
                    else:
                        await people.learn(transaction, new, at=self.now)

    async def has_user(self, user_id: str = "ada", *, tenant: str = "acme") -> None:
        """Let the user be known and active since an hour."""
        await self.takes(user_activated(user_id, tenant=tenant, at=self.now - HOUR))

    async def registers(self, *, tenant: str = "acme", notes: str = "", **facts: Any) -> Credential | Refusal:
        async with self.database.transaction(tenant) as transaction:
            return await credentials.register(transaction, some_facts(**facts), notes=notes, acting=OLGA, at=self.now)

    async def registered(self, **more: Any) -> Credential:
        """Let a credential be registered; the owner is known from now on."""
        await self.has_user(more.get("owner_id", "ada"), tenant=more.get("tenant", "acme"))
        credential = await self.registers(**more)
        assert isinstance(credential, Credential), credential
        return credential

    async def assigns(self, credential_id: str, *, owner_id: str = "bo", tenant: str = "acme") -> Credential | Refusal:
        async with self.database.transaction(tenant) as transaction:
            return await credentials.assign(transaction, credential_id, owner_id=owner_id, acting=OLGA, at=self.now)

    async def sweeps(self) -> int:
        """Do what is due now, all of it."""
        loop, total = make_loop(self.database, clock=self.clock), 0
        while done := await loop.sweep(self.now):
            total += done
        return total

    async def has(self, credential_id: str, *, tenant: str = "acme") -> Credential:
        async with self.database.transaction(tenant) as transaction:
            credential = await store.found(transaction, credential_id)
        assert credential is not None, f"{tenant} has no {credential_id}"
        return credential

    async def finds(self, *, tenant: str = "acme", **wanted: Any) -> list[str]:
        async with self.database.transaction(tenant) as transaction:
            found = await search.page(transaction, search.Wanted(**wanted), at=self.now, after=None, limit=1000)
        return [credential.credential_id for credential in found]

    async def announced(self, *, tenant: str | None = "acme") -> list[Event]:
        """What is in the outbox, in order."""
        rows = await self.rows(
            "select payload from outbox where $1::text is null or tenant_id = $1 order by id", tenant
        )
        return [decode(CREDENTIAL_LIFECYCLE, value=row["payload"].encode()) for row in rows]

    async def announced_of(self, kind: type[_E], *, tenant: str = "acme") -> list[_E]:
        return [event for event in await self.announced(tenant=tenant) if isinstance(event, kind)]

    async def bands(self, *, tenant: str = "acme") -> list[tuple[str, str]]:
        """`(credential, band)` of everything that was announced to be crossed, in order."""
        crossed = await self.announced_of(ExpiryBandCrossed, tenant=tenant)
        return [(event.data.credential_id, event.data.band.value) for event in crossed]

    async def orphans(self, *, tenant: str = "acme") -> list[str]:
        """The credentials that were announced to be orphaned, in order."""
        return [event.data.credential_id for event in await self.announced_of(CredentialOrphaned, tenant=tenant)]

    async def types(self, *, tenant: str = "acme") -> list[str]:
        """What was announced, by the last words of its type."""
        return [event.type.split(".")[2] for event in await self.announced(tenant=tenant)]

    async def rows(self, query: str, *args: object) -> list[asyncpg.Record]:
        """Ask the database as its superuser, past every row-level security."""
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            return list(await connection.fetch(query, *args))
        finally:
            await connection.close()


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn, name="governance-test", size=8)
    await database.open()
    try:
        yield database
    finally:
        await database.close()
