"""Killed at any moment, before or after any commit: every alert is announced once, as in an undisturbed run."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from nuxari_events.alerts import AlertData, AlertRaised
from nuxari_events.topics import SECURITY_ALERTS
from nuxari_events.wire import decode as decode_event
from nuxari_events.wire import encode
from typing_extensions import override

from services.monitoring.decode import decode
from services.monitoring.domain.model import Fact
from services.monitoring.handlers import TOPICS
from services.monitoring.service.correlation import Correlation, End
from services.monitoring.service.programs import of_pack
from services.simulator.sightings import AlertBook
from shared.clock import FixedClock
from shared.messaging.subscription import Record
from shared.persistence.database import Database, Transaction
from tests.monitoring.simulated import Story, said
from tests.monitoring.streams import FIRST_ONES

NUMBER = 4
UNTIL = datetime(2026, 11, 2, 17, tzinfo=UTC)
PLACES = {topic.name: TopicPartition(topic.name, NUMBER) for topic in TOPICS}


class KilledError(BaseException):
    """The process is no more."""


class Mortal(Database):
    """Dies now and then: before a commit, which is then lost, or right after one."""

    chance: random.Random

    @override
    @asynccontextmanager
    async def transaction(self, tenant_id: str | None = None) -> AsyncIterator[Transaction]:
        async with super().transaction(tenant_id) as transaction:
            yield transaction
            self._die()
        self._die()

    def _die(self) -> None:
        if self.chance.random() < 0.1:
            raise KilledError


class Kafka:
    """One partition of every topic, all of it written; read from where it is told."""

    def __init__(self, story: Story) -> None:
        self.records: dict[str, list[Record]] = {name: [] for name in PLACES}
        for event in story.events:
            encoded = encode(event)
            at, now_ms = len(self.records[encoded.topic]), round(UNTIL.timestamp() * 1000)
            self.records[encoded.topic].append(
                ConsumerRecord(
                    encoded.topic, NUMBER, at, now_ms, 1, encoded.key, encoded.value, None, 0, 0, tuple(encoded.headers)
                )
            )
        self.read = dict.fromkeys(PLACES, 0)
        self.held: Collection[TopicPartition] = ()

    def seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        self.read = {place.topic: offset for place, offset in offsets.items()}

    def fetch(self, topic: str, count: int) -> list[Record]:
        at = self.read[topic]
        found = [] if PLACES[topic] in self.held else self.records[topic][at : at + count]
        self.read[topic] += len(found)
        return found

    @property
    def is_read(self) -> bool:
        return all(self.read[topic] == len(records) for topic, records in self.records.items())

    def positions(self) -> Mapping[TopicPartition, int]:
        return {place: self.read[topic] for topic, place in PLACES.items()}

    def ends(self) -> Mapping[TopicPartition, End]:
        asked_ms = round(UNTIL.timestamp() * 1000)
        return {place: End(len(self.records[topic]), asked_ms) for topic, place in PLACES.items()}

    def hold(self, partitions: Collection[TopicPartition]) -> None:
        self.held = partitions


async def _intake(record: Record, observe: Callable[[Fact], None]) -> None:
    fact = decode(
        record.topic,
        value=record.value,
        headers=record.headers,
        partition=record.partition,
        offset=record.offset,
        ingested_ms=record.timestamp,
    )
    assert fact is not None
    observe(fact)


async def _live(database: Mortal, kafka: Kafka) -> None:
    """Run until everything is read and saved, or until death; each life reads other topics ahead of the rest."""
    speeds = {topic: database.chance.choice([1, 5, 50]) for topic in PLACES}
    correlation = Correlation(database, FixedClock(UNTIL), topics=TOPICS, intake=_intake, programs=lambda _: of_pack())
    correlation.follow(kafka)
    kafka.seek(await correlation.assigned(set(PLACES.values())))
    while not kafka.is_read:
        topics = database.chance.sample(list(PLACES), database.chance.randint(1, 4))
        records = [record for topic in topics for record in kafka.fetch(topic, speeds[topic])]
        if records:
            await correlation.take(records)
        if database.chance.random() < 0.3:
            await correlation.tick(save=database.chance.random() < 0.2)
    await correlation.tick(save=True)
    await correlation.revoked(set(PLACES.values()))


async def _announced(admin_dsn: str) -> list[Any]:
    admin = await asyncpg.connect(admin_dsn)
    try:
        rows = await admin.fetch(
            "select payload from outbox where aggregatetype = $1 order by id", SECURITY_ALERTS.name
        )
    finally:
        await admin.close()
    return [decode_event(SECURITY_ALERTS, value=row["payload"].encode()) for row in rows]


@pytest.mark.parametrize("seed", range(8))
async def test_whenever_it_is_killed_each_alert_is_announced_once(
    monitoring_database: dict[str, str], seed: int
) -> None:
    story = Story(seed=seed, users=60, attacks=14, tenant="acme", until=UNTIL)
    database, kafka, deaths = Mortal(monitoring_database["service"], name="mortal"), Kafka(story), 0
    database.chance = random.Random(seed)  # noqa: S311 - repeatable, no secret
    await database.open()
    try:
        while True:
            try:
                await _live(database, kafka)
            except KilledError:
                deaths += 1
            else:
                break
    finally:
        await database.close()

    announced = await _announced(monitoring_database["admin"])
    book, raised, said_of = AlertBook(), Counter[str](), Counter[str]()
    for event in announced:
        book.note(event, arrived=0)
        if isinstance(event, AlertRaised):
            raised[event.data.alert_id] += 1
        if isinstance(event.data, AlertData):
            said_of[f"{event.type} {event.data.alert_id} {said(event.data)}"] += 1
    assert deaths > 1
    assert len({event.id for event in announced}) == len(announced)
    standing = (one.alert for one in book.sightings if one.stands and one.alert.rule.number in FIRST_ONES)
    assert {alert.alert_id: said(alert) for alert in standing} == story.expected
    assert [story.expected[alert_id] for alert_id in story.expected if raised[alert_id] != 1] == []
    assert [said_twice for said_twice, times in said_of.items() if times > 1] == []
