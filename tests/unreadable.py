"""Messages that aiokafka itself cannot read: Kafka takes any bytes for a header's name."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from typing_extensions import override


class _AnyBytes(str):
    """A header name that is written as bytes which are not UTF-8, as other clients may send it."""

    __slots__ = ()

    @override
    def encode(self, *_: Any, **__: Any) -> bytes:
        return b"\xff\xfe"


async def put_unreadable(kafka: str, topic: str, *, count: int) -> None:
    """Put messages with such a header name into the partition of the key `k`; only aiokafka's builder in Python can."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        partition = DefaultPartitioner()(b"k", sorted(await producer.partitions_for(topic)), [])
        batch = producer.create_batch()
        batch._builder = _DefaultRecordBatchBuilderPy(2, 0, 0, -1, -1, 0, 100_000)
        for _ in range(count):
            assert batch.append(timestamp=1, key=b"k", value=b"{}", headers=[(_AnyBytes("xx"), b"1")]) is not None
        await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()
