"""Work that falls due: done once at its time, whoever looks for it, whatever crashes, however late."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from shared.clock import FixedClock
from shared.due import BATCH, DueLoop, DueWork, cancel, schedule
from shared.errors import TransientError
from shared.persistence.database import Database, Transaction
from tests.messaging.stage import SERVICE, Stage, applied
from tests.waiting import until

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=3)
SOON = timedelta(seconds=20)


async def ring(transaction: Transaction, key: str, at: datetime) -> None:
    await write(transaction, key, "rang")


async def write(transaction: Transaction, key: str, what: str) -> None:
    await transaction.execute(
        "insert into applied (tenant_id, event_id, subject) values ($1, $2, $3)", transaction.tenant_id, key, what
    )


def a_loop(database: Database, *, at: datetime = NOON, work: DueWork = ring) -> DueLoop:
    return DueLoop(database, FixedClock(at), service=SERVICE, work={"ring": work})


async def plan(database: Database, keys: Iterable[str], *, tenant: str = "acme", due_at: datetime = NOON) -> None:
    async with database.transaction(tenant) as transaction:
        for key in keys:
            await schedule(transaction, kind="ring", key=key, due_at=due_at)


async def planned(tables: Stage) -> list[tuple[str, datetime, int]]:
    """`(key, due at, attempts)` of what is still to be done."""
    connection = await asyncpg.connect(tables.admin_dsn)
    try:
        rows = await connection.fetch("select key, due_at, attempts from due_work order by key")
    finally:
        await connection.close()
    return [(row["key"], row["due_at"], row["attempts"]) for row in rows]


async def test_work_is_done_at_its_time_in_its_tenant_and_not_before(databases: list[Database], tables: Stage) -> None:
    await plan(databases[0], ["a"], tenant="acme")
    await plan(databases[0], ["a"], tenant="globex", due_at=NOON + timedelta(microseconds=1))

    assert await a_loop(databases[0], at=NOON - timedelta(microseconds=1)).sweep(NOON - timedelta(microseconds=1)) == 0
    assert await a_loop(databases[0]).sweep(NOON) == 1

    assert await applied(tables) == [("acme", "a")]
    assert [key for key, *_ in await planned(tables)] == ["a"]


async def test_what_was_missed_while_nobody_looked_is_done_once_and_in_the_order_of_its_times(
    databases: list[Database], tables: Stage
) -> None:
    for number in range(30):
        await plan(databases[0], [f"k{number:02}"], due_at=LATER - timedelta(hours=number))
    loop = a_loop(databases[0])

    counts = [await loop.sweep(LATER) for _ in range(2)]

    assert counts == [30, 0]
    assert [key for _, key in await applied(tables)] == [f"k{number:02}" for number in reversed(range(30))]


async def test_two_loops_at_once_do_each_work_once(databases: list[Database], tables: Stage) -> None:
    keys = [f"k{number}" for number in range(5 * BATCH)]
    await plan(databases[0], keys)
    loops = [asyncio.create_task(a_loop(database).run()) for database in databases]

    async def nothing_is_left() -> bool:
        return await planned(tables) == []

    await until(nothing_is_left, within=SOON, what="all work is done")
    for loop in loops:
        loop.cancel()
    await asyncio.wait(loops)

    assert Counter(await applied(tables)) == {("acme", key): 1 for key in keys}


async def test_a_loop_passes_over_what_another_one_is_at(databases: list[Database], tables: Stage) -> None:
    await plan(databases[0], ["slow"], due_at=NOON - timedelta(hours=1))
    reached, goes_on = asyncio.Event(), asyncio.Event()

    async def slowly(transaction: Transaction, key: str, at: datetime) -> None:
        reached.set()
        await goes_on.wait()
        await ring(transaction, key, at)

    first = asyncio.create_task(a_loop(databases[0], work=slowly).sweep(NOON))
    await reached.wait()
    await plan(databases[1], ["quick"])

    assert await asyncio.wait_for(a_loop(databases[1]).sweep(NOON), 5) == 1
    assert await applied(tables) == [("acme", "quick")]
    goes_on.set()
    assert await first == 1
    assert Counter(await applied(tables)) == {("acme", "quick"): 1, ("acme", "slow"): 1}


async def test_a_crash_in_the_middle_undoes_all_of_the_sweep_and_the_next_one_does_it(
    databases: list[Database], tables: Stage
) -> None:
    keys = [f"k{number}" for number in range(10)]
    await plan(databases[0], keys)

    async def die_at_k5(transaction: Transaction, key: str, at: datetime) -> None:
        await ring(transaction, key, at)
        if key == "k5":
            await _terminate(tables, await transaction.fetchval("select pg_backend_pid()"))
            await transaction.execute("select 1")

    with pytest.raises(TransientError):
        await a_loop(databases[0], work=die_at_k5).sweep(NOON)
    assert await applied(tables) == []

    assert await a_loop(databases[1]).sweep(NOON) == 10
    assert Counter(await applied(tables)) == {("acme", key): 1 for key in keys}


async def _terminate(tables: Stage, pid: int) -> None:
    connection = await asyncpg.connect(tables.admin_dsn)
    try:
        await connection.execute("select pg_terminate_backend($1, 5000)", pid)
    finally:
        await connection.close()


async def test_what_is_cancelled_while_it_falls_due_is_either_done_or_cancelled_never_both_or_neither(
    databases: list[Database], tables: Stage
) -> None:
    keys = [f"k{number:03}" for number in range(4 * BATCH)]
    await plan(databases[0], keys)

    async def withdraw(key: str) -> None:
        async with databases[1].transaction("acme") as transaction:
            if await cancel(transaction, kind="ring", key=key):
                await write(transaction, key, "cancelled")

    async def one_by_one() -> None:
        for key in reversed(keys):
            await withdraw(key)

    loop = asyncio.create_task(a_loop(databases[0], work=_slowly).run())
    await one_by_one()
    loop.cancel()
    await asyncio.wait([loop])

    outcomes = await _outcomes(tables)
    assert sorted(key for key, _ in outcomes) == sorted(keys)
    assert {what for _, what in outcomes} == {"rang", "cancelled"}
    assert await planned(tables) == []


async def _slowly(transaction: Transaction, key: str, at: datetime) -> None:
    await asyncio.sleep(0.002)
    await ring(transaction, key, at)


async def _outcomes(tables: Stage) -> list[tuple[str, str]]:
    connection = await asyncpg.connect(tables.admin_dsn)
    try:
        rows = await connection.fetch("select event_id, subject from applied")
    finally:
        await connection.close()
    return [(row["event_id"], row["subject"]) for row in rows]


async def test_work_that_fails_is_put_off_and_holds_up_no_other(databases: list[Database], tables: Stage) -> None:
    await plan(databases[0], ["bad", "good"])

    async def work(transaction: Transaction, key: str, at: datetime) -> None:
        await ring(transaction, key, at)
        if key == "bad":
            raise ZeroDivisionError

    loop = a_loop(databases[0], work=work)
    counts = [await loop.sweep(NOON) for _ in range(2)]

    assert counts == [2, 0]
    assert await applied(tables) == [("acme", "good")]
    ((key, due_at, attempts),) = await planned(tables)
    assert (key, attempts) == ("bad", 1)
    assert due_at > NOON


async def test_work_that_is_planned_anew_takes_its_new_time(databases: list[Database], tables: Stage) -> None:
    await plan(databases[0], ["a"])
    await plan(databases[0], ["a"], due_at=LATER)

    assert await a_loop(databases[0]).sweep(NOON) == 0
    assert await a_loop(databases[0]).sweep(LATER) == 1
    assert await applied(tables) == [("acme", "a")]
