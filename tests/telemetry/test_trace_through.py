"""A caller's trace, from an HTTP request through the outbox and Kafka into what a consumer announces in turn."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import httpx
import pytest
from aiokafka import AIOKafkaConsumer
from fastapi import APIRouter, Depends, FastAPI
from nuxari_events.envelope import Event
from nuxari_events.ids import derived_id, uuid7
from nuxari_events.topics import ACCESS_ACTIVITY

from shared.clock import SystemClock
from shared.messaging.broker import make_broker
from shared.messaging.provision import apply_topics
from shared.messaging.transactional import subscribe
from shared.persistence.database import Database, Transaction
from shared.persistence.relay import Relay
from shared.web.app import build_app
from shared.web.guards import Public
from tests.access.credentials import a_key, a_verifier
from tests.messaging.stage import SERVICE, Stage, a_sign_in, set_the_stage

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
TRACE = PARENT.split("-")[1]


@pytest.fixture
async def stage(kafka: str, fresh_database: str) -> Stage:
    await apply_topics(kafka, replication_factor=1)
    return await set_the_stage(kafka, fresh_database)


@pytest.fixture
def tenant() -> str:
    return f"t-{uuid7()}"


def an_app(database: Database) -> FastAPI:
    """An application with one use case: it announces a sign-in."""
    router = APIRouter(prefix="/v1/tenants/{tenant_id}", dependencies=[Depends(Public())])

    @router.post("/sign-ins")
    async def sign_in(tenant_id: str) -> None:
        async with database.transaction(tenant_id) as transaction:
            transaction.announce(a_sign_in(tenant=tenant_id, user="cause"))

    return build_app(
        title="stage",
        routers=[router],
        verifier=a_verifier(a_key()),
        clock=SystemClock(),
        checks={},
        asyncapi={},
    )


@pytest.fixture
async def database(stage: Stage, tenant: str) -> AsyncIterator[Database]:
    """Of a service that runs: a relay, and a consumer that answers this tenant's first event by a second one."""

    async def answer(transaction: Transaction, event: Event) -> None:
        if event.tenantid == tenant and event.subject == "cause":
            event_id = derived_id(event.source, event.id, "effect", event.type)
            transaction.announce(a_sign_in(tenant=tenant, user="effect", event_id=event_id))

    async with AsyncExitStack() as exits:
        database = Database(stage.dsn, name="stage")
        await database.open()
        exits.push_async_callback(database.close)
        broker = make_broker(stage.bootstrap_servers, client_id="stage")
        subscribe(broker, topics=[ACCESS_ACTIVITY], consumer=stage.group, database=database, apply=answer)
        await broker.start()
        exits.push_async_callback(broker.stop)
        relay = Relay(dsn=stage.relay_dsn, bootstrap_servers=stage.bootstrap_servers, service=SERVICE)
        relaying = asyncio.create_task(relay.run())
        yield database
        relaying.cancel()
        await asyncio.wait([relaying])


async def test_a_traceparent_over_http_arrives_in_the_event_and_in_what_a_consumer_announces_because_of_it(
    stage: Stage, database: Database, tenant: str
) -> None:
    transport = httpx.ASGITransport(an_app(database))
    async with httpx.AsyncClient(transport=transport, base_url="http://stage") as client:
        answer = await client.post(f"/v1/tenants/{tenant}/sign-ins", headers={"traceparent": PARENT})
    assert answer.status_code == 200, answer.text

    async with asyncio.timeout(timedelta(seconds=30).total_seconds()):
        published = await _published(stage, tenant, count=2)

    assert [event["subject"] for event in published] == ["cause", "effect"]
    assert [event["traceparent"].split("-")[1] for event in published] == [TRACE, TRACE]


async def _published(stage: Stage, tenant: str, *, count: int) -> list[dict[str, str]]:
    consumer = AIOKafkaConsumer(
        ACCESS_ACTIVITY.name, bootstrap_servers=stage.bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        found: list[dict[str, str]] = []
        while len(found) < count:
            record = await consumer.getone()
            if record.key == tenant.encode():
                found.append(json.loads(record.value))
        return found
    finally:
        await consumer.stop()
