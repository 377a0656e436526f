"""Topics on a broker that has only just come up, or never will."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import InvalidReplicationFactorError, KafkaConnectionError
from nuxari_events.topics import TOPICS

from shared.embedded.child import free_port
from shared.embedded.kafka import EmbeddedKafka
from shared.messaging.provision import apply_topics


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A broker that was started a moment ago: it takes no connections yet, and when it does it has no leaders."""
    broker = EmbeddedKafka(tmp_path)
    broker.launch()
    yield broker
    broker.stop()


async def test_a_broker_that_is_still_starting_is_waited_for(launched: EmbeddedKafka) -> None:
    expected = {topic.name: topic.partitions for topic in TOPICS} | {topic.dead_letter: 1 for topic in TOPICS}

    changed = await apply_topics(launched.address, within=timedelta(seconds=60))

    assert changed == sorted(expected)
    assert await _partitions(launched.address) == expected
    assert await apply_topics(launched.address) == []


async def test_a_broker_that_stays_away_is_named_when_the_wait_is_over() -> None:
    port = free_port()

    with pytest.raises(KafkaConnectionError, match=str(port)):
        await apply_topics(f"127.0.0.1:{port}", within=timedelta(milliseconds=300))


async def test_more_copies_than_there_are_brokers_are_refused_when_the_wait_is_over(launched: EmbeddedKafka) -> None:
    launched.child.wait_until(launched.answers, within=timedelta(seconds=60))

    with pytest.raises(InvalidReplicationFactorError, match=r"topic access\.activity"):
        await apply_topics(launched.address, replication_factor=3, within=timedelta(seconds=2))


async def _partitions(address: str) -> dict[str, int]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        return {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics()}
    finally:
        await admin.close()
