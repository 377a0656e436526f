"""Events on Kafka in, alerts on Kafka out: by the service as it runs, through restarts and bad input."""

from __future__ import annotations

import asyncio
import json
import statistics
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Self

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7
from nuxari_events.topics import ACCESS_ACTIVITY, SECURITY_ALERTS
from nuxari_events.wire import encode

from services.monitoring.domain.engine import Engine
from services.monitoring.domain.model import Fact
from shared.embedded.child import free_port
from shared.messaging import dead_letters
from shared.settings import ServiceSettings
from tests.monitoring.builders import NOON, action, activated, deactivated, sign_in
from tests.monitoring.conftest import running
from tests.waiting import until

SOON = timedelta(seconds=20)


class Wire:
    """Publishes events and collects a tenant's alerts."""

    def __init__(self, bootstrap_servers: str) -> None:
        self.tenant = f"t-{uuid7()[-12:]}"
        self.bootstrap_servers = bootstrap_servers
        self.alerts: list[dict] = []

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self.bootstrap_servers)
        self._consumer = AIOKafkaConsumer(
            SECURITY_ALERTS.name, bootstrap_servers=self.bootstrap_servers, auto_offset_reset="earliest"
        )
        await self._producer.start()
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def publish(self, *events: Event, partition: int | None = None) -> None:
        for event in events:
            encoded = encode(event.model_copy(update={"tenantid": self.tenant}))
            await self.raw(encoded.topic, encoded.key, encoded.value, partition=partition)

    async def raw(self, topic: str, key: bytes | None, value: bytes | None, *, partition: int | None = None) -> None:
        await self._producer.send_and_wait(topic, key=key, value=value, partition=partition)

    async def heard(self) -> list[tuple[str, int, int]]:
        """`(kind, rule number, events)` of the tenant's announcements so far."""
        batches = await self._consumer.getmany(timeout_ms=50)
        for records in batches.values():
            found = [json.loads(record.value) for record in records]
            self.alerts += [one for one in found if one["tenantid"] == self.tenant and "rule" in one["data"]]
        return [
            (one["type"].split(".")[2], one["data"]["rule"]["number"], one["data"]["related_events_count"])
            for one in self.alerts
        ]

    async def hears(self, *expected: tuple[str, int, int]) -> None:
        async def said() -> bool:
            return set(expected) <= set(await self.heard())

        await until(said, within=SOON, what=f"{expected}")


@pytest.fixture
async def wire(kafka: str, monitoring_settings: ServiceSettings) -> AsyncIterator[Wire]:
    async with Wire(kafka) as made:
        yield made


def _failures(count: int, *, first: int = 0) -> list[Event]:
    return [sign_in(first + n, id=f"f{first + n}") for n in range(count)]


