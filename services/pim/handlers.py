"""Kafka in: identity's events, applied in batches, each once."""

from __future__ import annotations

from faststream.kafka import KafkaBroker
from nuxari_events.envelope import Event
from nuxari_events.topics import IDENTITY_LIFECYCLE

from services.pim.service import people
from shared.clock import Clock
from shared.messaging.subscription import Subscription
from shared.messaging.transactional import subscribe
from shared.persistence.database import Database, Transaction

CONSUMER = "pim"
"""Name of the consumer group, of the inbox's rows and of the dead letters' header."""


def register(broker: KafkaBroker, *, database: Database, clock: Clock) -> Subscription:
    """Subscribe to `identity.lifecycle`."""

    async def apply(transaction: Transaction, event: Event) -> None:
        await people.learn(transaction, event, at=clock.now())

    return subscribe(broker, topics=[IDENTITY_LIFECYCLE], consumer=CONSUMER, database=database, apply=apply)
