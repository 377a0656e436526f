"""The broker connection with safe settings: after this, nobody weighs acks, auto-creation or log lines again."""

from __future__ import annotations

from faststream.kafka import KafkaBroker

from shared.messaging.careful import consume_carefully
from shared.messaging.closing import close_in_time

GRACE_SECONDS = 6.0
"""How long a stop waits for the batch in hand; a container is given five times that before it is killed."""

RETRY_MS = 300
"""aiokafka asks a broker that is away so often, and each time says in the log that it is."""


def make_broker(bootstrap_servers: str, *, client_id: str) -> KafkaBroker:
    """Return an unconnected broker.

    It writes only dead letters and forwards (announcements leave by the relay), acknowledged by all replicas and
    without duplicates of its own. Topics are provisioned, never created on first use. FastDepends stays out: it
    doubles the cost of a message. `stop` is bounded, whatever is away.
    """
    broker = KafkaBroker(
        bootstrap_servers,
        client_id=client_id,
        allow_auto_create_topics=False,
        acks="all",
        enable_idempotence=True,
        linger_ms=2,
        max_request_size=2 * 1024 * 1024,
        retry_backoff_ms=RETRY_MS,
        apply_types=False,
        logger=None,
        graceful_timeout=GRACE_SECONDS,
    )
    consume_carefully(broker)
    close_in_time(broker)
    return broker