async def test_events_become_an_alert_with_its_evidence(wire: Wire, monitoring_settings: ServiceSettings) -> None:
    async with running(monitoring_settings):
        await wire.publish(*_failures(10))
        await wire.hears(("alert_raised", 1, 10))
    (alert,) = wire.alerts
    assert alert["data"]["window"] == {
        "after": (NOON + timedelta(seconds=9) - timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%S.000000Z"),
        "until": "2026-11-02T12:00:09.000000Z",
    }
    assert [one["event_id"] for one in alert["data"]["evidence"]] == [f"f{n}" for n in range(10)]
    assert {one["topic"] for one in alert["data"]["evidence"]} == {ACCESS_ACTIVITY.name}


async def test_what_was_counted_before_a_restart_counts_after_it(
    wire: Wire, monitoring_settings: ServiceSettings
) -> None:
    async with running(monitoring_settings) as parts:
        await wire.publish(*_failures(6))
        await until(lambda: parts.subscriptions[0].lag() == 0, within=SOON, what="all is taken")
    async with running(monitoring_settings):
        await wire.publish(*_failures(4, first=6))
        await wire.hears(("alert_raised", 1, 10))


async def test_a_replay_of_everything_announces_nothing_twice(wire: Wire, monitoring_settings: ServiceSettings) -> None:
    async with running(monitoring_settings) as parts:
        await wire.publish(*_failures(10))
        await wire.hears(("alert_raised", 1, 10))
        await wire.publish(*_failures(2, first=10))
        await wire.hears(("alert_raised", 1, 10), ("alert_updated", 1, 12))
        async with parts.database.transaction() as transaction:
            await transaction.execute("update checkpoint set offsets = '{}', state = null, epoch = epoch + 1")
    heard = await wire.heard()
    async with running(monitoring_settings):
        other = Wire(wire.bootstrap_servers)
        async with other:
            await other.publish(*_failures(10))
            await other.hears(("alert_raised", 1, 10))
    assert await wire.heard() == heard


async def test_streams_are_joined(wire: Wire, monitoring_settings: ServiceSettings) -> None:
    async with running(monitoring_settings):
        await wire.publish(deactivated(0), sign_in(60, ok=True), activated(0, user="bo", until=600), action(60, "bo"))
        await wire.publish(action(900, "bo"))
        await wire.hears(("alert_raised", 33, 2), ("alert_raised", 35, 2))
    assert len(await wire.heard()) == 2


async def test_an_event_in_a_strange_partition_is_put_right_and_counted_there(
    wire: Wire, monitoring_settings: ServiceSettings
) -> None:
    async with running(monitoring_settings):
        for n, event in enumerate(_failures(10)):
            await wire.publish(event, partition=n % 6)
        await wire.hears(("alert_raised", 1, 10))


async def test_bad_input_is_buried_and_the_service_goes_on(wire: Wire, monitoring_settings: ServiceSettings) -> None:
    key = wire.tenant.encode()
    good = json.loads(encode(sign_in(0)).value)
    bad: list[bytes | None] = [
        b"{",
        None,
        b"\xff\xfe\x00",
        b"[1, 2]",
        b"{}",
        json.dumps({**good, "time": "yesterday"}).encode(),
        json.dumps({**good, "data": {"user_id": 7, "outcome": "failure"}}).encode(),
        json.dumps({**good, "tenantid": "NOT A TENANT"}).encode(),
        json.dumps({**good, "subject": "x" * 900_000}).encode(),
    ]
    unknown = json.dumps({**good, "type": "nuxari.access.weather_observed.v1"}).encode()
    async with running(monitoring_settings):
        for value in (*bad, unknown):
            await wire.raw(ACCESS_ACTIVITY.name, key, value)
        far = datetime.now(UTC) + timedelta(days=900)
        ancient = datetime(1999, 1, 1, tzinfo=UTC)
        await wire.publish(*(sign_in(0, source="/odd").model_copy(update={"time": one}) for one in (far, ancient)))
        await wire.publish(*_failures(10))
        await wire.hears(("alert_raised", 1, 10))
    letters = await dead_letters.read(wire.bootstrap_servers, topics=[ACCESS_ACTIVITY])
    mine = [letter for letter in letters if letter.key == key]
    assert sorted(letter.code for letter in mine) == sorted(
        ["not-json", "tombstone", "not-json", "invalid-event", "invalid-event"] + ["invalid-event"] * 3 + ["too-large"]
    )
    assert {letter.consumer for letter in mine} == {"monitoring"}


async def test_an_event_that_a_rule_stumbles_over_is_buried_and_the_others_go_on(
    wire: Wire, monitoring_settings: ServiceSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    observe = Engine.observe

    def stumble(engine: Engine, fact: Fact) -> None:
        if fact.tenant == wire.tenant and fact.id == "odd":
            raise ZeroDivisionError
        observe(engine, fact)

    monkeypatch.setattr(Engine, "observe", stumble)
    async with running(monitoring_settings):
        await wire.publish(*_failures(5), sign_in(0, id="odd"), *_failures(5, first=5))
        await wire.hears(("alert_raised", 1, 10))
    letters = await dead_letters.read(wire.bootstrap_servers, topics=[ACCESS_ACTIVITY])
    assert [letter.code for letter in letters if letter.key == wire.tenant.encode()] == ["bug"]


async def test_once_everything_is_read_an_alert_leaves_within_a_second(
    wire: Wire, monitoring_settings: ServiceSettings
) -> None:
    async with running(monitoring_settings):
        await wire.publish(deactivated(0, "warm-up"), sign_in(60, "warm-up", ok=True))
        await wire.hears(("alert_raised", 33, 2))
        took = [await _time_to_alert(wire, f"user-{n}") for n in range(5)]
    assert statistics.median(took) < 1


async def _time_to_alert(wire: Wire, user: str) -> float:
    """Seconds from an action after its activation, which is on another topic, to the alert about it."""
    async with asyncio.timeout(SOON.total_seconds()):
        await wire.publish(activated(0, user, until=600, activation=user))
        begun = asyncio.get_running_loop().time()
        await wire.publish(action(900, user))
        while not any(one["data"]["group"].get("user_id") == user for one in wire.alerts):
            await wire.heard()
    return asyncio.get_running_loop().time() - begun


async def test_a_partition_that_moves_takes_its_state_along(wire: Wire, monitoring_settings: ServiceSettings) -> None:
    other = monitoring_settings.model_copy(update={"port": free_port()})
    async with running(monitoring_settings) as first:
        await wire.publish(*_failures(4))
        await until(lambda: first.subscriptions[0].lag() == 0, within=SOON, what="all is taken")
        async with running(other) as second:
            await until(second.subscriptions[0].is_assigned, within=SOON, what="the second has partitions")
            await wire.publish(*_failures(3, first=4))
        await wire.publish(*_failures(3, first=7))
        await wire.hears(("alert_raised", 1, 10))
    assert [kind for kind, *_ in await wire.heard()] == ["alert_raised"]
