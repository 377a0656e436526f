"""What a stack runs: after this, Kafka, PostgreSQL and a service are started and asked in the same way."""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from shared.embedded.child import Child
from shared.settings import SERVICES, StackSettings

if TYPE_CHECKING:
    from shared.persistence.provision import Logins

_ANSWER_SECONDS = 4
"""A service answers /ready within 3 s, also when what it depends on is silent."""

_SECRETS = ("NUXARI_POSTGRES_DSN",)
"""Settings of the stack that no service may see."""


class Server(Protocol):
    """A process that can be started again as it was."""

    child: Child

    @property
    def name(self) -> str:
        """What it is called in the status and in commands."""

    @property
    def url(self) -> str:
        """Where it is reached."""

    @property
    def stop_signal(self) -> signal.Signals:
        """What makes it end in good order."""

    def launch(self) -> None:
        """Start it and do not wait."""

    def answers(self) -> bool:
        """Say whether it does its work now."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """A service that belongs to a stack."""

    name: str
    host: str
    port: int
    command: tuple[str, ...]
    has_migrations: bool = True

    @property
    def url(self) -> str:
        """Its base URL."""
        return f"http://{self.host}:{self.port}"


def programs_of(settings: StackSettings) -> tuple[Program, ...]:
    """Return the four services."""
    # -P: a directory `services` where the command is called must not be taken for ours
    return tuple(
        Program(
            name=name,
            host=settings.host,
            port=settings.port_of(name),
            command=(sys.executable, "-P", "-m", f"services.{name}"),
        )
        for name in SERVICES
    )


class Service:
    """One service as a process; what it may know comes to it through its environment alone."""

    stop_signal = signal.SIGTERM

    def __init__(self, program: Program, *, settings: StackSettings, logins: Logins, log: Path) -> None:
        self._program = program
        self.name = program.name
        self.url = program.url
        self.child = Child(program.name, log=log)
        self._environment = {name: value for name, value in os.environ.items() if name not in _SECRETS} | {
            "NUXARI_HOME": str(settings.home.absolute()),
            "NUXARI_HOST": program.host,
            "NUXARI_PORT": str(program.port),
            "NUXARI_KAFKA_BOOTSTRAP_SERVERS": settings.kafka,
            "NUXARI_DATABASE_DSN": logins.service,
            "NUXARI_RELAY_DSN": logins.relay,
            "NUXARI_IDENTITY_URL": settings.url_of("identity"),
        }

    def launch(self) -> None:
        """Start it and do not wait."""
        self.child.start(self._program.command, environment=self._environment)

    def answers(self) -> bool:
        """Say whether it does its work now."""
        return is_ready(self.url)

    def complaint(self) -> str:
        """Return what it says is missing, for a person; empty if it says nothing."""
        _, body = _asked(self.url)
        checks = body.get("checks", {})
        return "; ".join(f"{name}: {check['detail']}" for name, check in checks.items() if not check["ok"])


def is_ready(url: str) -> bool:
    """Say whether the service at the URL does its work now."""
    status, _ = _asked(url)
    return status == http.client.OK


def _asked(url: str) -> tuple[int, dict[str, dict[str, dict[str, object]]]]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=_ANSWER_SECONDS)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"{}")
    except (OSError, http.client.HTTPException, ValueError):
        return 0, {}
    finally:
        connection.close()
