"""A terminal for tests: runs a command against the test's Kafka, and reads back what arrived there."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from nuxari_events import wire
from nuxari_events.alerts import AlertData, AlertRaised, RuleReference, Severity, Window
from nuxari_events.envelope import Event
from nuxari_events.topics import ACCESS_ACTIVITY, Topic
from typer.testing import CliRunner

from services.cli import alerts, ingest, publish, rules, screen, simulate

WIDE = 160

AT = datetime(2025, 6, 3, 9, tzinfo=UTC)


def the_app() -> typer.Typer:
    app = typer.Typer()
    for command in (alerts, ingest, publish, rules, simulate):
        command.register(app)
    return app


@dataclass(frozen=True)
class Ran:
    exit_code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        (line,) = self.output.splitlines()
        return json.loads(line)

    @property
    def one_error(self) -> str:
        (line,) = self.errors.splitlines()
        return line


@dataclass(frozen=True)
class Terminal:
    bootstrap_servers: str
    home: Path

    def run(self, *arguments: str | Path, given: bytes | None = None) -> Ran:
        environment = {
            "NUXARI_KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "NUXARI_HOME": str(self.home),
        }
        screen.OUTPUT.width = screen.NOTES.width = WIDE
        result = CliRunner().invoke(the_app(), [str(one) for one in arguments], input=given, env=environment)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Ran(result.exit_code, result.stdout, result.stderr)

    def arrived(self, *, tenant: str, topic: Topic = ACCESS_ACTIVITY) -> list[Event]:
        return asyncio.run(self._arrived(tenant, topic))

    async def _arrived(self, tenant: str, topic: Topic) -> list[Event]:
        found: list[Event] = []
        async with AIOKafkaConsumer(bootstrap_servers=self.bootstrap_servers) as consumer:
            partitions = [TopicPartition(topic.name, number) for number in range(topic.partitions)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
            while any([await consumer.position(one) < ends[one] for one in partitions]):
                batch = await consumer.getmany(timeout_ms=100)
                # other tests put what is no event into the same topics
                records = (one for records in batch.values() for one in records if one.key == tenant.encode())
                found.extend(wire.decode(topic, value=one.value, headers=one.headers) for one in records)
        return [event for event in found if event.tenantid == tenant]

    def announce(self, *events: Event) -> None:
        asyncio.run(self._announce(events))

    async def _announce(self, events: tuple[Event, ...]) -> None:
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap_servers) as producer:
            for event in events:
                encoded = wire.encode(event)
                await producer.send_and_wait(encoded.topic, encoded.value, key=encoded.key, headers=encoded.headers)


def an_alert(
    tenant: str,
    *,
    alert_id: str = "alert-1",
    number: int = 1,
    user_id: str = "alice",
    severity: Severity = Severity.HIGH,
    first: datetime = AT,
    last: datetime = AT + timedelta(minutes=5),
) -> AlertRaised:
    data = AlertData(
        alert_id=alert_id,
        rule=RuleReference(id="rule", number=number, title="Brute force", version="abc"),
        severity=severity,
        title="Brute force",
        summary=f"12 failed sign-ins of [{user_id}] in 10 minutes",
        group={"user_id": user_id},
        window=Window(after=first, until=last),
        value=12,
        threshold=10,
        first_seen=first,
        last_seen=last,
        related_events_count=12,
        evidence=(),
    )
    return AlertRaised(source="/nuxari/monitoring", time=last, subject=alert_id, tenantid=tenant, data=data)
