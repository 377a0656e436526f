"""A stage for configurations: a small pack, the routes on a database of their own, and people who call them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import asyncpg
import httpx
from fastapi import FastAPI
from nuxari_events.envelope import Event
from nuxari_events.roles import Role
from nuxari_events.topics import MONITORING_LIFECYCLE
from nuxari_events.wire import decode

from services.monitoring import api, due
from services.monitoring.domain.configuration import Configuration
from services.monitoring.domain.effective import Effective
from services.monitoring.domain.program import Program
from services.monitoring.service.configurations import Configurations
from services.monitoring.service.programs import maker
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.sigma.pack import Pack, pack_of
from shared.clock import FixedClock
from shared.persistence.database import Database
from shared.web.app import build_app
from tests.access.credentials import NOON, a_key, a_token, a_verifier

KEY = a_key()

BRUTE_FORCE = "11111111-0000-4000-8000-000000000001"
SUCCESS_AFTER = "11111111-0000-4000-8000-000000000002"
NO_MFA = "11111111-0000-4000-8000-000000000003"
MANY_COUNTRIES = "11111111-0000-4000-8000-000000000004"

PACK = {
    "001-brute-force.yml": f"""\
title: Failed sign-in
id: 11111111-0000-4000-8000-0000000000f1
name: sign_in_failed
logsource: {{product: nuxari}}
detection:
  selection: {{type: nuxari.access.sign_in_completed.v1, data.outcome: failure}}
  condition: selection
---
title: Brute force
id: {BRUTE_FORCE}
name: brute_force
level: medium
correlation:
  type: event_count
  rules: [sign_in_failed]
  group-by: [data.user_id]
  timespan: 10m
  condition: {{gte: 10}}
nuxari: {{detection: 1, needs: [nuxari.access.sign_in_completed.v1]}}
""",
    "002-success.yml": f"""\
title: Success
id: 11111111-0000-4000-8000-0000000000f2
name: sign_in_succeeded
logsource: {{product: nuxari}}
detection:
  selection: {{type: nuxari.access.sign_in_completed.v1, data.outcome: success}}
  condition: selection
---
title: Success after brute force
id: {SUCCESS_AFTER}
name: success_after_brute_force
level: high
correlation:
  type: temporal_ordered
  rules: [brute_force, sign_in_succeeded]
  group-by: [data.user_id]
  timespan: 30m
nuxari: {{detection: 2}}
""",
    "012-no-mfa.yml": f"""\
title: Sign-in without a second factor
id: {NO_MFA}
name: no_mfa
level: low
logsource: {{product: nuxari}}
detection:
  selection: {{type: nuxari.access.sign_in_completed.v1, data.mfa: false, data.outcome: success}}
  condition: selection
nuxari: {{detection: 12, group_by: [data.user_id]}}
""",
    "013-countries.yml": f"""\
title: From many countries
id: {MANY_COUNTRIES}
name: many_countries
level: critical
correlation:
  type: value_count
  rules: [sign_in_succeeded]
  group-by: [data.user_id]
  timespan: 1h
  condition: {{gte: 3, field: origin.country}}
nuxari: {{detection: 13}}
""",
}

OWN_ID = "22222222-0000-4000-8000-000000000001"
OWN = f"""\
title: Five failures
id: {OWN_ID}
name: five_failures
level: high
correlation:
  type: event_count
  rules: [sign_in_failed]
  group-by: [data.user_id]
  timespan: 5m
  condition: {{gte: 5}}
