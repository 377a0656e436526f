"""Topics, databases, logins and tables: after this, Kafka and PostgreSQL are as the services expect them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka.errors import KafkaError

from services.stack.servers import Program
from shared.embedded.child import StartError
from shared.messaging.provision import apply_topics
from shared.persistence.migrate import migrate
from shared.persistence.provision import Logins, dsn_of, kept_passwords, provision, role_names
from shared.settings import StackSettings


def prepare_topics(settings: StackSettings) -> list[str]:
    """Have every topic as the contract says; return what was changed.

    Raises:
        StartError: Kafka does not take them.
    """
    try:
        return asyncio.run(apply_topics(settings.kafka))
    except (KafkaError, ValueError) as error:
        raise StartError(f"Kafka at {settings.kafka} does not take the topics: {error}") from error


def prepare_databases(settings: StackSettings, programs: Sequence[Program], *, admin_dsn: str) -> dict[str, Logins]:
    """Have a database with its logins and newest tables for each service; return the DSNs by service.

    Raises:
        StartError: PostgreSQL cannot be reached or refuses; the text holds no password.
    """
    try:
        logins = asyncio.run(_provision(settings, programs, admin_dsn))
    except OSError as error:
        raise StartError(f"PostgreSQL at {address_of(admin_dsn)} does not answer: {error}") from error
    for program in programs:
        if program.has_migrations:
            migrate(program.name, logins[program.name].owner)
    return logins


async def _provision(settings: StackSettings, programs: Sequence[Program], admin_dsn: str) -> dict[str, Logins]:
    found = {}
    for program in programs:
        passwords = kept_passwords(program.name, directory=settings.secrets)
        found[program.name] = await provision(admin_dsn, program.name, passwords=passwords)
    return found


def address_of(dsn: str) -> str:
    """Return the DSN's `host:port`."""
    return dsn.rsplit("@", 1)[-1].split("/", 1)[0].removeprefix("postgresql:")


def login_dsn(settings: StackSettings, service: str) -> str:
    """Return the DSN of a running stack's service login, for a command that acts with that service's rights."""
    _, login, _ = role_names(service)
    password = kept_passwords(service, directory=settings.secrets)[login]
    external = settings.postgres_dsn
    admin = external.get_secret_value() if external else f"postgresql://127.0.0.1:{settings.postgres_port}/"
    return dsn_of(admin, login, login, password)
