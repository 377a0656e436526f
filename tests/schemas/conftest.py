"""What the client's tests share: provisioned topics, tenants of their own, and a broker that may be stopped."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import pytest
from nuxari_events.alerts import AlertRaised
from nuxari_events.client import EventPublisher
from nuxari_events.ids import uuid7

from shared.embedded.kafka import EmbeddedKafka
from shared.messaging.provision import apply_topics
from tests.schemas.golden import ALERT, golden_event

AnAlert = Callable[..., AlertRaised]


@pytest.fixture
async def broker(kafka: str) -> str:
    """The bootstrap servers of a Kafka that has the registry's topics."""
    await apply_topics(kafka, replication_factor=1)
    return kafka


@pytest.fixture
async def publisher(broker: str) -> AsyncIterator[EventPublisher]:
    async with EventPublisher(broker) as publisher:
        yield publisher


@pytest.fixture
def tenant() -> str:
    """A tenant that only this test has."""
    return f"t-{uuid7()}"


@pytest.fixture
def group() -> str:
    """A consumer group that only this test has."""
    return f"g-{uuid7()}"


@pytest.fixture
def an_alert(tenant: str) -> AnAlert:
    """Make alerts, all different, of the test's tenant unless another is named."""

    def make(*, of: str = tenant) -> AlertRaised:
        alert = golden_event(ALERT, id=uuid7(), tenantid=of)
        assert isinstance(alert, AlertRaised)
        return alert

    return make


@pytest.fixture(scope="module")
def _stoppable_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    server = EmbeddedKafka(tmp_path_factory.mktemp("own-kafka"))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture
async def own_kafka(_stoppable_kafka: EmbeddedKafka) -> EmbeddedKafka:
    """A running broker with the registry's topics that the tests of one module may stop and start."""
    if _stoppable_kafka.pid is None:
        _stoppable_kafka.start()
    await apply_topics(_stoppable_kafka.address, replication_factor=1, within=timedelta(seconds=30))
    return _stoppable_kafka
