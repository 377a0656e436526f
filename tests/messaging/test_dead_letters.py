"""Dead letters are read whatever else lies beside them."""

from __future__ import annotations

from datetime import timedelta

from aiokafka import AIOKafkaProducer

from shared.messaging import dead_letters
from tests.messaging.conftest import Members
from tests.messaging.stage import Stage, a_sign_in, publish
from tests.unreadable import put_unreadable
from tests.waiting import until

SOON = timedelta(seconds=20)


async def _buried(stage: Stage, *, count: int) -> list[dead_letters.DeadLetter]:
    """Publish that many poisoned events and return all letters once they are there."""
    before = len(await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic]))
    await publish(stage, [a_sign_in(user="poison") for _ in range(count)])

    async def are_there() -> bool:
        return len(await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic])) == before + count

    await until(are_there, within=SOON, what=f"{count} more dead letters")
    return await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic])


async def test_what_the_client_cannot_read_among_dead_letters_hides_none_of_them(
    stage: Stage, members: Members
) -> None:
    await members.join()
    await put_unreadable(stage.bootstrap_servers, stage.topic.dead_letter, count=1)
    await _buried(stage, count=3)
    await put_unreadable(stage.bootstrap_servers, stage.topic.dead_letter, count=2)
    await _buried(stage, count=2)
    await put_unreadable(stage.bootstrap_servers, stage.topic.dead_letter, count=1)

    letters = await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic])

    assert [letter.code for letter in letters] == ["poison"] * 5
    assert [letter.letter for letter in letters] == [1, 2, 3, 6, 7]


async def test_a_letter_that_is_not_one_of_ours_is_shown_with_what_it_has(stage: Stage) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=stage.bootstrap_servers)
    await producer.start()
    try:
        for headers in ([("dlq-offset", b"\xff many"), ("dlq-partition", b"-")], [("dlq-replayed", b"all of them")]):
            await producer.send_and_wait(stage.topic.dead_letter, value=b"by hand", headers=headers)
    finally:
        await producer.stop()

    (letter,) = await dead_letters.read(stage.bootstrap_servers, topics=[stage.topic])

    assert (letter.partition, letter.offset, letter.code, letter.value) == (-1, -1, "unknown", b"by hand")
