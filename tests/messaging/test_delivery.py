"""Delivery on the real broker and database: nothing lost, nothing applied twice, shown by counting."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from nuxari_events.envelope import Event

from shared.messaging import dead_letters
from shared.messaging.reliability import BUGS_IN_A_ROW
from shared.persistence.database import Transaction
from tests.messaging.conftest import Members
from tests.messaging.proxy import Proxy
from tests.messaging.stage import Stage, a_sign_in, applied, note, publish
from tests.unreadable import put_unreadable
from tests.waiting import until

SOON = timedelta(seconds=20)


async def _all_applied(stage: Stage, events: list[Event]) -> None:
    """Wait until each event is there, then see that each is there once."""
    wanted = Counter((event.tenantid, event.id) for event in events)

    async def arrived() -> bool:
        return set(wanted) <= set(await applied(stage))

    await until(arrived, within=SOON, what=f"{len(events)} events applied")
    assert Counter(await applied(stage)) == wanted


async def _letters(stage: Stage, count: int) -> list[dead_letters.DeadLetter]:
    async def written() -> bool:
        return len(await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic])) >= count

    await until(written, within=SOON, what=f"{count} dead letters")
    return await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic])


@asynccontextmanager
async def _child(stage: Stage, **environment: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A member in a process of its own, killed at the end if it is still there."""
    process = await asyncio.create_subprocess_exec(
        *stage.member_command(), env=stage.environment() | environment, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 30) == b"started\n"
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_duplicate_is_applied_once_within_a_batch_and_across_batches(stage: Stage, members: Members) -> None:
    events = [a_sign_in() for _ in range(50)]
    await publish(stage, events + events)
    await members.join()
    await _all_applied(stage, events)
    last = a_sign_in()
    await publish(stage, [*events, last])
    await _all_applied(stage, [*events, last])


async def test_events_of_one_key_are_applied_in_order(stage: Stage, members: Members) -> None:
    events = [a_sign_in(tenant=tenant) for _ in range(300) for tenant in ("t1", "t2", "t3")]
    await members.join()
    await publish(stage, events)
    await _all_applied(stage, events)
    done = await applied(stage)
    for tenant in ("t1", "t2", "t3"):
        assert [i for t, i in done if t == tenant] == [e.id for e in events if e.tenantid == tenant]


async def test_poison_in_the_middle_of_a_batch_is_buried_and_the_others_go_through(
    stage: Stage, members: Members
) -> None:
    good = [a_sign_in() for _ in range(40)]
    poison, bug = a_sign_in(user="poison"), a_sign_in(user="bug")
    raw = [(b"acme", b"{broken"), (b"acme", None), (b"acme", b"\xff\xfe"), (None, b"[]")]
    await publish(stage, [*good[:20], poison, *raw, bug, *good[20:]])
    await members.join()
    await _all_applied(stage, good)
    letters = await _letters(stage, 6)
    codes = Counter(letter.code for letter in letters)
    assert codes == {"poison": 1, "bug": 1, "not-json": 2, "tombstone": 1, "invalid-event": 1}
    assert b"secret that must not leave" not in repr(letters).encode()
    assert {letter.value for letter in letters if letter.code == "poison"} == {
        poison.model_dump_json(exclude_none=True).encode()
    }


async def test_a_replayed_dead_letter_is_applied_once_its_cause_is_gone(stage: Stage, members: Members) -> None:
    broken = True

    async def mended_later(transaction: Transaction, event: Event) -> None:
        if broken:
            raise ZeroDivisionError
        await note(transaction, event)

    event = a_sign_in()
    await members.join(apply=mended_later)
    await publish(stage, [event])
    letters = await _letters(stage, 1)
    broken = False
    await dead_letters.replay(stage.bootstrap_servers, letters)
    await _all_applied(stage, [event])
    assert [letter.replayed for letter in await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic])] == [
        True
    ]


@pytest.mark.parametrize("compression", ["gzip", "snappy", "lz4", "zstd"])
async def test_what_others_compress_is_read(stage: Stage, members: Members, compression: str) -> None:
    events = [a_sign_in() for _ in range(50)]
    await members.join()
    await publish(stage, events, compression=compression)
    await _all_applied(stage, events)


