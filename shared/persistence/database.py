"""One PostgreSQL transaction with its announcements: after this, nobody opens a connection or sets a tenant by hand."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import asyncpg
from nuxari_events.envelope import Event

from shared.errors import TransientError
from shared.persistence import audit_log
from shared.persistence.outbox import append, traced

UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.QueryCanceledError,
    asyncpg.DiskFullError,
    asyncpg.OutOfMemoryError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.exceptions.ConnectionDoesNotExistError,
)
"""What PostgreSQL and the network say when trying again later can help."""

CLOSE_WITHIN = timedelta(seconds=3)
"""How long closing waits for transactions in hand: whoever had them was given time before."""

_LOST = ("connection is closed", "connection has been released", "pool is clos", "not initialized")


class Transaction:
    """One transaction: rows and announcements that are committed together or not at all."""

    def __init__(self, connection: asyncpg.pool.PoolConnectionProxy[Any]) -> None:
        self.connection = connection
        self.tenant_id: str | None = None
        self._announcements: list[Event] = []
        self._entries: list[audit_log.Entry] = []

    async def enter(self, tenant_id: str) -> None:
        """Scope row-level security to the tenant until the next `enter` or the end of the transaction."""
        if tenant_id != self.tenant_id:
            await self.connection.execute("select set_config('nuxari.tenant', $1, true)", tenant_id)
            self.tenant_id = tenant_id

    def announce(self, event: Event) -> None:
        """Publish the event if, and only if, this transaction commits; it belongs to the trace that goes on here."""
        self._announcements.append(traced(event))

    def enter_in_log(self, entry: audit_log.Entry) -> None:
        """Keep the audit entry if, and only if, this transaction commits."""
        self._entries.append(entry)

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undo rows, announcements and entries made inside if the block raises; the transaction itself goes on."""
        kept, logged, tenant_id = len(self._announcements), len(self._entries), self.tenant_id
        try:
            async with self.connection.transaction():
                yield
        except BaseException:
            del self._announcements[kept:]
            del self._entries[logged:]
            self.tenant_id = None
            if tenant_id is not None and not self.connection.is_closed():
                await self.enter(tenant_id)
            raise

    async def flush(self) -> None:
        """Write the announcements made so far to the outbox, in one statement, and then the audit entries."""
        announcements, self._announcements = self._announcements, []
        entries, self._entries = self._entries, []
        await append(self.connection, announcements)
        await audit_log.append(self.connection, entries)
        if entries and self.tenant_id is not None:
            tenant_id, self.tenant_id = self.tenant_id, None
            await self.enter(tenant_id)

    async def fetch(self, query: str, *args: object) -> list[asyncpg.Record]:
        """Return all rows of the query."""
        rows: list[asyncpg.Record] = await self.connection.fetch(query, *args)
        return rows

    async def fetchrow(self, query: str, *args: object) -> asyncpg.Record | None:
        """Return the first row of the query, None if there is none."""
        return await self.connection.fetchrow(query, *args)

    async def fetchval(self, query: str, *args: object) -> Any:  # noqa: ANN401 - a column's type is the query's
        """Return the first column of the first row, None if there is none."""
        return await self.connection.fetchval(query, *args)

    async def execute(self, query: str, *args: object) -> str:
        """Run the statement and return PostgreSQL's command tag."""
        tag: str = await self.connection.execute(query, *args)
        return tag


class Database:
    """A pool of connections of one login to one service's database."""

    def __init__(self, dsn: str, *, name: str, size: int = 10) -> None:
        """Describe the pool; nothing is connected yet.

        Args:
            dsn: of the service's own login, never of the owner.
            name: shown by PostgreSQL as application_name.
            size: the most connections it holds.
        """
        self._dsn = dsn
        self._name = name
        self._size = size
        self._pool: asyncpg.Pool[Any] | None = None

    async def open(self) -> None:
        """Connect.

        Raises:
            TransientError: PostgreSQL is not there.
        """
        settings = {
            "application_name": self._name,
            "lock_timeout": "10s",
            "idle_in_transaction_session_timeout": "60s",
        }
        with _unreachable_is_transient():
            self._pool = await asyncpg.create_pool(
                self._dsn, min_size=1, max_size=self._size, command_timeout=30, server_settings=settings
            )

    async def close(self) -> None:
        """Return every connection; those in use are waited for, for a moment, and then cut off."""
        if self._pool is not None:
            with contextlib.suppress(*UNREACHABLE, asyncpg.InterfaceError):
                await asyncio.wait_for(self._pool.close(), CLOSE_WITHIN.total_seconds())

    @asynccontextmanager
    async def transaction(self, tenant_id: str | None = None) -> AsyncIterator[Transaction]:
        """Open a transaction, scoped to the tenant where one is given; only an edge does this, never a use case.

        Raises:
            TransientError: PostgreSQL went away; nothing of the transaction is known to be kept.
        """
        with _unreachable_is_transient():
            async with self._connections.acquire() as connection, connection.transaction():
                transaction = Transaction(connection)
                if tenant_id is not None:
                    await transaction.enter(tenant_id)
                yield transaction
                await transaction.flush()

    async def answers(self) -> bool:
        """Say whether PostgreSQL answers a query right now."""
        try:
            async with self._connections.acquire(timeout=2) as connection:
                return bool(await connection.fetchval("select true", timeout=2))
        except (TransientError, *UNREACHABLE, asyncpg.InterfaceError, asyncpg.PostgresError):
            return False

    @property
    def _connections(self) -> asyncpg.Pool[Any]:
        if self._pool is None:
            raise TransientError("the database is not open yet")
        return self._pool


class _unreachable_is_transient:  # noqa: N801 - reads as a phrase where it is used
    """Turn what PostgreSQL says when it is down into TransientError."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if is_unreachable(error):
            raise TransientError(f"PostgreSQL is unreachable: {type(error).__name__}") from error


def is_unreachable(error: BaseException | None) -> bool:
    """Say whether the error means that PostgreSQL is away, busy or rolled us back: trying again later can help.

    asyncpg reports a connection that died in use as an InterfaceError, as it does wrong calls: only the text differs.
    """
    return isinstance(error, UNREACHABLE) or (
        isinstance(error, asyncpg.InterfaceError) and any(words in str(error) for words in _LOST)
    )
