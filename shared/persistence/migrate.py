"""Migrations: after this, a service's database has the shape that its code expects."""

from __future__ import annotations

import asyncio
from pathlib import Path

import asyncpg
from alembic import op
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

LOCK_TIMEOUT = "5s"
"""A migration that waits longer for a lock fails, instead of queueing every query of the service behind itself."""

_ONE_AT_A_TIME = 7_110_001
"""Advisory lock: of two processes that migrate, the second finds nothing left to do."""

_SERVICES = Path(__file__).parents[2] / "services"


def migrate(service: str, dsn: str) -> None:
    """Bring the service's database to the newest revision, in one transaction; does nothing when it is there already.

    Args:
        service: the package under `services`, such as `identity`.
        dsn: of the owner login, `postgresql://...`; the service's own login may not change tables.
    """
    asyncio.run(_migrate(service, dsn))


def script(sql: str) -> None:
    """Run SQL statements inside the current migration, as they are."""
    connection = op.get_bind().connection.dbapi_connection
    connection.run_async(lambda driver: driver.execute(sql))  # type: ignore[union-attr]


async def _migrate(service: str, dsn: str) -> None:
    # connected by the driver, which reads options of a DSN that SQLAlchemy does not know, such as sslmode
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn), poolclass=NullPool
    )
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_upgrade, service)
    finally:
        await engine.dispose()


def _upgrade(connection: Connection, service: str) -> None:
    connection.execute(text("select pg_advisory_xact_lock(:key)"), {"key": _ONE_AT_A_TIME})
    connection.execute(text(f"set local lock_timeout = '{LOCK_TIMEOUT}'"))
    config = Config()
    config.set_main_option("script_location", str(_SERVICES / service / "migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    with EnvironmentContext(config, scripts, fn=lambda current, _: scripts._upgrade_revs("head", current)) as context:  # noqa: SLF001 - alembic's own commands do the same
        context.configure(connection=connection, transactional_ddl=True)
        context.run_migrations()