async def test_messages_that_the_client_cannot_read_are_stepped_over_and_nothing_else_is_lost(
    stage: Stage, members: Members
) -> None:
    events = [a_sign_in(tenant="k") for _ in range(30)]
    await publish(stage, events[:10])
    await put_unreadable(stage.bootstrap_servers, stage.topic_name, count=1)
    await publish(stage, events[10:20])
    await members.join()
    await _all_applied(stage, events[:20])
    await put_unreadable(stage.bootstrap_servers, stage.topic_name, count=3)
    await publish(stage, events[20:])
    await _all_applied(stage, events)


async def test_an_unknown_type_is_skipped_and_not_buried(stage: Stage, members: Members) -> None:
    future = a_sign_in().model_dump_json().replace("sign_in_completed.v1", "sign_in_completed.v9").encode()
    event = a_sign_in()
    await publish(stage, [(b"acme", future), event])
    await members.join()
    await _all_applied(stage, [event])
    assert await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic]) == []


async def test_too_many_bugs_in_a_row_stop_the_consumer_and_nothing_is_lost(stage: Stage, members: Members) -> None:
    events = [a_sign_in() for _ in range(BUGS_IN_A_ROW + 30)]

    async def broken(transaction: Transaction, event: Event) -> None:
        raise ZeroDivisionError

    async with members.joined(apply=broken) as subscription:
        await publish(stage, events)
        await until(lambda: subscription.halted, within=SOON, what="the consumer halted")
    buried = await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic])
    assert len(buried) == BUGS_IN_A_ROW
    await members.join()
    await dead_letters.replay(stage.bootstrap_servers, buried)
    await _all_applied(stage, events)


async def test_a_database_that_is_away_is_waited_for(stage: Stage, members: Members) -> None:
    async with Proxy.before(stage.dsn) as proxy:
        events = [a_sign_in() for _ in range(200)]
        subscription = await members.join(dsn=proxy.dsn)
        await publish(stage, events[:100])
        await _all_applied(stage, events[:100])
        await proxy.cut()
        await publish(stage, events[100:])
        await until(lambda: subscription.failing, within=SOON, what="the consumer notices")
        await proxy.mend()
        await _all_applied(stage, events)
    assert await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic]) == []


async def test_a_consumer_killed_between_database_commit_and_offset_commit_applies_nothing_twice(
    stage: Stage, members: Members
) -> None:
    events = [a_sign_in() for _ in range(100)]
    await publish(stage, events)
    async with _child(stage, CRASH="before-commit") as process:
        assert await asyncio.wait_for(process.wait(), 30) == 9
    assert await applied(stage) != []
    await members.join()
    await _all_applied(stage, events)


async def test_a_killed_member_loses_nothing_and_the_other_takes_over(stage: Stage, members: Members) -> None:
    events = [a_sign_in(tenant=f"t{n % 12}") for n in range(600)]
    survivor = await members.join()
    async with _child(stage) as process:
        await until(
            lambda: survivor.consumer is not None and 0 < len(survivor.consumer.assignment()) < 6,
            within=SOON,
            what="partitions are shared by two members",
        )
        await publish(stage, events[:300])
        os.kill(process.pid, signal.SIGKILL)
        await publish(stage, events[300:])
    await until(
        lambda: survivor.consumer is not None and len(survivor.consumer.assignment()) == 6,
        within=timedelta(seconds=40),
        what="the survivor has every partition",
    )
    await _all_applied(stage, events)


async def test_a_graceful_stop_finishes_the_batch_in_hand(stage: Stage, members: Members) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(transaction: Transaction, event: Event) -> None:
        reached.set()
        await go_on.wait()
        await note(transaction, event)

    event = a_sign_in()
    await publish(stage, [event])
    async with asyncio.TaskGroup() as tasks, members.joined(apply=slow):
        await reached.wait()
        tasks.create_task(_after_a_moment(go_on))
    assert await applied(stage) == [("acme", event.id)]
    later = a_sign_in()
    await publish(stage, [later])
    await members.join()
    await _all_applied(stage, [event, later])


async def _after_a_moment(event: asyncio.Event) -> None:
    """Let the stop begin first."""
    for _ in range(10):
        await asyncio.sleep(0.02)
    event.set()


@pytest.mark.parametrize("count", [1, 2000])
async def test_a_burst_is_applied_in_full(stage: Stage, members: Members, count: int) -> None:
    events = [a_sign_in(tenant=f"t{n % 7}") for n in range(count)]
    await members.join()
    await publish(stage, events)
    await _all_applied(stage, events)
