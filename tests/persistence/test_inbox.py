"""The inbox under contention: whoever claims, and however often, each event is applied once by each consumer."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

import pytest
from nuxari_events.envelope import Event

from shared.persistence.database import Database
from shared.persistence.inbox import claim
from tests.messaging.stage import Stage, a_sign_in, applied, note


async def take(database: Database, events: Sequence[Event], *, consumer: str = "c") -> int:
    """What a member of a group does with a batch; returns how many of it were its own to apply."""
    async with database.transaction() as transaction:
        claimed = await claim(transaction, events, consumer=consumer)
        for event in claimed:
            await transaction.enter(event.tenantid)
            await note(transaction, event)
    return len(claimed)


async def test_of_two_members_that_claim_the_same_events_at_once_one_applies_each(
    databases: list[Database], tables: Stage
) -> None:
    batches = [[a_sign_in(tenant=f"t{n % 5}") for n in range(100)] for _ in range(10)]

    for batch in batches:
        counts = await asyncio.gather(take(databases[0], batch), take(databases[1], batch[::-1]))
        assert sum(counts) == 100

    done = await applied(tables)
    assert Counter(done) == {(event.tenantid, event.id): 1 for batch in batches for event in batch}


async def test_batches_that_overlap_are_claimed_without_a_deadlock_and_each_event_once(
    databases: list[Database], tables: Stage
) -> None:
    events = [a_sign_in() for _ in range(300)]
    windows = [events[start : start + 100] for start in range(0, 201, 20)]

    await asyncio.gather(*(take(databases[n % 2], window[:: (-1) ** n]) for n, window in enumerate(windows)))

    assert Counter(await applied(tables)) == {("acme", event.id): 1 for event in events}


async def test_what_the_first_claimed_and_did_not_commit_is_the_seconds(
    databases: list[Database], tables: Stage
) -> None:
    events = [a_sign_in() for _ in range(20)]
    has_claimed, goes_on = asyncio.Event(), asyncio.Event()

    async def fails() -> None:
        async with databases[0].transaction() as transaction:
            assert len(await claim(transaction, events, consumer="c")) == 20
            has_claimed.set()
            await goes_on.wait()
            raise ZeroDivisionError

    first = asyncio.create_task(fails())
    await has_claimed.wait()
    second = asyncio.create_task(take(databases[1], events))
    _, waiting = await asyncio.wait({second}, timeout=0.2)
    assert waiting == {second}
    goes_on.set()

    with pytest.raises(ZeroDivisionError):
        await first
    assert await second == 20
    assert Counter(await applied(tables)) == {("acme", event.id): 1 for event in events}


async def test_every_consumer_claims_for_itself(databases: list[Database]) -> None:
    events = [a_sign_in() for _ in range(5)]

    counts = [await take(databases[0], events, consumer=name) for name in ("pim", "monitoring", "pim")]

    assert counts == [5, 5, 0]
