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
from tests.containers import KAFKA_IMAGE, POSTGRES_IMAGE, has_image, kafka_container, postgres_container


@pytest.fixture(scope="session", autouse=True)
def _logs_as_in_production() -> None:
    configure(level="info", form="json")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a real Kafka."""
    if named := os.environ.get("NUXARI_TEST_KAFKA_BOOTSTRAP_SERVERS"):
        yield named
        return
    directory = tmp_path_factory.mktemp("kafka")
    with kafka_container() if has_image(KAFKA_IMAGE) else _embedded_kafka(directory) as address:
        yield address


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The superuser's DSN of a real PostgreSQL."""
    if named := os.environ.get("NUXARI_TEST_POSTGRES_DSN"):
        yield named
        return
    directory = tmp_path_factory.mktemp("postgres")
    with postgres_container() if has_image(POSTGRES_IMAGE) else _embedded_postgres(directory) as dsn:
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
