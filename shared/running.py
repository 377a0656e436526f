"""One service as one process: after this, a service lists its parts and they start, stay honest, and stop in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from fastapi import FastAPI
from faststream.kafka import KafkaBroker

from shared.errors import TransientError
from shared.messaging.reliability import until_it_works
from shared.messaging.subscription import Subscription
from shared.persistence.database import Database
from shared.persistence.relay import Relay
from shared.telemetry import tracing
from shared.web.health import Check
from shared.web.server import serve

MOST_LAG = 20_000
"""Records; a consumer further behind does not do its work in time and says so."""

LONGEST_SILENCE = timedelta(seconds=10)
"""A consumer asks Kafka four times a second; without an answer for so long it does not know what it misses."""

OLDEST_ANNOUNCEMENT = timedelta(seconds=30)
"""An outbox that holds something for longer has lost its way to Kafka."""

ENDED_WITHIN = timedelta(seconds=20)
"""What a service has in hand is given up so long after it was told to stop; a container is killed after 30 s."""

_LET_GO_WITHIN = timedelta(seconds=4)
"""What a loop has to leave in good order: the relay closes a producer and a connection."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """What a service consists of; built without touching the network."""

    name: str
    database: Database
    broker: KafkaBroker
    subscriptions: Sequence[Subscription]
    watermarks: Subscription
    relay: Relay
    api: FastAPI
    host: str
    port: int
    background: Mapping[str, Callable[[], Coroutine[Any, Any, None]]] = field(default_factory=dict)
    """Loops that run as long as the service does, such as due work."""


def standard_checks(
    *, database: Database, subscriptions: Sequence[Subscription], watermarks: Subscription, relay: Relay
) -> dict[str, Check]:
    """Return what every service's readiness depends on."""
    caught_up = False

    async def database_answers() -> str | None:
        return None if await database.answers() else "PostgreSQL does not answer"

    async def consumers_keep_up() -> str | None:
        return next((wrong for one in subscriptions if (wrong := _trouble(one)) is not None), None)

    async def watermarks_are_read() -> str | None:
        nonlocal caught_up
        caught_up = caught_up or (watermarks.is_assigned() and watermarks.lag() == 0)
        return _trouble(watermarks) if caught_up else "token watermarks are not read to their end yet"

    async def outbox_empties() -> str | None:
        age = relay.oldest_unsent
        return f"an announcement waits for {age.total_seconds():.0f} s" if age > OLDEST_ANNOUNCEMENT else None

    return {
        "database": database_answers,
        "consumers": consumers_keep_up,
        "watermarks": watermarks_are_read,
        "outbox": outbox_empties,
    }


def _trouble(subscription: Subscription) -> str | None:
    if subscription.halted:
        return f"{subscription.name} stopped: too many dead letters in a row"
    if subscription.failing:
        return f"{subscription.name} cannot apply its events now"
    lag = subscription.lag()
    if lag is None:
        return f"{subscription.name} has no answer from Kafka yet"
    silence = subscription.silence()
    if silence > LONGEST_SILENCE:
        return f"{subscription.name} had no answer from Kafka for {silence.total_seconds():.0f} s"
    return f"{subscription.name} is {lag} records behind" if lag > MOST_LAG else None


def run(parts: Parts) -> None:
    """Run the service until SIGTERM or SIGINT; returns after the work in hand is done, or given up in its grace time.

    Spans are exported where the environment says so (`tracing.export_if_wanted`).
    """
    stop_exporting = tracing.export_if_wanted(service=parts.name)
    try:
        asyncio.run(_run(parts))
    finally:
        stop_exporting()


async def _run(parts: Parts) -> None:
    """Serve and work until told to stop or one of the two ends: a service does not limp on without a part of it."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = asyncio.create_task(serve(parts.api, host=parts.host, port=parts.port, stop=stop))
    working = asyncio.create_task(_work(parts, stop))
    try:
        await asyncio.wait({serving, working}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.set()
        in_time, late = await asyncio.wait({serving, working}, timeout=ENDED_WITHIN.total_seconds())
        await parts.database.close()
    for part in in_time:
        part.result()
    _log.info("stopped", service=parts.name, given_up=len(late))


async def _work(parts: Parts, stop: asyncio.Event) -> None:
    """Open, consume and relay until told to stop; then stop taking in, finish what is in hand, and let go of Kafka."""
    if not await _unless_stopped(until_it_works(parts.database.open, what="PostgreSQL"), stop):
        return
    if not await _unless_stopped(until_it_works(lambda: _connect(parts.broker), what="Kafka"), stop):
        return
    await _keep_going(parts, stop)


async def _keep_going(parts: Parts, stop: asyncio.Event) -> None:
    """Run the loops until told to stop.

    Raises:
        RuntimeError: one of them ended by itself: the service ends with it, to be started again.
    """
    consumers = {f"consumer {one.name}": one.ended for one in parts.subscriptions}
    loops = {"relay": parts.relay.run, **consumers, **parts.background}
    tasks = [asyncio.create_task(loop(), name=name) for name, loop in loops.items()]
    waiting = asyncio.create_task(stop.wait())
    _log.info("started", service=parts.name, port=parts.port)
    try:
        done, _ = await asyncio.wait({*tasks, waiting}, return_when=asyncio.FIRST_COMPLETED)
        await parts.broker.stop()
        for task in done - {waiting}:
            task.result()
            raise RuntimeError(f"{task.get_name()} has ended")
    finally:
        await _cancelled(*tasks, waiting)


async def _connect(broker: KafkaBroker) -> None:
    try:
        await broker.start()
    except BaseException as error:
        await broker.stop()
        if isinstance(error, KafkaError):
            raise TransientError(f"Kafka is unreachable: {type(error).__name__}") from error
        raise


async def _unless_stopped(work: Coroutine[Any, Any, object], stop: asyncio.Event) -> bool:
    """Wait for the work; return False, with the work given up, if the service is told to stop first."""
    working, waiting = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if working.done():
        working.result()
        return True
    await _cancelled(working)
    return False


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    """Cancel them and wait, for a moment, for how they take it."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks, timeout=_LET_GO_WITHIN.total_seconds())
