"""A simulated tenant's two hours: its events, what they must raise, and what a reader of the alerts hears of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from nuxari_events.alerts import AlertData, AlertRaised
from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7
from nuxari_events.topics import SECURITY_ALERTS
from nuxari_events.wire import decode, encode

from services.monitoring.domain.model import Alert
from services.simulator.scenario import Scenario
from services.simulator.scoring import Score, score
from services.simulator.sightings import AlertBook
from services.simulator.simulation import Simulation, simulation
from tests.monitoring.builders import fact
from tests.monitoring.streams import FIRST_ONES, undisturbed


@dataclass
class Story:
    """A tenant of its own, attacked now and then."""

    seed: int = 1
    users: int = 60
    attacks: int = 14
    tenant: str = field(default_factory=lambda: f"sim-{uuid7()[-12:]}")
    until: datetime = field(default_factory=lambda: datetime.now(UTC))

    @cached_property
    def simulation(self) -> Simulation:
        return simulation(
            Scenario(
                tenant_id=self.tenant,
                seed=self.seed,
                until=self.until,
                duration=timedelta(hours=2),
                users=self.users,
                attacks=self.attacks,
            )
        )

    @cached_property
    def events(self) -> list[Event]:
        """In the order of arrival."""
        return list(self.simulation.events())

    def topic_by_topic(self, topics: Sequence[str]) -> list[Event]:
        return sorted(self.events, key=lambda event: topics.index(encode(event).topic))

    @cached_property
    def expected(self) -> dict[str, tuple[object, ...]]:
        """What the alerts of an undisturbed run say, by id."""
        facts = [fact(event, ingested=self.until.timestamp()) for event in self.events]
        alerts = undisturbed(facts).values()
        return {alert.alert_id: _said(alert) for alert in alerts if alert.rule_number in FIRST_ONES}

    def score(self, book: AlertBook) -> Score:
        """The score of the detections that the attacks are about."""
        numbers = {one.number for attack in self.simulation.attacks for one in attack.expected}
        about = [one for one in book.sightings if one.alert.rule.number in numbers]
        return score(self.simulation.attacks, sightings=about, delivered={})


class Ear:
    """Publishes a tenant's events and hears its alerts."""

    def __init__(self, bootstrap_servers: str, tenant: str) -> None:
        self._servers = bootstrap_servers
        self._tenant = tenant
        self.book = AlertBook()
        self.heard: dict[str, Event] = {}
        """Every announcement by its id: a relay that is killed sends what it sent last a second time."""

    async def __aenter__(self) -> Self:
        self._producer = AIOKafkaProducer(bootstrap_servers=self._servers, enable_idempotence=True)
        self._consumer = AIOKafkaConsumer(
            SECURITY_ALERTS.name, bootstrap_servers=self._servers, auto_offset_reset="earliest"
        )
        await self._producer.start()
        await self._consumer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()
        await self._consumer.stop()

    async def publish(self, events: Sequence[Event]) -> None:
        sent = []
        for event in events:
            encoded = encode(event)
            sent.append(await self._producer.send(encoded.topic, key=encoded.key, value=encoded.value))
        for acknowledgement in sent:
            await acknowledgement

    async def listen(self) -> None:
        """Take in what was announced since."""
        for records in (await self._consumer.getmany(timeout_ms=50)).values():
            for record in records:
                event = decode(SECURITY_ALERTS, value=record.value, headers=record.headers)
                if event.tenantid == self._tenant and event.id not in self.heard:
                    self.heard[event.id] = event
                    self.book.note(event, arrived=record.timestamp / 1000)

    @property
    def standing(self) -> dict[str, tuple[object, ...]]:
        """What the alerts say that stand, by id."""
        stand = (one.alert for one in self.book.sightings if one.stands)
        return {alert.alert_id: said(alert) for alert in stand if alert.rule.number in FIRST_ONES}

    @property
    def raised(self) -> list[str]:
        """The id of the alert of each announcement that one was raised."""
        return [event.data.alert_id for event in self.heard.values() if isinstance(event, AlertRaised)]


def said(alert: AlertData) -> tuple[object, ...]:
    """What an alert says of itself, without the places in Kafka."""
    return (
        alert.rule.number,
        alert.group,
        _ms(alert.window.after),
        _ms(alert.window.until),
        alert.value,
        alert.related_events_count,
        [(_ms(one.time), one.source, one.event_id, one.role) for one in alert.evidence],
    )


def _said(alert: Alert) -> tuple[object, ...]:
    return (
        alert.rule_number,
        alert.group,
        alert.after_ms,
        alert.until_ms,
        alert.value,
        alert.related_events_count,
        [(one.time_ms, one.source, one.id, one.role) for one in alert.evidence],
    )


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
