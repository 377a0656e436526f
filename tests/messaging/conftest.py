"""The stage of the delivery tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from shared.messaging.broker import make_broker
from shared.messaging.subscription import Subscription
from shared.messaging.transactional import Apply, subscribe
from shared.persistence.database import Database
from tests.messaging.stage import Stage, note, set_the_stage


@pytest.fixture
async def stage(kafka: str, fresh_database: str) -> Stage:
    return await set_the_stage(kafka, fresh_database)


class Members:
    """Starts members of the stage's group in this process and stops them at the end."""

    def __init__(self, stage: Stage, exits: AsyncExitStack) -> None:
        self._stage = stage
        self._exits = exits

    async def join(self, *, apply: Apply = note, dsn: str | None = None) -> Subscription:
        return await self._exits.enter_async_context(self.joined(apply=apply, dsn=dsn))

    @asynccontextmanager
    async def joined(self, *, apply: Apply = note, dsn: str | None = None) -> AsyncIterator[Subscription]:
        database = Database(dsn or self._stage.dsn, name="member")
        await database.open()
        broker = make_broker(self._stage.bootstrap_servers, client_id="member")
        subscription = subscribe(
            broker, topics=[self._stage.topic], consumer=self._stage.group, database=database, apply=apply
        )
        await broker.start()
        try:
            yield subscription
        finally:
            await broker.stop()
            await database.close()


@pytest.fixture
async def members(stage: Stage) -> AsyncIterator[Members]:
    async with AsyncExitStack() as exits:
        yield Members(stage, exits)
