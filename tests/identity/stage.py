"""A stage for identity's tests: a tenant of its own, people in it, a clock moved by hand, what was announced."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import asyncpg
import pyotp
from nuxari_events.envelope import Event
from nuxari_events.roles import Role
from nuxari_events.topics import BY_NAME
from nuxari_events.wire import decode

from services.identity.authenticator import STEP
from services.identity.domain.credentials import Ticket
from services.identity.domain.errors import Refusal
from services.identity.domain.model import Assignment, User
from services.identity.due import make_loop
from services.identity.keys import Seal
from services.identity.service import factors, invitations, roles, sessions, tenants
from services.identity.service import users as user_service
from services.identity.service.acting import BY_THE_PLATFORM
from services.identity.service.invitations import Invited
from services.identity.service.tenants import NewTenant
from services.identity.service.tokens import Grant
from services.identity.store import users
from shared import audit
from shared.clock import FixedClock
from shared.persistence.database import Database, Transaction
from tests.identity.builders import NOON, acting

_E = TypeVar("_E", bound=Event)


@dataclass
class Person:
    """A user of the tenant, with what only the user knows."""

    user_id: str
    email: str
    roles: tuple[Role, ...] = ()
    secret: str = ""
    """Of the authenticator; empty without one."""
    recovery_codes: tuple[str, ...] = ()

    def code(self, at: datetime) -> str:
        """What the authenticator shows."""
        return pyotp.TOTP(self.secret).at(at)


@dataclass
class Stage:
    """Identity's use cases, each in a transaction of its own, in one new tenant."""

    database: Database
    admin: asyncpg.Pool[Any]
    """Of the superuser."""
    relay_dsn: str
    seal: Seal
    tenant: str = ""
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        return self.database.transaction(self.tenant)

    async def found(self, name: str = "Acme", *, owner_email: str = "olga@acme.example") -> NewTenant:
        """Make a tenant and stand in it."""
        async with self.database.transaction() as transaction:
            new = await tenants.create(transaction, name=name, owner_email=owner_email, at=self.now)
        assert isinstance(new, NewTenant), new
        self.tenant = new.tenant.tenant_id
        return new

    async def an_owner(self, name: str = "olga") -> Person:
        """A qualified owner: the tenant's first, or one more."""
        if not self.tenant:
            new = await self.found(owner_email=f"{name}@acme.example")
            await self.accepts(new.link)
            owner = Person(new.owner.user_id, new.owner.email, (Role.CLIENT_OWNER,))
            await self.enrols(owner)
            return owner
        return await self.a_person(name, Role.CLIENT_OWNER)

    async def a_person(self, name: str, *given: Role, enrolled: bool = True) -> Person:
        """An active user with these roles."""
        invited = await self.invites(f"{name}@acme.example", *given)
        assert isinstance(invited, Invited), invited
        await self.accepts(invited.link)
        person = Person(invited.user.user_id, invited.user.email, given)
        if enrolled:
            await self.enrols(person)
        return person

    async def invites(self, email: str, *given: Role, by: Person | None = None) -> Invited | Refusal:
        async with self.transaction() as transaction:
            return await invitations.invite(
                transaction, email=email, roles_given=sorted(given), acting=self.acting(by), at=self.now
            )

    async def accepts(self, link: Ticket) -> User | Refusal:
        async with self.transaction() as transaction:
            return await invitations.accept(
                transaction, link, password_hash=f"hash of {link.entity_id}", acting=acting(), at=self.now
            )

    async def enrols(self, person: Person, *, session_id: str | None = None) -> None:
        """Have the person enrol an authenticator; a minute passes, so that its next code is a new one."""
        mine = acting(person.user_id, session_id=session_id)
        async with self.transaction() as transaction:
            begun = await factors.begin(transaction, person.user_id, seal=self.seal, acting=mine, at=self.now)
        assert not isinstance(begun, Refusal), begun
        person.secret = begun.secret
        codes = await self.confirms(person, begun.factor_id, person.code(self.now), session_id=session_id)
        assert not isinstance(codes, Refusal), codes
        person.recovery_codes = codes
        self.clock.advance(STEP)

    async def confirms(
        self, person: Person, factor_id: str, code: str, *, session_id: str | None = None
    ) -> tuple[str, ...] | Refusal:
        mine = acting(person.user_id, session_id=session_id)
        async with self.transaction() as transaction:
            return await factors.confirm(
                transaction, factor_id, user_id=person.user_id, code=code, seal=self.seal, acting=mine, at=self.now
            )

    async def tries(
        self, email: str, *, right: bool = True, code: str | None = None, at: datetime | None = None
    ) -> Grant | Refusal:
        """Have somebody try to sign in, with the right password or a wrong one."""
        async with self.transaction() as transaction:
            user = await users.with_email(transaction, email)
            checked = await users.password_hash(transaction, user.user_id) if user else None
        attempt = sessions.Attempt(
            email=email, checked_hash=checked, password_matches=right and checked is not None, code=code
        )
        async with self.transaction() as transaction:
            return await sessions.sign_in(
                transaction, attempt, seal=self.seal, acting=acting(), at=self.now if at is None else at
            )

    async def signs_in(self, person: Person) -> Grant:
        """Have the person sign in, with a code where there is an authenticator; time passes after a code."""
        code = person.code(self.now) if person.secret else None
        grant = await self.tries(person.email, code=code)
        assert isinstance(grant, Grant), grant
        if code:
            self.clock.advance(STEP)
        return grant

    async def refreshes(self, token: Ticket | None, *, at: datetime | None = None) -> Grant | Refusal:
        assert token is not None
        async with self.transaction() as transaction:
            return await sessions.refresh(transaction, token, acting=acting(), at=self.now if at is None else at)

    async def assigns(self, by: Person, to: Person, role: Role, *, ends_at: datetime | None = None) -> Any:
        async with self.transaction() as transaction:
            return await roles.assign(
                transaction, to.user_id, role=role, ends_at=ends_at, acting=self.acting(by), at=self.now
            )

    async def revokes(
        self, by: Person, whom: Person, role: Role, *, at: datetime | None = None
    ) -> Assignment | Refusal:
        async with self.transaction() as transaction:
            return await roles.revoke(
                transaction,
                whom.user_id,
                role=role,
                reason="not needed",
                acting=self.acting(by),
                at=self.now if at is None else at,
            )

    async def deactivates(self, by: Person, whom: Person) -> User | Refusal:
        async with self.transaction() as transaction:
            return await user_service.deactivate(
                transaction, whom.user_id, reason="left", acting=self.acting(by), at=self.now
            )

    async def reactivates(self, by: Person, whom: Person) -> User | Refusal:
        async with self.transaction() as transaction:
            return await user_service.reactivate(
                transaction, whom.user_id, reason="back", acting=self.acting(by), at=self.now
            )

    async def unlocks(self, by: Person, whom: Person) -> User | Refusal:
        async with self.transaction() as transaction:
            return await user_service.unlock(transaction, whom.user_id, acting=self.acting(by), at=self.now)

    async def follows(self, *events: Event) -> None:
        """Apply pim's events, each as it comes."""
        for event in events:
            async with self.database.transaction(event.tenantid) as transaction:
                await roles.follow(transaction, event, at=self.now)

    async def sweeps(self) -> int:
        """Do what is due now, all of it."""
        loop, total = make_loop(self.database, clock=self.clock), 0
        while done := await loop.sweep(self.now):
            total += done
        return total

    async def user(self, person: Person | str) -> User:
        user_id = person if isinstance(person, str) else person.user_id
        async with self.transaction() as transaction:
            found = await users.found(transaction, user_id)
        assert found is not None
        return found

    async def announced(self) -> list[Event]:
        """What the tenant's outbox holds, in order."""
        rows = await self.rows(
            "select aggregatetype, payload from outbox where tenant_id = $1 order by id", self.tenant
        )
        return [decode(BY_NAME[row["aggregatetype"]], value=row["payload"].encode()) for row in rows]

    async def announced_of(self, kind: type[_E]) -> list[_E]:
        return [event for event in await self.announced() if isinstance(event, kind)]

    async def the_log(self) -> Sequence[audit.Entry]:
        """The tenant's audit entries, oldest first, after a look that they are whole."""
        async with self.transaction() as transaction:
            assert (await audit.verify(transaction)).broken_at is None
            return (await audit.page(transaction, before=None, limit=1000))[::-1]

    async def rows(self, query: str, *args: object) -> list[asyncpg.Record]:
        """Ask the database as its superuser, past every row-level security."""
        return list(await self.admin.fetch(query, *args))

    def acting(self, person: Person | None) -> Any:
        """The person with the reach of their roles; nobody is the platform, which may do all."""
        if person is None:
            return acting(BY_THE_PLATFORM.actor_id, *Role)
        return acting(person.user_id, *person.roles)


@dataclass(frozen=True)
class Migrated:
    """The DSNs of one database."""

    admin: str
    service: str
    relay: str


@asynccontextmanager
async def a_stage(migrated: Migrated, *, seal: Seal) -> AsyncIterator[Stage]:
    """A stage on which no tenant stands yet, and nothing is due that other tests left."""
    database = Database(migrated.service, name="identity-test", size=8)
    await database.open()
    try:
        async with asyncpg.create_pool(migrated.admin, min_size=1, max_size=1) as admin:
            await admin.execute("delete from due_work")
            yield Stage(database, admin, migrated.relay, seal)
    finally:
        await database.close()
