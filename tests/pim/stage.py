"""A stage for pim's tests: a migrated database of its own, a clock that is moved by hand, and what was announced."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
from nuxari_events.envelope import Event
from nuxari_events.identity import (
    AssignmentOrigin,
    DeactivationData,
    RoleAssigned,
    RoleData,
    RoleRevoked,
    UserActivated,
    UserData,
    UserDeactivated,
    UserInvited,
)
from nuxari_events.ids import uuid7
from nuxari_events.pim import ActivationEnded, RoleActivated
from nuxari_events.topics import PIM_LIFECYCLE
from nuxari_events.wire import decode

from services.pim.domain import rules
from services.pim.domain.errors import Refusal
from services.pim.domain.model import Activation, Eligibility, HeldRole
from services.pim.due import make_loop
from services.pim.service import activations, eligibilities, people
from services.pim.service.acting import Acting
from shared.clock import FixedClock
from shared.persistence.database import Database
from tests.pim.builders import HOUR, JUSTIFICATION, NOON

OWNER = Acting(actor_id="olga", may_assign=lambda _: True)
ADA = Acting(actor_id="ada")


@dataclass
class Stage:
    """Pim's use cases, each in a transaction of its own."""

    database: Database
    admin_dsn: str
    dsn: str
    relay_dsn: str
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def learn(self, event: Event) -> None:
        """Apply one event of identity."""
        async with self.database.transaction(event.tenantid) as transaction:
            await people.learn(transaction, event, at=self.now)

    async def has_user(self, user_id: str = "ada", *, tenant: str = "acme") -> None:
        """Let the user be known and active since an hour."""
        await self.learn(user_activated(user_id, tenant=tenant, at=self.now - HOUR))

    async def grants(
        self,
        user_id: str = "ada",
        *,
        role: str = "client_admin",
        ends_at: datetime | None = None,
        starts_at: datetime | None = None,
        tenant: str = "acme",
        acting: Acting = OWNER,
    ) -> Eligibility | Refusal:
        wish = rules.Grant(user_id=user_id, role=role, reason="on call", starts_at=starts_at, ends_at=ends_at)
        async with self.database.transaction(tenant) as transaction:
            return await eligibilities.grant(transaction, wish, acting=acting, at=self.now)

    async def eligible(self, user_id: str = "ada", **more: Any) -> Eligibility:
        """Let the user be known and eligible."""
        await self.has_user(user_id, tenant=more.get("tenant", "acme"))
        granted = await self.grants(user_id, **more)
        assert isinstance(granted, Eligibility), granted
        return granted

    async def activates(
        self,
        eligibility_id: str,
        *,
        user_id: str = "ada",
        duration: timedelta | None = HOUR,
        tenant: str = "acme",
        fresh: bool = True,
    ) -> Activation | Refusal:
        wish = rules.ActivationWish(
            user_id=user_id, eligibility_id=eligibility_id, justification=JUSTIFICATION, duration=duration
        )
        acting = Acting(actor_id=user_id)
        async with self.database.transaction(tenant) as transaction:
            return await activations.activate(transaction, wish, has_fresh_mfa=fresh, acting=acting, at=self.now)

    async def active(self, eligibility_id: str, **more: Any) -> Activation:
        """Let the role be activated."""
        activation = await self.activates(eligibility_id, **more)
        assert isinstance(activation, Activation), activation
        return activation

    async def withdraws(
        self, activation_id: str, *, user_id: str = "ada", tenant: str = "acme"
    ) -> Activation | Refusal:
        async with self.database.transaction(tenant) as transaction:
            return await activations.withdraw(
                transaction, activation_id, user_id=user_id, acting=Acting(actor_id=user_id), at=self.now
            )

    async def revokes(
        self, activation_id: str, *, tenant: str = "acme", acting: Acting = OWNER
    ) -> Activation | Refusal:
        async with self.database.transaction(tenant) as transaction:
            return await activations.revoke(transaction, activation_id, reason="not needed", acting=acting, at=self.now)

    async def takes_back(
        self, eligibility_id: str, *, tenant: str = "acme", acting: Acting = OWNER
    ) -> Eligibility | Refusal:
        async with self.database.transaction(tenant) as transaction:
            return await eligibilities.revoke(
                transaction, eligibility_id, reason="left the team", acting=acting, at=self.now
            )

    async def sweeps(self) -> int:
        """Do what is due now, all of it."""
        loop, total = make_loop(self.database, clock=self.clock), 0
        while done := await loop.sweep(self.now):
            total += done
        return total

    async def effective(self, user_id: str = "ada", *, tenant: str = "acme") -> dict[str, HeldRole]:
        async with self.database.transaction(tenant) as transaction:
            held = await people.effective_roles(transaction, user_id, at=self.now)
        return {role.role: role for role in held}

    async def announced(self, *, tenant: str | None = "acme") -> list[Event]:
        """What is in the outbox, in order."""
        rows = await self.rows(
            "select payload from outbox where $1::text is null or tenant_id = $1 order by id", tenant
        )
        return [decode(PIM_LIFECYCLE, value=row["payload"].encode()) for row in rows]

    async def ends(self, *, tenant: str = "acme") -> list[ActivationEnded]:
        return [event for event in await self.announced(tenant=tenant) if isinstance(event, ActivationEnded)]

    async def starts(self, *, tenant: str = "acme") -> list[RoleActivated]:
        return [event for event in await self.announced(tenant=tenant) if isinstance(event, RoleActivated)]

    async def rows(self, query: str, *args: object) -> list[asyncpg.Record]:
        """Ask the database as its superuser, past every row-level security."""
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            return list(await connection.fetch(query, *args))
        finally:
            await connection.close()


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Database]:
    database = Database(dsn, name="pim-test", size=8)
    await database.open()
    try:
        yield database
    finally:
        await database.close()


