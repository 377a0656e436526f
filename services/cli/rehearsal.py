"""Playing a simulation to a running system: after this, it was published at its pace and its alerts written down."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Protocol

from nuxari_events.envelope import Event

from services.simulator.scoring import Score, score
from services.simulator.sightings import AlertBook
from services.simulator.simulation import Simulation

MOST_AT_ONCE = 500
"""So many events are on their way to the broker at a time: enough to fill its batches, little enough to keep."""


class Publisher(Protocol):
    """Where events are published."""

    async def publish(self, event: Event) -> object:
        """Return when the broker has acknowledged the event."""


@dataclass(kw_only=True)
class Rehearsal:
    """What happened while a simulation was played; times are in seconds of one monotonic clock."""

    simulation: Simulation
    book: AlertBook = field(default_factory=AlertBook)
    sent: int = 0
    """Events, late ones and duplicates included."""
    seconds: float = 0.0
    """How long publishing took."""
    last_alert: float = 0.0
    delivered: dict[str, float] = field(default_factory=dict)
    """When each event that belongs to an attack was first acknowledged."""

    def score(self) -> Score:
        """Compare the truth with the alerts that came."""
        return score(self.simulation.attacks, sightings=self.book.sightings, delivered=self.delivered)


async def rehearse(
    simulation: Simulation,
    *,
    publisher: Publisher,
    alerts: AsyncIterator[Event],
    rate: float,
    settle: timedelta,
    on_sent: Callable[[int], None],
) -> Rehearsal:
    """Publish a simulation at `rate` events per second (0: as fast as possible) and listen to the alerts meanwhile.

    `alerts` must read from before the first event on. It ends once no alert of the tenant has come for `settle`.
    What goes wrong with publisher or alerts is raised.
    """
    rehearsal = Rehearsal(simulation=simulation)
    listening = asyncio.create_task(_listen(rehearsal, alerts))
    try:
        await _publish(rehearsal, publisher, rate, on_sent, listening)
        await _until_quiet(rehearsal, listening, settle)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
    return rehearsal


async def _listen(rehearsal: Rehearsal, alerts: AsyncIterator[Event]) -> None:
    async for event in alerts:
        if event.tenantid == rehearsal.simulation.scenario.tenant_id:
            rehearsal.last_alert = time.monotonic()
            rehearsal.book.note(event, arrived=rehearsal.last_alert)


async def _publish(
    rehearsal: Rehearsal,
    publisher: Publisher,
    rate: float,
    on_sent: Callable[[int], None],
    listening: asyncio.Task[None],
) -> None:
    watched = _watched(rehearsal.simulation)
    started = time.monotonic()

    async def deliver(event: Event) -> None:
        await publisher.publish(event)
        if event.id in watched:
            rehearsal.delivered.setdefault(event.id, time.monotonic())

    async for batch in _paced(rehearsal.simulation.events(), rate):
        await asyncio.gather(*(deliver(event) for event in batch))
        rehearsal.sent += len(batch)
        on_sent(rehearsal.sent)
        _raise_failure_of(listening)
    rehearsal.seconds = time.monotonic() - started


def _watched(simulation: Simulation) -> frozenset[str]:
    return frozenset(event.id for attack in simulation.attacks for event in (*attack.circumstances, *attack.events))


async def _paced(events: Iterator[Event], rate: float) -> AsyncIterator[list[Event]]:
    """What is due by now, at most `MOST_AT_ONCE`; who falls behind catches up."""
    started, sent = time.monotonic(), 0
    while True:
        due = MOST_AT_ONCE if rate == 0 else min(MOST_AT_ONCE, 1 + int((time.monotonic() - started) * rate) - sent)
        if due <= 0:
            await asyncio.sleep(started + sent / rate - time.monotonic())
            continue
        batch = list(islice(events, due))
        if not batch:
            return
        yield batch
        sent += len(batch)


async def _until_quiet(rehearsal: Rehearsal, listening: asyncio.Task[None], settle: timedelta) -> None:
    published = time.monotonic()
    while True:
        quiet_at = max(published, rehearsal.last_alert) + settle.total_seconds()
        left = quiet_at - time.monotonic()
        if left <= 0 or listening.done():
            break
        await asyncio.wait({listening}, timeout=left)
    _raise_failure_of(listening)


def _raise_failure_of(listening: asyncio.Task[None]) -> None:
    if listening.done():
        listening.result()
