"""Kafka in: pim's events, carried out in batches, each once."""

from __future__ import annotations

from faststream.kafka import KafkaBroker
from nuxari_events.envelope import Event
from nuxari_events.topics import PIM_LIFECYCLE

from services.identity.service import roles
from shared.clock import Clock
from shared.messaging.subscription import Subscription
from shared.messaging.transactional import subscribe
from shared.persistence.database import Database, Transaction

CONSUMER = "identity"
"""Name of the consumer group, of the inbox's rows and of the dead letters' header."""


def register(broker: KafkaBroker, *, database: Database, clock: Clock) -> Subscription:
    """Subscribe to `pim.lifecycle`."""

    async def apply(transaction: Transaction, event: Event) -> None:
        await roles.follow(transaction, event, at=clock.now())

    return subscribe(broker, topics=[PIM_LIFECYCLE], consumer=CONSUMER, database=database, apply=apply)
