"""Being told by PostgreSQL: one connection that listens, and an event that says that something was heard."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import Any

import asyncpg

from shared.errors import TransientError
from shared.messaging.reliability import until_it_works
from shared.persistence.database import UNREACHABLE

_ANSWER_SECONDS = 30

_SESSION = {"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3"}


class Listening:
    """Listens on one channel; while it is not connected nothing is heard, so whoever waits also looks by itself."""

    def __init__(self, dsn: str, *, channel: str, name: str) -> None:
        self._dsn = dsn
        self._channel = channel
        self._session = _SESSION | {"application_name": name}
        self._heard = asyncio.Event()

    async def heard(self, *, within: timedelta) -> None:
        """Wait until something was said since this returned last, and no longer than that."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within.total_seconds()):  # `wait_for` can swallow a cancellation (Python 3.11)
                await self._heard.wait()
        self._heard.clear()

    async def run(self) -> None:
        """Listen until cancelled; a database that is away is waited for."""
        await until_it_works(self._listen, what=f"what PostgreSQL says on {self._channel}")

    async def _listen(self) -> None:
        lost = asyncio.Event()
        try:
            connection = await asyncpg.connect(self._dsn, timeout=_ANSWER_SECONDS, server_settings=self._session)
        except (*UNREACHABLE, asyncpg.PostgresError) as error:
            raise TransientError(type(error).__name__) from error
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(self._channel, self._hear)
            self._heard.set()  # something may have been said while nobody listened
            await lost.wait()
        except (*UNREACHABLE, asyncpg.InterfaceError, asyncpg.PostgresError) as error:
            raise TransientError(type(error).__name__) from error
        finally:
            with contextlib.suppress(*UNREACHABLE, asyncpg.InterfaceError):
                await connection.close(timeout=2)
        raise TransientError("the connection was lost")

    def _hear(self, *_: Any) -> None:  # noqa: ANN401 - connection, process, channel and payload
        self._heard.set()
