"""Playing a simulation to a system that is a queue: pace, latency, and what goes wrong on either side."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from nuxari_events.alerts import AlertData, AlertRaised, RuleReference, Severity, Window
from nuxari_events.envelope import Event

from services.cli.rehearsal import Rehearsal, rehearse
from services.cli.score_report import score_as_json
from services.simulator.scenario import Scenario
from services.simulator.simulation import Simulation, simulation
from services.simulator.truth import Attack, Expected, completed_at

UNTIL = datetime(2025, 6, 3, 15, tzinfo=UTC)
A_MOMENT = timedelta(milliseconds=200)


def a_simulation(*, attacks: int = 7, tenant_id: str = "sim-1-test") -> Simulation:
    return simulation(
        Scenario(tenant_id=tenant_id, seed=3, until=UNTIL, users=60, attacks=attacks, duration=timedelta(hours=2))
    )


def an_alert(attack: Attack, expected: Expected, tenant_id: str) -> AlertRaised:
    data = AlertData(
        alert_id=f"{attack.attack_id}-{expected.number}",
        rule=RuleReference(id="rule", number=expected.number, title="title", version="abc"),
        severity=Severity.HIGH,
        title="title",
        summary="summary",
        group={"user_id": attack.victim},
        window=Window(after=attack.first, until=attack.last),
        value=1,
        threshold=1,
        first_seen=attack.first,
        last_seen=attack.last,
        related_events_count=1,
        evidence=(),
    )
    return AlertRaised(source="/nuxari/monitoring", time=UNTIL, subject=data.alert_id, tenantid=tenant_id, data=data)


class Watcher:
    """A monitoring that knows the truth and raises each alert as soon as its pattern is complete."""

    def __init__(self, simulated: Simulation, *, as_tenant: str | None = None) -> None:
        self._open = [(attack, one) for attack in simulated.attacks for one in attack.expected]
        self._tenant_id = as_tenant or simulated.scenario.tenant_id
        self._queue: asyncio.Queue[Event] = asyncio.Queue()
        self._seen: dict[str, float] = {}
        self.published: list[Event] = []

    async def publish(self, event: Event) -> None:
        await asyncio.sleep(0)
        self.published.append(event)
        self._seen.setdefault(event.id, float(len(self._seen)))
        for pair in list(self._open):
            if completed_at(pair[1], delivered=self._seen) is not None:
                self._open.remove(pair)
                self._queue.put_nowait(an_alert(*pair, self._tenant_id))

    async def alerts(self) -> AsyncIterator[Event]:
        while True:
            yield await self._queue.get()


async def played(simulated: Simulation, watcher: Watcher, *, rate: float = 0) -> Rehearsal:
    return await rehearse(
        simulated,
        publisher=watcher,
        alerts=watcher.alerts(),
        rate=rate,
        settle=A_MOMENT,
        on_sent=lambda _: None,
    )


async def test_a_system_that_finds_everything_scores_everything() -> None:
    simulated = a_simulation()
    watcher = Watcher(simulated)

    rehearsal = await played(simulated, watcher)

    result = score_as_json(rehearsal, rehearsal.score())
    assert watcher.published == list(simulated.events())
    assert {name: result[name] for name in ("events", "attacks", "found", "missed", "false_alerts")} == {
        "events": len(watcher.published),
        "attacks": 7,
        "found": 7,
        "missed": 0,
        "false_alerts": 0,
    }
    assert 0 <= result["p50_ms"] <= result["p99_ms"] < 10_000


async def test_alerts_of_another_tenant_are_not_counted() -> None:
    simulated = a_simulation()

    rehearsal = await played(simulated, Watcher(simulated, as_tenant="somebody-else"))

    result = score_as_json(rehearsal, rehearsal.score())
    assert (result["found"], result["missed"], result["false_alerts"], result["p50_ms"]) == (0, 7, 0, None)
    assert len(result["missed_details"]) == 8


async def test_events_leave_at_the_rate_that_is_asked_for() -> None:
    simulated = a_simulation(attacks=0)
    expected = sum(1 for _ in simulated.events()) / 2000

    rehearsal = await played(simulated, Watcher(simulated), rate=2000)

    assert expected - 0.1 <= rehearsal.seconds < expected * 3 + 1


async def test_it_waits_for_alerts_until_none_came_for_a_while() -> None:
    simulated = a_simulation(attacks=0)

    started = time.monotonic()
    rehearsal = await played(simulated, Watcher(simulated))

    assert time.monotonic() - started - rehearsal.seconds >= A_MOMENT.total_seconds()


async def test_a_broker_that_refuses_events_ends_it() -> None:
    class Refusing(Watcher):
        async def publish(self, event: Event) -> None:
            await super().publish(event)
            if len(self.published) > 40:
                raise ConnectionError("the broker is away")

    simulated = a_simulation()

    with pytest.raises(ConnectionError, match="the broker is away"):
        await played(simulated, Refusing(simulated))


async def test_an_alert_stream_that_breaks_ends_it() -> None:
    class Broken(Watcher):
        async def alerts(self) -> AsyncIterator[Event]:
            yield await self._queue.get()
            raise ConnectionError("the alert stream is away")

    simulated = a_simulation()

    with pytest.raises(ConnectionError, match="the alert stream is away"):
        await played(simulated, Broken(simulated))