"""

FILTER = "selection:\n  data.user_id: svc-backup\ncondition: not selection\n"


def a_pack() -> Pack:
    return pack_of(PACK)


def settings(**what: Any) -> dict[str, Any]:
    """The body that sets everything, as it is by default but for what is given."""
    return {
        "trusted_networks": [],
        "vpn_networks": [],
        "mobile_networks": [],
        "time_zone": "UTC",
        "working_hours": {"days": [0, 1, 2, 3, 4], "begin": "08:00", "end": "18:00"},
        "detections": {},
        "reason": "tuned after the review",
    } | what


@dataclass
class Stage:
    """The routes, called by whoever is named."""

    database: Database
    dsn: str
    admin_dsn: str
    rulebooks: Rulebooks = field(default_factory=lambda: Rulebooks(a_pack))
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOON))

    def __post_init__(self) -> None:
        self.app = self._app()

    def _app(self) -> FastAPI:
        routers = api.of_configuration(
            database=self.database,
            clock=self.clock,
            rulebooks=self.rulebooks,
            configurations=self.replica("of the routes"),
        )
        return build_app(
            title="stage", routers=routers, verifier=a_verifier(KEY), clock=self.clock, checks={}, asyncapi={}
        )

    def replica(self, name: str, make: Any = None) -> Configurations[Program]:
        """One more process that follows the configurations; nothing of it runs yet."""
        return Configurations(
            self.database, dsn=self.dsn, make=make or maker(), rulebooks=Rulebooks(a_pack), replica=name
        )

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def asks(
        self,
        method: str,
        path: str,
        *,
        by: str = "sam",
        roles: tuple[Role, ...] = (Role.CLIENT_SECURITY_ADMIN,),
        tenant: str = "acme",
        version: int | None = None,
        **more: Any,
    ) -> httpx.Response:
        """What somebody is answered who has shown a second factor just now."""
        token = a_token(KEY, *roles, at=self.now, mfa_at=self.now, user_id=by, tenant_id=tenant)
        headers = {"Authorization": f"Bearer {token}"} | more.pop("headers", {})
        if version is not None:
            headers["If-Match"] = f'"{version}"'
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://stage") as client:
            return await client.request(method, f"/v1/tenants/{tenant}/{path}", headers=headers, **more)

    async def gets(self, path: str, **more: Any) -> dict[str, Any]:
        answer = await self.asks("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def version(self, **more: Any) -> int:
        return int((await self.gets("detection-configuration", **more))["version"])

    async def sets(self, *, by: str = "sam", tenant: str = "acme", **what: Any) -> httpx.Response:
        """Set everything anew, from the version that counts."""
        version = await self.version(tenant=tenant)
        body = settings(**what)
        return await self.asks("PUT", "detection-configuration", by=by, tenant=tenant, version=version, json=body)

    async def decides(
        self, verb: str, change_id: str, *, by: str = "olga", role: Role = Role.CLIENT_OWNER, tenant: str = "acme"
    ) -> httpx.Response:
        body = {} if verb == "withdraw" else {"json": {"reason": "looked at it"}}
        return await self.asks(
            "POST", f"change-requests/{change_id}/{verb}", by=by, roles=(role,), tenant=tenant, **body
        )

    async def silences(self, *, by: str = "sam", tenant: str = "acme", **what: Any) -> str:
        """Ask for a silence; return the id of the request."""
        body = {"owner": "sam", "reason": "planned exercise", "ends_at": self.after(hours=2)} | what
        answer = await self.asks("POST", "silences", by=by, tenant=tenant, json=body)
        return requested(answer)

    async def excepts(self, *, by: str = "sam", **what: Any) -> str:
        """Ask for an exception; return the id of the request."""
        body = {"owner": "sam", "reason": "backup job", "ends_at": self.after(days=30)}
        answer = await self.asks(
            "POST", "exceptions", by=by, json=body | {"detection": "brute_force", "filter": FILTER} | what
        )
        return requested(answer)

    def after(self, **by: float) -> str:
        return (self.now + timedelta(**by)).isoformat()

    async def sweeps(self) -> int:
        """Do what is due now, all of it."""
        loop, total = due.make_loop(self.database, clock=self.clock, rulebooks=self.rulebooks), 0
        while done := await loop.sweep(self.now):
            total += done
        return total

    async def announced(self) -> list[Event]:
        """What is in the outbox for `monitoring.lifecycle`, in order."""
        rows = await self.rows("select payload from outbox where aggregatetype = 'monitoring.lifecycle' order by id")
        return [decode(MONITORING_LIFECYCLE, value=row["payload"].encode()) for row in rows]

    async def rows(self, query: str, *args: object) -> list[asyncpg.Record]:
        """Ask the database as its superuser, past every row-level security."""
        connection = await asyncpg.connect(self.admin_dsn)
        try:
            return list(await connection.fetch(query, *args))
        finally:
            await connection.close()

    async def audited(self) -> list[dict[str, Any]]:
        rows = await self.rows("select action, actor_id, outcome, detail from audit_event order by sequence")
        return [dict(row) | {"detail": json.loads(row["detail"])} for row in rows]


def requested(answer: httpx.Response) -> str:
    """The id of the request that the change became."""
    assert answer.status_code == 202, answer.text
    assert answer.json()["state"] == "requested"
    return str(answer.json()["change_request"]["change_id"])


def effective(answer: httpx.Response) -> dict[str, Any]:
    """The configuration that counts from now on."""
    assert answer.status_code == 200, answer.text
    assert answer.json()["state"] == "effective"
    return dict(answer.json()["configuration"])


@asynccontextmanager
async def staged(dsns: dict[str, str]) -> AsyncIterator[Stage]:
    database = Database(dsns["service"], name="monitoring-test", size=8)
    await database.open()
    try:
        yield Stage(database=database, dsn=dsns["service"], admin_dsn=dsns["admin"])
    finally:
        await database.close()


@asynccontextmanager
async def following(configurations: Configurations[Any]) -> AsyncIterator[Configurations[Any]]:
    """Let the process follow as long as the block lasts."""
    task = asyncio.create_task(configurations.run())
    try:
        await asyncio.wait_for(configurations.loaded(), 10)
        yield configurations
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def counting(_: Configuration, counts: Effective) -> Effective:
    """Make nothing of it: what counts is looked at as it is."""
    return counts