def _envelope(user_id: str, tenant: str, at: datetime, event_id: str | None) -> dict[str, Any]:
    return {
        "id": event_id or uuid7(),
        "source": "/nuxari/identity",
        "time": at,
        "subject": user_id,
        "tenantid": tenant,
        "actorid": "olga",
    }


def user_invited(user_id: str, *, at: datetime, tenant: str = "acme") -> UserInvited:
    data = UserData(user_id=user_id, email=f"{user_id}@example.com")
    return UserInvited(**_envelope(user_id, tenant, at, None), data=data)


def user_activated(user_id: str, *, at: datetime, tenant: str = "acme", event_id: str | None = None) -> UserActivated:
    data = UserData(user_id=user_id, email=f"{user_id}@example.com")
    return UserActivated(**_envelope(user_id, tenant, at, event_id), data=data)


def user_deactivated(
    user_id: str, *, at: datetime, tenant: str = "acme", event_id: str | None = None
) -> UserDeactivated:
    data = DeactivationData(user_id=user_id, reason="left")
    return UserDeactivated(**_envelope(user_id, tenant, at, event_id), data=data)


def role_assigned(
    user_id: str, *, role: str, at: datetime, activation_id: str | None = None, tenant: str = "acme"
) -> RoleAssigned:
    return RoleAssigned(**_envelope(user_id, tenant, at, None), data=_role(user_id, role, activation_id))


def role_revoked(
    user_id: str, *, role: str, at: datetime, activation_id: str | None = None, tenant: str = "acme"
) -> RoleRevoked:
    return RoleRevoked(**_envelope(user_id, tenant, at, None), data=_role(user_id, role, activation_id))


def _role(user_id: str, role: str, activation_id: str | None) -> RoleData:
    origin = AssignmentOrigin.PIM if activation_id else AssignmentOrigin.DIRECT
    return RoleData(user_id=user_id, role=role, origin=origin, activation_id=activation_id)


def as_json(event: Event) -> dict[str, Any]:
    return dict(json.loads(event.model_dump_json()))
