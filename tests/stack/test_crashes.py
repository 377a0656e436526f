"""The whole system under kill -9: each process in turn, with events on the way; every alert is there, each once."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from nuxari_events.access import Outcome, SignInCompleted, SignInData
from nuxari_events.alerts import AlertRaised
from nuxari_events.client import AlertStream, BrokerUnavailableError, EventPublisher
from nuxari_events.ids import uuid7

from shared.settings import SERVICES
from tests.stack.running import REAL_UP, RunningStack
from tests.waiting import until

SOON = timedelta(seconds=90)
TENANT = "acme"
BRUTE_FORCE = 1
"""Detection 1: ten failed sign-ins of one person within ten minutes."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    running = RunningStack(tmp_path_factory.mktemp("system"), command=REAL_UP, services=SERVICES)
    running.up()
    yield running
    running.stop()


def a_sign_in(user: str, outcome: Outcome) -> SignInCompleted:
    data = SignInData(user_id=user, outcome=outcome)
    return SignInCompleted(
        id=uuid7(), source="/crashes", time=datetime.now(UTC), subject=user, tenantid=TENANT, data=data
    )


class Traffic:
    """Ordinary sign-ins all the time, and attacks when they are asked for; each event until it is acknowledged."""

    def __init__(self, publisher: EventPublisher) -> None:
        self._publisher = publisher
        self.ordinary = 0

    async def flow(self) -> None:
        while True:
            await self._publish(a_sign_in(f"colleague-{self.ordinary % 20}", Outcome.SUCCESS))
            self.ordinary += 1
            await asyncio.sleep(0.02)

    async def fail(self, user: str, times: int) -> None:
        for _ in range(times):
            await self._publish(a_sign_in(user, Outcome.FAILURE))

    async def _publish(self, event: SignInCompleted) -> None:
        published = False
        while not published:
            with contextlib.suppress(BrokerUnavailableError):
                await self._publisher.publish(event)
                published = True


@contextlib.asynccontextmanager
async def traffic_on(kafka: str) -> AsyncIterator[Traffic]:
    async with EventPublisher(kafka, delivery_within=timedelta(seconds=3)) as publisher:
        traffic = Traffic(publisher)
        flowing = asyncio.create_task(traffic.flow())
        try:
            yield traffic
        finally:
            flowing.cancel()
            await asyncio.wait([flowing])


async def test_any_process_may_be_killed_at_any_time_and_every_alert_is_raised_once(stack: RunningStack) -> None:
    await stack.is_up()
    expected: Counter[str] = Counter()
    names = (*SERVICES, "postgres", "kafka")
    async with traffic_on(stack.kafka) as traffic:
        for name in names:
            await traffic.fail(f"before-{name}", 10)
            await traffic.fail(f"across-{name}", 5)
            stack.kill(name)
            await traffic.fail(f"across-{name}", 5)
            await stack.says(f"restarted {name} (pid ")
            expected.update([f"before-{name}", f"across-{name}"])
        await until(lambda: all_ready(stack), within=SOON, what="every process is ready")
        await traffic.fail("afterwards", 10)
        expected["afterwards"] += 1

    await until(lambda: are_raised(stack, expected), within=SOON, what=f"alerts about {sorted(expected)}")
    assert Counter(await raised(stack)) == expected
    assert [line.split(" (pid")[0] for line in stack.lines()[1:]] == [f"restarted {name}" for name in names]
    assert traffic.ordinary > 100


async def test_ctrl_c_at_the_terminal_leaves_no_process_of_the_system(stack: RunningStack) -> None:
    await stack.is_up()

    assert stack.ctrl_c() == 0
    assert stack.left_running() == []


def all_ready(stack: RunningStack) -> bool:
    found = stack.status()
    return set(found) == {*SERVICES, "postgres", "kafka"} and all(process["ready"] for process in found.values())


async def are_raised(stack: RunningStack, expected: Counter[str]) -> bool:
    return set(expected) <= set(await raised(stack))


async def raised(stack: RunningStack) -> list[str]:
    """About whom alerts were raised, each announcement once however often it was sent."""
    idle = timedelta(seconds=1)
    async with AlertStream(stack.kafka, from_beginning=True, idle_exit=idle) as alerts:
        found = {alert.id: alert.data async for alert in alerts if isinstance(alert, AlertRaised)}
    assert {data.rule.number for data in found.values()} <= {BRUTE_FORCE}
    return [data.group["user_id"] for data in found.values()]
