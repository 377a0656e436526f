"""Attacks published from outside, in three parts, and the alerts that come of them, counted."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from nuxari_events.access import Outcome, SignInCompleted, SignInData
from nuxari_events.client import AlertStream, EventPublisher

FAILURES = 15
"""More than detection 1 needs, so that its alert is raised and then updated."""

BRUTE_FORCE, SUCCESS_AFTER = 1, 2


@dataclass
class Counted:
    """What was announced of one tenant."""

    alert_ids: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    events: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def is_exact(self) -> bool:
        """One alert of each detection, and of the first one every failure once."""
        one_each = {number: len(ids) for number, ids in self.alert_ids.items()} == {BRUTE_FORCE: 1, SUCCESS_AFTER: 1}
        return one_each and self.events[BRUTE_FORCE] == FAILURES


class Attacks:
    """The same attack on many tenants at once."""

    def __init__(self, kafka: str, *, tenants: int) -> None:
        self._kafka = kafka
        self._begin = datetime.now(UTC) - timedelta(seconds=FAILURES + 1)
        self.tenants = [f"attacked-{uuid4().hex[:12]}" for _ in range(tenants)]

    async def first(self) -> None:
        """Too few failures for an alert."""
        await self._publish(range(5))

    async def second(self) -> None:
        """More, still too few."""
        await self._publish(range(5, 9))

    async def last(self) -> None:
        """The rest, and the success after them."""
        await self._publish(range(9, FAILURES + 1))

    async def counted(self, *, within: timedelta) -> dict[str, Counted]:
        """Return what was announced of each tenant as soon as it is exact; what there is at the deadline."""
        found: dict[str, Counted] = {}
        deadline = asyncio.get_running_loop().time() + within.total_seconds()
        while asyncio.get_running_loop().time() < deadline:
            found = await self._read()
            if all(one.is_exact() for one in found.values()):
                break
        return found

    async def _publish(self, seconds: range) -> None:
        async with EventPublisher(self._kafka) as publisher:
            for second in seconds:
                await publisher.publish_many([self._sign_in(tenant, second) for tenant in self.tenants])

    def _sign_in(self, tenant: str, second: int) -> SignInCompleted:
        outcome = Outcome.FAILURE if second < FAILURES else Outcome.SUCCESS
        return SignInCompleted(
            source=f"/tests/{tenant}",
            time=self._begin + timedelta(seconds=second),
            subject="ada",
            tenantid=tenant,
            data=SignInData(user_id="ada", outcome=outcome, ip="203.0.113.7"),
        )

    async def _read(self) -> dict[str, Counted]:
        found = {tenant: Counted() for tenant in self.tenants}
        async with AlertStream(self._kafka, from_beginning=True, idle_exit=timedelta(seconds=1)) as alerts:
            async for alert in alerts:
                if (counted := found.get(alert.tenantid)) is not None:
                    number = alert.data.rule.number
                    counted.alert_ids[number].add(alert.data.alert_id)
                    counted.events[number] = max(counted.events[number], alert.data.related_events_count)
        return found
