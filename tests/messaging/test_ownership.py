"""Whoever keeps state for partitions says where reading begins, and is given nothing from elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping, Sequence
from datetime import timedelta

from aiokafka import TopicPartition

from shared.messaging.broker import make_broker
from shared.messaging.subscription import Record, Subscription
from tests.messaging.conftest import Members
from tests.messaging.stage import Stage, a_sign_in, publish
from tests.waiting import until

SOON = timedelta(seconds=20)
LONG_ENOUGH_TO_READ_ON = timedelta(seconds=2)


class SlowOwner:
    """Takes its time to restore nothing, and begins at the beginning; keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self._was_given_something = asyncio.Event()

    async def take(self, records: Sequence[Record]) -> None:
        self.taken += [json.loads(record.value or b"")["id"] for record in records]
        self._was_given_something.set()

    async def assigned(self, partitions: set[TopicPartition]) -> Mapping[TopicPartition, int]:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._was_given_something.wait(), LONG_ENOUGH_TO_READ_ON.total_seconds())
        return dict.fromkeys(partitions, 0)

    async def revoked(self, partitions: set[TopicPartition]) -> None:
        del partitions  # it keeps nothing


async def test_nothing_is_taken_while_the_state_of_a_partition_is_restored(stage: Stage, members: Members) -> None:
    before, after = [a_sign_in() for _ in range(5)], [a_sign_in() for _ in range(5)]
    await publish(stage, before)
    async with members.joined() as former:
        await until(lambda: former.lag() == 0, within=SOON, what="Kafka's offsets stand behind the first events")
    await publish(stage, after)
    owner = SlowOwner()
    broker = make_broker(stage.bootstrap_servers, client_id="owner")
    Subscription(broker, topics=[stage.topic], group=stage.group, name="owner", take=owner.take, owner=owner)

    await broker.start()
    try:
        await until(lambda: after[-1].id in owner.taken, within=SOON, what="the last event is taken")
    finally:
        await broker.stop()

    assert owner.taken == [event.id for event in before + after]
