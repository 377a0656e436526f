"""Monitoring as it runs: its own process parts, on a real Kafka and a real PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from pydantic import SecretStr

from services.monitoring.app import build
from shared.embedded.child import free_port
from shared.messaging.provision import apply_topics
from shared.persistence.migrate import migrate
from shared.persistence.provision import dsn_of, provision, role_names
from shared.running import Parts
from shared.settings import ServiceSettings

PASSWORD = "monitoring"


@pytest.fixture
async def monitoring_database(postgres: str, fresh_database: str) -> dict[str, str]:
    """The DSN of each login to a database of monitoring's, by the login's part in it."""
    owner, login, relay = role_names("monitoring")
    await provision(postgres, "monitoring", passwords=dict.fromkeys((owner, login, relay), PASSWORD))
    name = urlsplit(fresh_database).path.lstrip("/")
    admin = await asyncpg.connect(fresh_database)
    try:
        await admin.execute(f'grant create, usage on schema public to "{owner}"')
    finally:
        await admin.close()
    await asyncio.to_thread(migrate, "monitoring", dsn_of(postgres, name, owner, PASSWORD))
    logins = {"service": login, "relay": relay}
    return {part: dsn_of(postgres, name, one, PASSWORD) for part, one in logins.items()} | {"admin": fresh_database}


@pytest.fixture
async def monitoring_settings(kafka: str, monitoring_database: dict[str, str], tmp_path: Path) -> ServiceSettings:
    await apply_topics(kafka)
    return ServiceSettings(
        kafka_bootstrap_servers=kafka,
        database_dsn=SecretStr(monitoring_database["service"]),
        relay_dsn=SecretStr(monitoring_database["relay"]),
        port=free_port(),
        home=tmp_path,
    )


@asynccontextmanager
async def running(settings: ServiceSettings) -> AsyncIterator[Parts]:
    """The service's consumer, relay and loops, without its HTTP server; stopped in order at the end."""
    parts = build(settings)
    await parts.database.open()
    await parts.broker.start()
    tasks = [asyncio.create_task(loop()) for loop in (parts.relay.run, *parts.background.values())]
    try:
        yield parts
    finally:
        await parts.broker.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await parts.database.close()
