"""A stage for delivery tests: a topic of its own, a database of its own, and a consumer that counts what it applies."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from nuxari_events.access import Outcome, SignInCompleted, SignInData
from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7
from nuxari_events.topics import ACCESS_ACTIVITY, SECURITY_ALERTS, Topic

from shared.errors import PermanentError
from shared.persistence import ddl
from shared.persistence.database import Transaction

SERVICE = "delivery"
PASSWORD = "delivery"

_TABLE = f"""
create table applied (
    tenant_id text not null, position bigint generated always as identity,
    event_id text not null, subject text not null,
    primary key (tenant_id, position)
);
{ddl.tenant_table("applied", service=SERVICE)}
"""


@dataclass(frozen=True)
class Stage:
    """What a consumer under test needs to know; plain text, so that a child process can be told."""

    bootstrap_servers: str
    topic_name: str
    dsn: str
    relay_dsn: str
    admin_dsn: str
    group: str

    @property
    def topic(self) -> Topic:
        return dataclasses.replace(ACCESS_ACTIVITY, name=self.topic_name)

    def environment(self) -> dict[str, str]:
        return os.environ | {"STAGE": json.dumps(dataclasses.asdict(self))}

    @classmethod
    def from_environment(cls) -> Stage:
        return cls(**json.loads(os.environ["STAGE"]))

    def member_command(self) -> list[str]:
        return [sys.executable, str(Path(__file__).with_name("member.py"))]


async def set_the_stage(bootstrap_servers: str, admin_dsn: str) -> Stage:
    """Create a topic, its dead-letter topic, the logins, and the tables."""
    stage = await set_the_tables(admin_dsn)
    await create_topics(bootstrap_servers, stage.topic_name)
    return dataclasses.replace(stage, bootstrap_servers=bootstrap_servers)


async def set_the_tables(admin_dsn: str) -> Stage:
    """Create the logins and the tables, for those who need no Kafka."""
    name = f"delivery-{uuid7()[-12:]}"
    connection = await asyncpg.connect(admin_dsn)
    try:
        for login in (f"nuxari_{SERVICE}", f"nuxari_{SERVICE}_relay"):
            await connection.execute(
                f"do $$ begin create role {login} login password '{PASSWORD}';"
                " exception when duplicate_object then null; end $$"
            )
        await connection.execute(ddl.mechanism(SERVICE) + _TABLE)
    finally:
        await connection.close()
    return Stage(
        bootstrap_servers="",
        topic_name=name,
        dsn=as_login(admin_dsn, f"nuxari_{SERVICE}"),
        relay_dsn=as_login(admin_dsn, f"nuxari_{SERVICE}_relay"),
        admin_dsn=admin_dsn,
        group=f"{name}-group",
    )


async def create_topics(bootstrap_servers: str, name: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, 6, 1), NewTopic(f"{name}.dlq", 1, 1)])
    finally:
        await admin.close()


def as_login(dsn: str, login: str) -> str:
    """The same database as another login."""
    scheme, rest = dsn.split("://", 1)
    return f"{scheme}://{login}:{PASSWORD}@{rest.rsplit('@', 1)[-1]}"


def a_sign_in(*, tenant: str = "acme", user: str = "u1", event_id: str | None = None) -> SignInCompleted:
    return SignInCompleted(
        id=event_id or uuid7(),
        source="/test",
        time=datetime.now(UTC),
        subject=user,
        tenantid=tenant,
        data=SignInData(user_id=user, outcome=Outcome.FAILURE),
    )


async def publish(
    stage: Stage, messages: Iterable[Event | tuple[bytes | None, bytes | None]], *, compression: str | None = None
) -> None:
    """Publish events by their tenant, and raw `(key, value)` pairs as they are."""
    producer = AIOKafkaProducer(
        bootstrap_servers=stage.bootstrap_servers, enable_idempotence=True, compression_type=compression
    )
    await producer.start()
    try:
        sent = []
        for message in messages:
            key, value = (
                (message.tenantid.encode(), message.model_dump_json(exclude_none=True).encode())
                if isinstance(message, Event)
                else message
            )
            sent.append(await producer.send(stage.topic_name, key=key, value=value))
        for acknowledgement in sent:
            await acknowledgement
    finally:
        await producer.stop()


async def applied(stage: Stage) -> list[tuple[str, str]]:
    """`(tenant, event id)` of everything that was applied, in the order it was."""
    connection = await asyncpg.connect(stage.admin_dsn)
    try:
        rows = await connection.fetch("select tenant_id, event_id from applied order by position")
    finally:
        await connection.close()
    return [(row["tenant_id"], row["event_id"]) for row in rows]


async def note(transaction: Transaction, event: Event) -> None:
    """The use case under test: one row per event; subjects of a certain name are poison."""
    if event.subject == "poison":
        raise PermanentError("poison")
    if event.subject == "bug":
        raise ZeroDivisionError("a secret that must not leave")
    await transaction.execute(
        "insert into applied (tenant_id, event_id, subject) values ($1, $2, $3)",
        event.tenantid,
        event.id,
        event.subject,
    )


__all__ = ["SECURITY_ALERTS", "Stage", "a_sign_in", "applied", "note", "publish", "set_the_stage"]
