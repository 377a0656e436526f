"""What was buried: list it, look at it, send it again; after this, nobody reads a dead-letter topic by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from nuxari_events.topics import DEAD_LETTER_SUFFIX, TOPICS, Topic

from shared.messaging.careful import CarefulConsumer

_EPITAPH = ("dlq-code", "dlq-consumer", "dlq-topic", "dlq-partition", "dlq-offset")
_REPLAYED = "dlq-replayed"
"""Header of a note, in the dead-letter topic itself, that names the offset of a letter that was sent again."""

_LONGEST_NUMBER = 20
"""Digits; an offset has 64 bits."""


@dataclass(frozen=True, kw_only=True)
class DeadLetter:
    """One buried message: why, by whom, where it came from, and its bytes as they were."""

    topic: str
    """Where it was published first."""
    letter: int
    """Its offset in the dead-letter topic: the number that `dlq show` and `dlq replay` take."""
    code: str
    consumer: str
    partition: int
    offset: int
    buried_at: datetime
    replayed: bool
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    """Its own, without what burying added."""


async def read(bootstrap_servers: str, *, topics: Sequence[Topic] = TOPICS) -> list[DeadLetter]:
    """Return every dead letter of the topics, oldest first, including those that were replayed.

    What somebody else put there and nobody can read is stepped over.
    """
    consumer = CarefulConsumer(
        bootstrap_servers=bootstrap_servers, enable_auto_commit=False, group_id=None, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        records = [record for topic in topics for record in await _whole(consumer, topic.dead_letter)]
    finally:
        await consumer.stop()
    replayed = {(r.topic, _number(r, _REPLAYED)) for r in records if _header(r, _REPLAYED) is not None}
    letters = [_letter(record, replayed) for record in records if _header(record, _REPLAYED) is None]
    return sorted(letters, key=lambda letter: letter.buried_at)


async def replay(bootstrap_servers: str, letters: Sequence[DeadLetter]) -> None:
    """Send the letters to their topics again, with their bytes, keys and headers, and note that it was done.

    Consumers that had applied one recognise it by its id; the one that buried it tries again.
    """
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap_servers, enable_idempotence=True, acks="all")
    await producer.start()
    try:
        for letter in letters:
            await producer.send_and_wait(letter.topic, key=letter.key, value=letter.value, headers=list(letter.headers))
            note = [(_REPLAYED, str(letter.letter).encode())]
            await producer.send_and_wait(letter.topic + DEAD_LETTER_SUFFIX, value=b"", headers=note)
    finally:
        await producer.stop()


async def _whole(consumer: AIOKafkaConsumer, topic: str) -> list[ConsumerRecord[Any, Any]]:
    """Read the topic's one partition from its first record to what is its last one now."""
    partition = TopicPartition(topic, 0)
    consumer.assign([partition])
    end = (await consumer.end_offsets([partition]))[partition]
    records: list[ConsumerRecord[Any, Any]] = []
    while await consumer.position(partition) < end:
        batch = await consumer.getmany(timeout_ms=1000)
        records.extend(batch.get(partition, ()))
    return records


def _letter(record: ConsumerRecord[Any, Any], replayed: set[tuple[str, int]]) -> DeadLetter:
    return DeadLetter(
        topic=record.topic.removesuffix(DEAD_LETTER_SUFFIX),
        letter=record.offset,
        code=_header(record, "dlq-code") or "unknown",
        consumer=_header(record, "dlq-consumer") or "unknown",
        partition=_number(record, "dlq-partition"),
        offset=_number(record, "dlq-offset"),
        buried_at=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        replayed=(record.topic, record.offset) in replayed,
        key=record.key,
        value=record.value,
        headers=tuple(header for header in record.headers if header[0] not in _EPITAPH),
    )


def _number(record: ConsumerRecord[Any, Any], name: str) -> int:
    """Return the number in a header, -1 if there is none: the letter may not be one of ours."""
    text = _header(record, name) or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < _LONGEST_NUMBER else -1


def _header(record: ConsumerRecord[Any, Any], name: str) -> str | None:
    """Return the last header of that name: a sender may have put one of the same name before ours."""
    values = [value for key, value in record.headers if key == name]
    return values[-1].decode(errors="replace") if values else None
