"""The audit log keeps what was decided, in order, and shows whatever is done to it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import asyncpg
import pytest

from shared import audit
from shared.persistence.audit_log import GENESIS
from shared.persistence.database import Transaction
from tests.persistence.audited import NOON, Log, a_log, entered

ORDERS = list(permutations(["acme", "beta", "other"], 2))


@pytest.fixture
async def log(postgres: str, fresh_database: str) -> AsyncIterator[Log]:
    async with a_log(postgres, fresh_database) as log:
        yield log


async def test_an_entry_says_who_did_what_when_from_where_under_which_policy_and_why(log: Log) -> None:
    facts: dict[str, Any] = {
        "at": NOON,
        "actor_id": "ada",
        "action": "pim.activation.activate",
        "target": "a-1",
        "detail": {"user_id": "ada", "duration": timedelta(hours=1)},
        "outcome": "mfa-required",
        "reason": "mend the nightly export",
        "policy": {"version": 3, "digest": "ab" * 32},
        "ip": "192.0.2.7",
        "session_id": "s-1",
        "correlation_id": "r-1",
    }
    async with log.database.transaction("acme") as transaction:
        await audit.record(transaction, **facts)

    (entry,) = await log.entries()
    assert {name: getattr(entry, name) for name in facts} == facts | {"detail": {"user_id": "ada", "duration": 3600}}
    assert (entry.tenant_id, entry.sequence, entry.previous_hash, entry.hash) == ("acme", 1, GENESIS, entry.digest())


async def test_each_entry_holds_the_hash_of_the_one_before_it(log: Log) -> None:
    await log.has("a-1", "a-2", "a-3")

    first, second, third = await log.entries()
    assert (second.previous_hash, third.previous_hash) == (first.hash, second.hash)
    assert len({first.hash, second.hash, third.hash}) == 3
    found = await log.verdict()
    assert (found.entries, found.broken_at, found.complete) == (3, None, True)
    assert found.last == audit.Link(3, third.hash)


async def test_an_empty_log_is_whole(log: Log) -> None:
    found = await log.verdict()

    assert (found.entries, found.broken_at, found.last) == (0, None, audit.START)


async def test_an_entry_without_a_tenant_is_a_mistake_of_ours(log: Log) -> None:
    async with log.database.transaction() as transaction:
        with pytest.raises(ValueError, match="tenant"):
            await entered(transaction)


@pytest.mark.parametrize("wrong", [{"at": datetime(2026, 3, 2)}, {"detail": {"since": datetime(2026, 3, 2)}}])  # noqa: DTZ001
async def test_a_time_without_an_offset_is_a_mistake_of_ours(log: Log, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="offset"):
        async with log.database.transaction("acme") as transaction:
            await entered(transaction, **wrong)
    assert await log.entries() == []


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_event set outcome = 'done'",
        "delete from audit_event",
        "truncate audit_event",
        "drop table audit_event",
    ],
)
async def test_the_services_login_may_not_change_or_remove_an_entry(log: Log, statement: str) -> None:
    await log.has("a-1")

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with log.database.transaction("acme") as transaction:
            await transaction.execute(statement)
    assert await log.targets() == ["a-1"]


@pytest.mark.parametrize(
    "statement",
    ["update audit_event set outcome = 'done'", "delete from audit_event", "truncate audit_event"],
)
async def test_the_owner_of_the_table_may_not_either(log: Log, statement: str) -> None:
    await log.has("a-1")
    owner = await asyncpg.connect(log.owner_dsn)
    try:
        await owner.execute("select set_config('nuxari.tenant', 'acme', false)")
        with pytest.raises(asyncpg.RaiseError, match="only appended to"):
            await owner.execute(statement)
    finally:
        await owner.close()
    assert await log.targets() == ["a-1"]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "at + interval '1 microsecond'"),
        ("at", "'infinity'"),
        ("actor_id", "'mallory'"),
        ("actor_id", "null"),
        ("action", "'pim.activation.revoke'"),
        ("target", "'a-9'"),
        ("outcome", "'mfa-required'"),
        ("detail", 'detail || \'{"role": "client_owner"}\''),
        ("detail", "'{\"number\": 123456789012345678901234567890}'"),
        ("reason", "'because'"),
        ("policy", "'{\"version\": 1}'"),
        ("ip", "'192.0.2.9'"),
        ("session_id", "'s-9'"),
        ("correlation_id", "'r-9'"),
        ("previous_hash", "sha256('x')"),
        ("hash", "sha256('x')"),
    ],
)
async def test_a_changed_entry_shows_where(log: Log, column: str, value: str) -> None:
    await log.has("a-1", "a-2", "a-3", "a-4")

    await log.tampered(f"update audit_event set {column} = {value} where sequence = 3")  # noqa: S608 - a constant

    found = await log.verdict()
    assert (found.entries, found.broken_at, found.complete) == (2, 3, True)


@pytest.mark.parametrize("missing", [1, 2, 3])
async def test_a_missing_entry_shows_where(log: Log, missing: int) -> None:
    await log.has("a-1", "a-2", "a-3", "a-4")

    await log.tampered(f"delete from audit_event where sequence = {missing}")  # noqa: S608 - a number

    assert (await log.verdict()).broken_at == missing


async def test_a_missing_entry_whose_followers_moved_up_shows_where(log: Log) -> None:
    await log.has("a-1", "a-2", "a-3", "a-4")

    await log.tampered(
        "delete from audit_event where sequence = 2",
        "update audit_event set sequence = 2 where sequence = 3",
        "update audit_event set sequence = 3 where sequence = 4",
    )

    assert (await log.verdict()).broken_at == 2


async def test_two_entries_that_changed_places_show_where(log: Log) -> None:
    await log.has("a-1", "a-2", "a-3", "a-4")

    await log.tampered(
        "update audit_event set sequence = 99 where sequence = 2",
        "update audit_event set sequence = 2 where sequence = 3",
        "update audit_event set sequence = 3 where sequence = 99",
    )

    assert (await log.verdict()).broken_at == 2


async def test_an_entry_that_was_slipped_in_shows_where(log: Log) -> None:
    await log.has("a-1", "a-2", "a-3")

    await log.tampered(
        "update audit_event set sequence = 4 where sequence = 3",
        "insert into audit_event (tenant_id, sequence, at, action, target, outcome, detail, previous_hash, hash)"
        " select tenant_id, 3, at, action, 'a-9', outcome, detail, hash, hash from audit_event where sequence = 2",
    )

    assert (await log.verdict()).broken_at == 3


async def test_an_end_that_was_cut_off_shows_beside_the_head_that_was_noted(log: Log) -> None:
    await log.has("a-1", "a-2", "a-3")
    noted = (await log.verdict()).last

    await log.tampered("delete from audit_event where sequence = 3")

    found = await log.verdict()
    assert found.broken_at is None
    assert found.last != noted
    assert found.entries < noted.sequence


async def test_an_entry_of_another_tenant_does_not_fit(log: Log) -> None:
    await log.has("a-1", "a-2")
    await log.has("o-1", "o-2", tenant="other")

    await log.tampered(
        "delete from audit_event where tenant_id = 'acme' and sequence = 2",
        "update audit_event set tenant_id = 'acme' where tenant_id = 'other' and sequence = 2",
    )

    assert (await log.verdict()).broken_at == 2


async def test_a_long_log_is_checked_part_by_part(log: Log) -> None:
    async with log.database.transaction("acme") as transaction:
        for n in range(450):
            await entered(transaction, f"a-{n}")

    part = await log.verdict(at_most=250)
    rest = await log.verdict(after=part.last, at_most=250)
    whole = await log.verdict()

    assert (part.entries, part.complete, rest.entries, rest.complete) == (250, False, 200, True)
    assert rest.last == whole.last


async def test_a_gap_as_long_as_a_part_shows(log: Log) -> None:
    await log.has(*(f"a-{n}" for n in range(6)))
    part = await log.verdict(at_most=2)

    await log.tampered("delete from audit_event where sequence in (3, 4)")

    assert (await log.verdict(after=part.last, at_most=2)).broken_at == 3


async def test_a_part_that_does_not_continue_what_was_checked_before_shows(log: Log) -> None:
    await log.has("a-1", "a-2", "a-3")

    assert (await log.verdict(after=audit.Link(1, b"x" * 32))).broken_at == 2


async def undone(scope: AbstractAsyncContextManager[Any], act: Callable[[Any], Awaitable[None]]) -> None:
    """Act in a transaction or under a savepoint, and fail then."""
    async with scope as entered_scope:
        await act(entered_scope)
        raise RuntimeError


async def inside(transaction: Transaction, target: str) -> None:
    async with transaction.savepoint():
        await entered(transaction, target)


async def test_what_is_rolled_back_is_not_entered(log: Log) -> None:
    await log.has("a-1")
    with pytest.raises(RuntimeError):
        await undone(log.database.transaction("acme"), lambda transaction: entered(transaction, "undone"))
    await log.has("a-2")

    assert await log.targets() == ["a-1", "a-2"]
    assert (await log.verdict()).broken_at is None


async def test_what_a_savepoint_undid_is_not_entered(log: Log) -> None:
    async with log.database.transaction("acme") as transaction:
        await entered(transaction, "before")
        with pytest.raises(RuntimeError):
            await undone(transaction.savepoint(), lambda _: entered(transaction, "undone"))
        async with transaction.savepoint():
            await entered(transaction, "inside")
        await entered(transaction, "after")

    assert await log.targets() == ["before", "inside", "after"]
    assert [entry.sequence for entry in await log.entries()] == [1, 2, 3]


async def test_a_savepoint_inside_one_that_is_undone_goes_with_it(log: Log) -> None:
    async with log.database.transaction("acme") as transaction:
        with pytest.raises(RuntimeError):
            await undone(transaction.savepoint(), lambda _: inside(transaction, "inner"))
        await entered(transaction, "after")

    assert await log.targets() == ["after"]


async def test_a_transaction_about_several_tenants_enters_in_the_log_of_each(log: Log) -> None:
    async with log.database.transaction("acme") as transaction:
        await entered(transaction, "a-1")
        await transaction.enter("other")
        await entered(transaction, "o-1")
        await transaction.enter("acme")
        await entered(transaction, "a-2")

    assert await log.targets() == ["a-1", "a-2"]
    assert await log.targets(tenant="other") == ["o-1"]


async def test_what_is_written_after_the_entries_is_still_fenced_by_the_tenant_that_was_entered(log: Log) -> None:
    async with log.database.transaction("acme") as transaction:
        await entered(transaction, "a-1")
        await transaction.enter("zeta")
        await entered(transaction, "z-1")
        await transaction.enter("acme")
        await transaction.flush()
        assert await transaction.fetchval("select current_setting('nuxari.tenant')") == "acme"


async def test_transactions_of_one_tenant_at_once_make_one_chain(log: Log) -> None:
    async def decide(n: int) -> None:
        async with log.database.transaction("acme") as transaction:
            for part in range(n % 3 + 1):
                await entered(transaction, f"a-{n}-{part}")
                await asyncio.sleep(0)

    await asyncio.gather(*(decide(n) for n in range(60)))

    entries = await log.entries()
    assert [entry.sequence for entry in entries] == list(range(1, 121))
    assert (await log.verdict()).broken_at is None
    for n in range(60):
        own = [entry.target for entry in entries if entry.target.startswith(f"a-{n}-")]
        assert own == [f"a-{n}-{part}" for part in range(n % 3 + 1)]


async def test_transactions_about_two_tenants_in_either_order_wait_for_each_other_and_never_for_ever(log: Log) -> None:
    async def decide(n: int) -> None:
        async with log.database.transaction() as transaction:
            for tenant in ORDERS[n % len(ORDERS)]:
                await transaction.enter(tenant)
                await entered(transaction, f"{tenant}-{n}")
                await asyncio.sleep(0)

    await asyncio.wait_for(asyncio.gather(*(decide(n) for n in range(90))), timeout=30)

    logs = {tenant: await log.entries(tenant=tenant) for tenant in ("acme", "beta", "other")}
    assert sum(map(len, logs.values())) == 180
    for tenant, entries in logs.items():
        assert [entry.sequence for entry in entries] == list(range(1, len(entries) + 1))
        assert (await log.verdict(tenant=tenant)).broken_at is None


async def test_a_transaction_that_gives_up_at_commit_leaves_no_gap(log: Log) -> None:
    async def decide(n: int) -> None:
        async with log.database.transaction("acme") as transaction:
            await entered(transaction, f"a-{n}")
            await transaction.flush()
            if n % 2:
                raise RuntimeError

    results = await asyncio.gather(*(decide(n) for n in range(40)), return_exceptions=True)

    assert sum(isinstance(result, RuntimeError) for result in results) == 20
    assert [entry.sequence for entry in await log.entries()] == list(range(1, 21))
    assert (await log.verdict()).broken_at is None


async def test_a_tenant_sees_its_own_log_alone(log: Log) -> None:
    await log.has("a-1", "a-2")
    await log.has("o-1", tenant="other")

    assert await log.targets() == ["a-1", "a-2"]
    assert await log.targets(tenant="other") == ["o-1"]
    assert (await log.verdict(tenant="other")).entries == 1


async def test_the_database_itself_shows_a_tenant_only_its_own_entries(log: Log) -> None:
    await log.has("a-1")
    await log.has("o-1", tenant="other")
    service = await asyncpg.connect(log.service_dsn)
    try:
        assert await service.fetch("select 1 from audit_event") == []
        async with service.transaction():
            await service.execute("select set_config('nuxari.tenant', 'other', true)")
            seen = [row["target"] for row in await service.fetch("select target from audit_event")]
    finally:
        await service.close()

    assert seen == ["o-1"]


async def test_an_entry_for_another_tenant_cannot_be_written(log: Log) -> None:
    await log.has("a-1")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with log.database.transaction("other") as transaction:
            await transaction.execute(
                "insert into audit_event (tenant_id, sequence, at, action, target, outcome, detail,"
                " previous_hash, hash) values ('acme', 2, now(), 'x', 'x', 'done', '{}', sha256('x'), sha256('x'))"
            )
    assert await log.targets() == ["a-1"]
