"""`nuxari-security provision`: after this, Kafka and PostgreSQL are as this version of the services expects them."""

from __future__ import annotations

import typer

from services.cli.screen import OUTPUT, fail
from services.stack.preparation import prepare_databases, prepare_topics
from services.stack.servers import programs_of
from shared.embedded.child import StartError
from shared.settings import StackSettings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(provision)


def provision() -> None:
    """Have every topic, database, login and table; needs NUXARI_KAFKA_BOOTSTRAP_SERVERS and NUXARI_POSTGRES_DSN.

    What is right already stays as it is, so it may be called before every start. `nuxari-security up` does the same.
    """
    settings = StackSettings()
    if settings.postgres_dsn is None or settings.kafka_bootstrap_servers is None:
        fail("provision: set NUXARI_KAFKA_BOOTSTRAP_SERVERS and NUXARI_POSTGRES_DSN, a superuser's")
    programs = programs_of(settings)
    try:
        changed = prepare_topics(settings)
        prepare_databases(settings, programs, admin_dsn=settings.postgres_dsn.get_secret_value())
    except StartError as error:
        fail(f"provision: {error}")
    names = ", ".join(program.name for program in programs)
    OUTPUT.print(f"{len(changed)} topics changed; databases are up to date: {names}", highlight=False, soft_wrap=True)
