"""Token watermarks from Kafka into memory: a token that identity voided stops working here within milliseconds."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from faststream.kafka import KafkaBroker
from nuxari_events.identity import TokensRevoked
from nuxari_events.topics import TOKEN_WATERMARKS
from nuxari_events.wire import MalformedEventError, decode

from shared.access.tokens import Watermarks
from shared.messaging.subscription import Record, Subscription
from shared.telemetry import metrics

_log = structlog.get_logger(__name__)


def follow_watermarks(broker: KafkaBroker, watermarks: Watermarks, *, service: str) -> Subscription:
    """Read the whole compacted topic into memory and go on reading; every process has all of it.

    The service is not ready until `lag()` was 0 once: before that, a voided token could look valid.
    """

    async def take(records: Sequence[Record]) -> None:
        for record in records:
            _note(record, watermarks, service)

    return Subscription(
        broker, topics=[TOKEN_WATERMARKS], group=None, name=f"{service}-watermarks", take=take, max_records=5000
    )


def _note(record: Record, watermarks: Watermarks, service: str) -> None:
    """Take one watermark in; one that cannot be read is said loudly: there is no telling whose token it voids."""
    try:
        event = decode(TOKEN_WATERMARKS, value=record.value, headers=record.headers or ())
    except MalformedEventError as error:
        metrics.UNKNOWN.labels(service, record.topic).inc()
        _log.error("unreadable token watermark", at=f"{record.partition}/{record.offset}", why=error.code)
        return
    if isinstance(event, TokensRevoked):
        watermarks.note(event)
