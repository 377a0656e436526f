"""From events on Kafka to a finding on Kafka and a message at a webhook, through the service as it runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from nuxari_events.findings import DetectionFindingReported
from nuxari_events.ids import uuid7
from nuxari_events.topics import SECURITY_FINDINGS
from nuxari_events.wire import decode, encode

from services.monitoring.domain.outbound import AlertType, Kind, Wanted
from services.monitoring.sending.means import means_of
from services.monitoring.service import targets
from services.monitoring.service.acting import Acting
from services.monitoring.service.targets import Address, New
from services.monitoring.store.outbound_targets import Target
from shared.running import Parts
from shared.settings import ServiceSettings
from tests.monitoring.builders import sign_in
from tests.monitoring.conftest import running
from tests.monitoring.receiver import Receiver, receiving
from tests.waiting import until

SOON = timedelta(seconds=30)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WANTED = Wanted(least_severity="low", rules=frozenset(), types=frozenset({AlertType.ALERT_RAISED}))


async def test_ten_failed_sign_ins_are_a_finding_on_kafka_and_a_message_at_the_webhook(
    kafka: str, monitoring_settings: ServiceSettings
) -> None:
    tenant = f"t-{uuid7()[-12:]}"
    settings = monitoring_settings.model_copy(update={"outbound_private_networks": (ip_network("127.0.0.0/8"),)})
    async with receiving() as receiver, running(settings) as parts:
        await _registered(parts, settings, receiver, tenant)
        await _ten_failures(kafka, tenant)
        finding = await _finding_of(kafka, tenant)
        await until(lambda: bool(receiver.received), within=SOON, what="a message at the webhook")

    said = receiver.received[0].verified_by(SECRET)
    assert (said["type"], said["tenantid"]) == ("nuxari.security.alert_raised.v1", tenant)
    assert finding.data.finding_info.uid == said["subject"]
    assert finding.data.metadata.uid == said["id"]


async def _registered(parts: Parts, settings: ServiceSettings, receiver: Receiver, tenant: str) -> None:
    new = New(
        kind=Kind.WEBHOOK,
        name="SOAR",
        address=Address(text=receiver.url, shown="http://127.0.0.1/…"),
        wanted=WANTED,
        secret=SECRET,
    )
    async with parts.database.transaction(tenant) as transaction:
        made = await targets.register(
            transaction, new, seal=means_of(settings).seal, acting=Acting(actor_id="sam"), at=datetime.now(UTC)
        )
    assert isinstance(made, Target)


async def _ten_failures(kafka: str, tenant: str) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        for number in range(10):
            event = sign_in(number, id=f"f{number}").model_copy(update={"tenantid": tenant})
            encoded = encode(event)
            await producer.send_and_wait(encoded.topic, key=encoded.key, value=encoded.value)
    finally:
        await producer.stop()


async def _finding_of(kafka: str, tenant: str) -> DetectionFindingReported:
    found: list[Any] = []
    consumer = AIOKafkaConsumer(SECURITY_FINDINGS.name, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()

    async def came() -> bool:
        for records in (await consumer.getmany(timeout_ms=50)).values():
            found.extend(record for record in records if record.key == tenant.encode())
        return bool(found)

    try:
        await until(came, within=SOON, what="a finding")
    finally:
        await consumer.stop()
    record = found[0]
    assert json.loads(record.value)["class_uid"] == 2004
    event = decode(SECURITY_FINDINGS, value=record.value, headers=record.headers)
    assert isinstance(event, DetectionFindingReported)
    return event
