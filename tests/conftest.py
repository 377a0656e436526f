"""A real Kafka and a real PostgreSQL for every test: from the environment, from containers, or embedded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from shared.persistence.provision import dsn_of
from shared.telemetry.logging import configure

KAFKA_IMAGE = "apache/kafka:4.3.0"
POSTGRES_IMAGE = "postgres:18"


@pytest.fixture(scope="session", autouse=True)
def _logs_as_in_production() -> None:
    configure(level="info", form="json")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a real Kafka."""
    if named := os.environ.get("NUXARI_TEST_KAFKA_BOOTSTRAP_SERVERS"):
        yield named
        return
    with (
        _kafka_container() if _has_image(KAFKA_IMAGE) else _embedded_kafka(tmp_path_factory.mktemp("kafka")) as address
    ):
        yield address


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The superuser's DSN of a real PostgreSQL."""
    if named := os.environ.get("NUXARI_TEST_POSTGRES_DSN"):
        yield named
        return
    directory = tmp_path_factory.mktemp("postgres")
    with _postgres_container() if _has_image(POSTGRES_IMAGE) else _embedded_postgres(directory) as dsn:
        yield dsn


@pytest.fixture
async def fresh_database(postgres: str) -> AsyncIterator[str]:
    """The superuser's DSN of a database that only this test uses."""
    name = f"test_{uuid4().hex[:16]}"
    async with _admin(postgres) as admin:
        await admin.execute(f"create database {name}")
    try:
        yield _in_database(postgres, name)
    finally:
        async with _admin(postgres) as admin:
            await admin.execute(f"drop database {name} with (force)")


@contextlib.asynccontextmanager
async def _admin(dsn: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


def _in_database(dsn: str, name: str) -> str:
    login, _, password = dsn.split("://", 1)[1].rsplit("@", 1)[0].partition(":")
    return dsn_of(dsn, name, login, password)


@contextlib.contextmanager
def _embedded_kafka(directory: Path) -> Iterator[str]:
    from shared.embedded.kafka import EmbeddedKafka

    server = EmbeddedKafka(directory)
    server.start()
    try:
        yield server.address
    finally:
        server.stop()


@contextlib.contextmanager
def _embedded_postgres(directory: Path) -> Iterator[str]:
    from shared.embedded.postgres import EmbeddedPostgres

    server = EmbeddedPostgres(directory, fast=True)
    server.start()
    try:
        yield server.dsn
    finally:
        server.stop()


def _has_image(name: str) -> bool:
    """Say whether a container engine answers and holds the image; `NUXARI_TEST_STACK=embedded` says not to ask."""
    if os.environ.get("NUXARI_TEST_STACK") == "embedded":
        return False
    import docker

    try:
        client = docker.from_env(timeout=5)
    except docker.errors.DockerException:
        return False
    try:
        client.images.get(name)
    except docker.errors.DockerException:
        return False
    finally:
        client.close()
    return True


@contextlib.contextmanager
def _kafka_container() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.waiting_utils import wait_for_logs  # noqa: F401 - the broker logs nothing at this level

    from shared.embedded.child import free_port

    port = free_port()
    settings = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }
    container = DockerContainer(KAFKA_IMAGE).with_bind_ports(port, port)
    for name, value in settings.items():
        container = container.with_env(name, value)
    with container:
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def _postgres_container() -> Iterator[str]:
    from testcontainers.community.postgres import PostgresContainer

    with PostgresContainer(POSTGRES_IMAGE, username="nuxari_admin", password="nuxari_admin", driver=None) as container:
        yield container.get_connection_url()
