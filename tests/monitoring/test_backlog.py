"""Topics that were filled before anybody read them: every attack is found, and nothing is raised for nothing."""

from __future__ import annotations

import json
from datetime import timedelta

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from nuxari_events.topics import ACCESS_ACTIVITY, CREDENTIAL_LIFECYCLE, IDENTITY_LIFECYCLE, PIM_LIFECYCLE

from services.monitoring import handlers
from services.monitoring.handlers import TOPICS, partition_of
from services.monitoring.service import correlation
from shared.settings import ServiceSettings
from tests.monitoring.conftest import running
from tests.monitoring.simulated import Ear, Story
from tests.waiting import until

SOON = timedelta(seconds=60)
ACCESS, IDENTITY, PIM, CREDENTIALS = (
    topic.name for topic in (ACCESS_ACTIVITY, IDENTITY_LIFECYCLE, PIM_LIFECYCLE, CREDENTIAL_LIFECYCLE)
)


async def is_all_saved(settings: ServiceSettings, admin_dsn: str, tenant: str) -> bool:
    """Whether the tenant's partition is correlated to the end of every topic, saved, and its alerts are sent."""
    number = partition_of(tenant)
    consumer = AIOKafkaConsumer(bootstrap_servers=settings.kafka_bootstrap_servers)
    await consumer.start()
    try:
        ends = await consumer.end_offsets([TopicPartition(topic.name, number) for topic in TOPICS])
    finally:
        await consumer.stop()
    admin = await asyncpg.connect(admin_dsn)
    try:
        saved = await admin.fetchval("select offsets from checkpoint where partition = $1", number)
        waiting = await admin.fetchval("select count(*) from outbox")
    finally:
        await admin.close()
    return not waiting and json.loads(saved or "{}") == {place.topic: end for place, end in ends.items()}


@pytest.fixture
def _much_is_forgotten_between_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a backlog of days: what is over is closed and forgotten many times while it is read."""
    monkeypatch.setattr(handlers, "BATCH", 20)
    monkeypatch.setattr(correlation, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(correlation, "SAVE_SECONDS", 0.02)


@pytest.mark.usefixtures("_much_is_forgotten_between_small_batches")
@pytest.mark.parametrize(
    "order",
    [None, (ACCESS, PIM, IDENTITY, CREDENTIALS), (CREDENTIALS, IDENTITY, PIM, ACCESS)],
    ids=["as it happened", "access first", "access last"],
)
async def test_a_day_that_was_written_before_monitoring_came_is_found_as_it_was(
    kafka: str,
    monitoring_settings: ServiceSettings,
    monitoring_database: dict[str, str],
    order: tuple[str, ...] | None,
) -> None:
    story = Story(users=90, attacks=28)
    async with Ear(kafka, story.tenant) as ear:
        await ear.publish(story.topic_by_topic(order) if order else story.events)
        async with running(monitoring_settings):
            await until(
                lambda: is_all_saved(monitoring_settings, monitoring_database["admin"], story.tenant),
                within=SOON,
                what="all is read",
            )

        async def all_is_heard() -> bool:
            await ear.listen()
            return ear.standing.keys() >= story.expected.keys()

        await until(all_is_heard, within=SOON, what="every alert is heard")
        await ear.listen()
    score = story.score(ear.book)
    assert (score.found, score.missed, len(score.false_alerts), score.repeated) == (28, 0, 0, 0)
    assert ear.standing == story.expected
