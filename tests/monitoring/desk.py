"""A tenant's alerts as the engine says them, and the people who judge them over HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from nuxari_events.ids import uuid7
from nuxari_events.roles import Role

from services.monitoring.domain.model import Alert, Change, Entity, Raised, Shown
from services.monitoring.service.announcing import announce_all
from services.monitoring.store import changes
from services.monitoring.store.changes import Change as Announced
from tests.access.credentials import NOON
from tests.every_service import Standing, standing


def ms(seconds: float) -> int:
    """So many seconds after noon, as the engine counts."""
    return round(NOON.timestamp() * 1000) + round(seconds * 1000)


def an_alert(name: str = "a", **more: Any) -> Alert:
    """An alert of one event about ada, an hour before noon."""
    first, last = more.pop("first", -3600), more.pop("last", None)
    entities = more.pop("entities", (Entity("user", "ada"),))
    last = first if last is None else last
    fields: dict[str, Any] = {
        "alert_id": name,
        "tenant": "acme",
        "rule_id": "brute_force",
        "rule_number": 1,
        "rule_title": "Brute force against a single account",
        "rule_version": "0123456789ab",
        "severity": "medium",
        "summary": f"10 failed sign-ins, {name}",
        "group": {"user_id": entities[0].id} if entities else {},
        "after_ms": ms(first - 600),
        "until_ms": ms(last),
        "value": 10.0,
        "threshold": 10.0,
        "first_seen_ms": ms(first),
        "last_seen_ms": ms(last),
        "related_events_count": 10,
        "evidence": (Shown(ms(first), "/test", f"e-{name}", "sign_in_failed", "access.activity", 0, 7, "t.v1"),),
        "attack": (),
        "entities": entities,
        "tactics": ("credential-access",),
    }
    return Alert(**fields | more)


class Desk:
    """One tenant of a standing service."""

    def __init__(self, service: Standing) -> None:
        self.service = service
        self.tenant = f"t-{uuid7()[-12:]}"
        self.client = httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://stage")

    @property
    def now(self) -> datetime:
        return self.service.clock.now()

    def alert(self, name: str = "a", **more: Any) -> Alert:
        return an_alert(name, **{"tenant": self.tenant} | more)

    async def says(self, *said: Change | Alert, at: datetime | None = None) -> None:
        """Have the engine say so, in one transaction; an alert is raised."""
        what = [Raised(one) if isinstance(one, Alert) else one for one in said]
        async with self.service.parts.database.transaction() as transaction:
            await announce_all(transaction, what, at=at or self.now)

    async def told(self) -> list[Announced]:
        """What was announced to the tenant so far."""
        async with self.service.parts.database.transaction(self.tenant) as transaction:
            return await changes.after(transaction, 0, limit=10_000)

    async def kinds(self) -> list[str]:
        return [one.type for one in await self.told()]

    async def get(self, path: str, *, who: str = "sam", **query: Any) -> dict[str, Any]:
        answer = await self.ask("GET", path, who=who, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    async def ask(
        self,
        method: str,
        path: str,
        *,
        who: str = "sam",
        roles: tuple[Role, ...] = (Role.CLIENT_SECURITY_ADMIN,),
        **more: Any,
    ) -> httpx.Response:
        headers = self.service.authorization(*roles, tenant_id=self.tenant, user_id=who) | more.pop("headers", {})
        return await self.client.request(method, f"/v1/tenants/{self.tenant}{path}", headers=headers, **more)

    async def triage(
        self, name: str, state: str, *, who: str = "sam", version: int | None = None, **more: Any
    ) -> httpx.Response:
        """Triage on the version that stands, or on the one that is given."""
        if version is None:
            version = (await self.get(f"/alerts/{name}"))["version"]
        return await self.ask(
            "PUT",
            f"/alerts/{name}/triage",
            who=who,
            headers={"If-Match": f'"{version}"'},
            json={"state": state, **more},
        )

    async def incident_of(self, name: str) -> dict[str, Any]:
        alert = await self.get(f"/alerts/{name}")
        return await self.get(f"/incidents/{alert['incident_id']}")

    async def judge(self, incident_id: str, state: str, *, who: str = "sam", **more: Any) -> httpx.Response:
        version = (await self.get(f"/incidents/{incident_id}"))["version"]
        return await self.ask(
            "PUT",
            f"/incidents/{incident_id}/triage",
            who=who,
            headers={"If-Match": f'"{version}"'},
            json={"state": state, **more},
        )


@asynccontextmanager
async def standing_monitoring(postgres: str, home: Path) -> AsyncIterator[Standing]:
    async with standing("monitoring", postgres=postgres, home=home) as service:
        yield service


HOUR = timedelta(hours=1)
