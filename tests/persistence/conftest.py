"""What the tests of persistence share: the tables of the mechanism and one table, as a service's login sees them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from shared.persistence.database import Database
from tests.messaging.stage import Stage, set_the_tables


@pytest.fixture
async def tables(fresh_database: str) -> Stage:
    """A database with the mechanism and the table `applied`; there is no Kafka."""
    return await set_the_tables(fresh_database)


@pytest.fixture
async def databases(tables: Stage) -> AsyncIterator[list[Database]]:
    """Two pools of the service's login, as two processes have them."""
    async with AsyncExitStack() as exits:
        found = [Database(tables.dsn, name=f"process-{n}") for n in range(2)]
        for database in found:
            await database.open()
            exits.push_async_callback(database.close)
        yield found
