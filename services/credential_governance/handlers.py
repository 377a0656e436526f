"""Kafka in: identity's events and what sources saw, applied in batches, each once."""

from __future__ import annotations

from faststream.kafka import KafkaBroker
from nuxari_events.credentials import CredentialObserved
from nuxari_events.envelope import Event
from nuxari_events.topics import CREDENTIAL_OBSERVATIONS, IDENTITY_LIFECYCLE

from services.credential_governance.service import credentials, people
from shared.clock import Clock
from shared.messaging.subscription import Subscription
from shared.messaging.transactional import subscribe
from shared.persistence.database import Database, Transaction

CONSUMER = "credential_governance"
"""Name of the consumer group, of the inbox's rows and of the dead letters' header."""


def register(broker: KafkaBroker, *, database: Database, clock: Clock) -> Subscription:
    """Subscribe to both topics at once.

    All of one tenant is then at one member, in batches that wait for one another instead of for each other's locks.
    """

    async def apply(transaction: Transaction, event: Event) -> None:
        if isinstance(event, CredentialObserved):
            await credentials.observe(transaction, event, at=clock.now())
        else:
            await people.learn(transaction, event, at=clock.now())

    topics = [IDENTITY_LIFECYCLE, CREDENTIAL_OBSERVATIONS]
    return subscribe(broker, topics=topics, consumer=CONSUMER, database=database, apply=apply)
