"""One service as one process: after this, a service lists its parts and they start, stay honest, and stop in order."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
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
from shared.web.health import Check
from shared.web.server import serve

MOST_LAG = 20_000
"""Records; a consumer further behind does not do its work in time and says so."""

OLDEST_ANNOUNCEMENT = timedelta(seconds=30)
"""An outbox that holds something for longer has lost its way to Kafka."""

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
        return None if caught_up else "token watermarks are not read to their end yet"

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
    return f"{subscription.name} is {lag} records behind" if lag > MOST_LAG else None


def run(parts: Parts) -> None:
    """Run the service until SIGTERM or SIGINT; returns after the work in hand is done."""
    asyncio.run(_run(parts))


async def _run(parts: Parts) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    serving = asyncio.create_task(serve(parts.api, host=parts.host, port=parts.port, stop=stop))
    try:
        await _first(serving, asyncio.create_task(_work(parts, stop)))
    finally:
        stop.set()
        await serving
    _log.info("stopped", service=parts.name)


async def _first(*tasks: asyncio.Task[None]) -> None:
    """Wait for the first to end and raise what it raised: a service does not limp on without a part of it."""
    done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        if task is not tasks[0]:
            await _cancelled(task)
    for task in done:
        task.result()


async def _work(parts: Parts, stop: asyncio.Event) -> None:
    """Open, consume and relay until told to stop; then stop taking in, finish, let announcements leave, close."""
    if not await _unless_stopped(until_it_works(parts.database.open, what="PostgreSQL"), stop):
        return
    if not await _unless_stopped(until_it_works(lambda: _connect(parts.broker), what="Kafka"), stop):
        return
    loops = {"relay": parts.relay.run, **parts.background}
    tasks = [asyncio.create_task(loop(), name=name) for name, loop in loops.items()]
    waiting = asyncio.create_task(stop.wait())
    _log.info("started", service=parts.name, port=parts.port)
    try:
        done, _ = await asyncio.wait({*tasks, waiting}, return_when=asyncio.FIRST_COMPLETED)
        await parts.broker.stop()
        for task in done - {waiting}:
            task.result()
    finally:
        for task in (*tasks, waiting):
            await _cancelled(task)
        await parts.database.close()


async def _connect(broker: KafkaBroker) -> None:
    try:
        await broker.start()
    except KafkaError as error:
        await broker.stop()
        raise TransientError(f"Kafka is unreachable: {type(error).__name__}") from error


async def _unless_stopped(work: Awaitable[object], stop: asyncio.Event) -> bool:
    """Wait for the work; return False, with the work given up, if the service is told to stop first."""
    working, waiting = asyncio.ensure_future(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if working.done():
        working.result()
        return True
    working.cancel()
    return False


async def _cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.wait({task})
