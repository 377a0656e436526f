"""A Kafka and a PostgreSQL of the benchmark's own, as durable as in production, and a service's database in it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from shared.embedded.kafka import EmbeddedKafka
from shared.embedded.postgres import EmbeddedPostgres
from shared.persistence import ddl
from shared.persistence.provision import Logins, kept_passwords, provision

SERVICE = "benchmark"

_TABLE = f"""
create table applied (
    tenant_id text not null, consumer text not null, event_id text not null, subject text not null,
    primary key (tenant_id, consumer, event_id)
);
{ddl.tenant_table("applied", service=SERVICE)}
"""


@dataclass(frozen=True, kw_only=True)
class Servers:
    """Where they are."""

    kafka: str
    postgres: str
    """A superuser's DSN."""
    home: Path


@contextlib.contextmanager
def servers() -> Iterator[Servers]:
    """Start both on free ports, and stop them."""
    with tempfile.TemporaryDirectory(prefix="nuxari-bench-", ignore_cleanup_errors=True) as directory:
        home = Path(directory)
        postgres, kafka = EmbeddedPostgres(home / "postgres"), EmbeddedKafka(home / "kafka")
        try:
            postgres.start()
            kafka.start()
            yield Servers(kafka=kafka.address, postgres=postgres.dsn, home=home)
        finally:
            kafka.stop()
            postgres.stop()


async def database(where: Servers) -> Logins:
    """Return the logins of a database with the mechanism's tables and one table to write to."""
    logins = await provision(where.postgres, SERVICE, passwords=kept_passwords(SERVICE, directory=where.home))
    owner = await asyncpg.connect(logins.owner)
    try:
        await owner.execute(ddl.mechanism(SERVICE) + _TABLE)
    finally:
        await owner.close()
    return logins
