"""The process itself, killed again and again while events flow: each alert is raised once, as if nothing had been."""

from __future__ import annotations

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import asyncpg
from nuxari_events.envelope import Event

from services.monitoring.handlers import partition_of
from shared.settings import ServiceSettings
from tests.monitoring.simulated import Ear, Story
from tests.waiting import until

SOON = timedelta(seconds=60)
AT_ONCE = 10
KILLED_AFTER = (0, 1, 4)
"""Announcements of each life; the first ends while what it read is not announced, the second while it is not saved."""


@asynccontextmanager
async def _process(settings: ServiceSettings) -> AsyncIterator[asyncio.subprocess.Process]:
    """`python -m services.monitoring`; killed at the end, if it is not dead by then."""
    environment = os.environ | {
        "NUXARI_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "NUXARI_DATABASE_DSN": settings.database_dsn.get_secret_value(),
        "NUXARI_RELAY_DSN": settings.relay_dsn.get_secret_value(),
        "NUXARI_PORT": str(settings.port),
        "NUXARI_LOG_LEVEL": "warning",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.monitoring", env=environment, cwd=Path(__file__).parents[2]
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def _is_owner(admin_dsn: str, number: int, *, epoch: int) -> bool:
    admin = await asyncpg.connect(admin_dsn)
    try:
        return await admin.fetchval("select epoch from checkpoint where partition = $1", number) == epoch
    finally:
        await admin.close()


async def _live_and_die(ear: Ear, events: Sequence[Event], process: asyncio.subprocess.Process, *, heard: int) -> None:
    """Publish, and kill the process as soon as it said so much; or, where that is nothing, in the midst of it."""
    enough, is_dead = len(ear.heard) + heard, False
    for done in range(0, len(events), AT_ONCE):
        await ear.publish(events[done : done + AT_ONCE])
        if not is_dead and done >= len(events) // 2 and await _is_heard(ear, enough):
            process.kill()
            is_dead = True
    if not is_dead:
        await until(lambda: _is_heard(ear, enough), within=SOON, what="enough is heard")
        process.kill()


async def _is_heard(ear: Ear, count: int) -> bool:
    await ear.listen()
    return len(ear.heard) >= count


async def _is_all_heard(ear: Ear, story: Story) -> bool:
    await ear.listen()
    return ear.standing == story.expected


async def test_a_process_that_is_killed_again_and_again_raises_each_alert_once(
    kafka: str, monitoring_settings: ServiceSettings, monitoring_database: dict[str, str]
) -> None:
    story = Story(users=90, attacks=28)
    share = len(story.events) // (len(KILLED_AFTER) + 1)
    is_owner = partial(_is_owner, monitoring_database["admin"], partition_of(story.tenant))
    async with Ear(kafka, story.tenant) as ear:
        for life, heard in enumerate(KILLED_AFTER):
            async with _process(monitoring_settings) as process:
                await until(partial(is_owner, epoch=life + 1), within=SOON, what="it took the partition over")
                part = story.events[life * share : (life + 1) * share]
                await _live_and_die(ear, part, process, heard=heard)
        async with _process(monitoring_settings) as process:
            await ear.publish(story.events[len(KILLED_AFTER) * share :])
            await until(lambda: _is_all_heard(ear, story), within=SOON, what="every alert is heard")
            process.terminate()
            assert await process.wait() == 0
    raised = Counter(ear.raised)
    assert {alert_id: raised[alert_id] for alert_id in story.expected} == dict.fromkeys(story.expected, 1)
