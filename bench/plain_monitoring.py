"""The other side of `monitoring`: one handler call a message, the contract's own decoding, the same engine."""

from __future__ import annotations

import asyncio
import os
from typing import Any

from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage
from nuxari_events.topics import BY_NAME
from nuxari_events.wire import decode
from prometheus_client import start_http_server

from services.monitoring.domain.engine import Engine
from services.monitoring.domain.model import Fact
from services.monitoring.handlers import TOPICS
from services.monitoring.service.programs import of_pack
from shared.messaging.broker import make_broker
from shared.telemetry import metrics


def serve(broker: KafkaBroker, engine: Engine) -> None:
    """Subscribe as FastStream's own pages show it, but at least once."""

    @broker.subscriber(
        *(topic.name for topic in TOPICS),
        group_id="plain-monitoring",
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        decoder=_fact,
        no_reply=True,
    )
    async def one(fact: Fact) -> None:
        engine.observe(fact)
        engine.settle()
        metrics.CONSUMED.labels("monitoring").inc()


async def _fact(message: KafkaMessage) -> Fact:
    record = message.raw_message
    event: Any = decode(BY_NAME[record.topic], value=message.body, headers=record.headers or ())
    return Fact(
        type=event.type,
        source=event.source,
        id=event.id,
        time_ms=round(event.time.timestamp() * 1000),
        tenant=event.tenantid,
        data=event.data,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        ingested_ms=record.timestamp,
    )


async def main() -> None:
    """Consume until killed."""
    broker = make_broker(os.environ["BENCH_KAFKA"], client_id="plain-monitoring")
    serve(broker, Engine(lambda _: of_pack()))
    start_http_server(int(os.environ["BENCH_PORT"]), addr="127.0.0.1")
    await broker.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
