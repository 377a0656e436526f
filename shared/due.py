"""Work that falls due: it happens at its time, once, whatever crashed and however many processes look for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta

import structlog

from shared.clock import Clock
from shared.errors import TransientError
from shared.messaging.reliability import until_it_works
from shared.persistence.database import Database, Transaction, is_unreachable
from shared.telemetry import metrics

DueWork = Callable[[Transaction, str, datetime], Awaitable[None]]
"""`(transaction, key, at)`: runs in the tenant and the transaction that takes the row away."""

IDLE = timedelta(milliseconds=200)
"""How late something due can be noticed: well inside the second in which a change must take effect."""

BATCH = 100

_POSTPONED = timedelta(seconds=30)
"""A row whose work fails comes back this much later, so that it cannot hold up the others."""

_CLAIM = """
select tenant_id, kind, key from due_work where due_at <= $1 and kind = any($2)
order by due_at, tenant_id, kind, key limit $3 for update skip locked
"""

_log = structlog.get_logger(__name__)


async def schedule(transaction: Transaction, *, kind: str, key: str, due_at: datetime) -> None:
    """Have the work done for the key at that time, in the entered tenant; replaces an earlier time."""
    await transaction.execute(
        "insert into due_work (tenant_id, kind, key, due_at) values ($1, $2, $3, $4)"
        " on conflict (tenant_id, kind, key) do update set due_at = excluded.due_at, attempts = 0",
        transaction.tenant_id,
        kind,
        key,
        due_at,
    )


async def cancel(transaction: Transaction, *, kind: str, key: str) -> bool:
    """Have it not done after all; return whether it was still to be done."""
    done = await transaction.execute(
        "delete from due_work where tenant_id = $1 and kind = $2 and key = $3", transaction.tenant_id, kind, key
    )
    return done != "DELETE 0"


class DueLoop:
    """Does what is due. Any number of them may run: each row is locked by the one that does it."""

    def __init__(self, database: Database, clock: Clock, *, service: str, work: Mapping[str, DueWork]) -> None:
        self._database = database
        self._clock = clock
        self._service = service
        self._work = work

    async def run(self) -> None:
        """Sweep until cancelled; a database that is away is waited for."""
        while True:
            if not await until_it_works(lambda: self.sweep(self._clock.now()), what=f"due work of {self._service}"):
                await asyncio.sleep(IDLE.total_seconds())

    async def sweep(self, at: datetime) -> int:
        """Do everything that is due at that time, up to one batch; return how much there was."""
        async with self._database.transaction() as transaction:
            rows = await transaction.fetch(_CLAIM, at, list(self._work), BATCH)
            for row in rows:
                await transaction.enter(row["tenant_id"])
                await self._do(transaction, row["kind"], row["key"], at)
        return len(rows)

    async def _do(self, transaction: Transaction, kind: str, key: str, at: datetime) -> None:
        """Take the row away and do its work, which may schedule it anew; put it off if the work fails."""
        try:
            async with transaction.savepoint():
                await cancel(transaction, kind=kind, key=key)
                await self._work[kind](transaction, key, at)
        except TransientError:
            raise
        except Exception as error:
            if is_unreachable(error):
                raise
            _log.exception("due work failed", service=self._service, kind=kind, key=key)
            metrics.DUE_FAILED.labels(self._service, kind).inc()
            await self._put_off(transaction, kind, key, at)

    async def _put_off(self, transaction: Transaction, kind: str, key: str, at: datetime) -> None:
        await transaction.execute(
            "update due_work set due_at = $4, attempts = attempts + 1 where tenant_id = $1 and kind = $2 and key = $3",
            transaction.tenant_id,
            kind,
            key,
            at + _POSTPONED,
        )
