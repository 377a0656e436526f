"""Identity over HTTP for tests: the routes as they are composed; watermarks are heard when they are announced."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher
from nuxari_events.identity import TokensRevoked
from nuxari_events.roles import Role

from services.identity import passwords
from services.identity.api import routers
from services.identity.keys import SigningKeys
from services.identity.service.tokens import Grant
from shared.access.tokens import TokenIssuer, TokenVerifier, Watermarks
from shared.web.app import build_app
from tests.identity.builders import MINUTE
from tests.identity.stage import Person, Stage

_QUICK = partial(PasswordHasher, time_cost=1, memory_cost=8, parallelism=1)
"""argon2id that takes no time; `test_passwords.py` looks at the real one."""


@dataclass
class Web:
    """Somebody's view of the service."""

    stage: Stage
    client: httpx.AsyncClient
    keys: SigningKeys
    marks: Watermarks

    @property
    def tenant(self) -> str:
        """Path of the tenant."""
        return f"/v1/tenants/{self.stage.tenant}"

    def user(self, whom: Person | str) -> str:
        return f"{self.tenant}/users/{whom if isinstance(whom, str) else whom.user_id}"

    async def get(self, path: str, *, by: dict[str, str] | None = None, **query: Any) -> httpx.Response:
        await self.hears()
        return await self.client.get(path, headers=by, params=query)

    async def post(
        self, path: str, body: Any = None, *, by: dict[str, str] | None = None, **headers: str
    ) -> httpx.Response:
        """Send a request; `headers` with `_` for `-`."""
        await self.hears()
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post(path, json=body, headers=(by or {}) | more)

    async def hears(self) -> None:
        """Take in the watermarks that were announced, as every service does within the second."""
        if self.stage.tenant:
            for event in await self.stage.announced_of(TokensRevoked):
                self.marks.note(event)

    async def token_of(self, person: Person) -> dict[str, str]:
        """The header of the person, signed in with all that the person has."""
        return self.header(await self.stage.signs_in(person))

    def header(self, grant: Grant) -> dict[str, str]:
        token = TokenIssuer(self.keys.signing).issue(grant.claims, at=grant.issued_at)
        return {"Authorization": f"Bearer {token}"}

    async def an_owner(self, name: str = "olga") -> tuple[Person, dict[str, str]]:
        """A qualified owner, signed in with fresh MFA."""
        owner = await self.stage.an_owner(name)
        return owner, await self.token_of(owner)

    async def somebody(self, name: str, *roles: Role, enrolled: bool = True) -> tuple[Person, dict[str, str]]:
        person = await self.stage.a_person(name, *roles, enrolled=enrolled)
        return person, await self.token_of(person)

    async def signs_in(self, email: str, password: str, *, code: str | None = None) -> httpx.Response:
        """Sign in through the door, where no other try was made for a while."""
        self.stage.clock.advance(MINUTE)
        body = {"email": email, "password": password} | ({"code": code} if code else {})
        return await self.post(f"{self.tenant}/sessions", body)


@asynccontextmanager
async def a_web(stage: Stage, *, secrets: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Web]:
    monkeypatch.setattr(passwords, "PasswordHasher", _QUICK)
    keys, marks = SigningKeys.kept_in(secrets), Watermarks()
    app = build_app(
        title="identity",
        routers=routers(database=stage.database, clock=stage.clock, keys=keys, seal=stage.seal),
        verifier=TokenVerifier(keys.source(), marks),
        clock=stage.clock,
        checks={},
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://identity") as client:
        yield Web(stage, client, keys, marks)
