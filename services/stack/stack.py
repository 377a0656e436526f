"""Start, watch and stop: every process is a child of this one, known by its pid, and none outlives it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta

from services.stack.preparation import address_of, prepare_databases, prepare_topics
from services.stack.servers import Program, Server, Service
from services.stack.state import Process, State, forget
from services.stack.stopping import StopRequest
from services.stack.supervision import Supervisor
from shared.embedded.child import StartError, is_taken
from shared.embedded.kafka import EmbeddedKafka
from shared.embedded.postgres import EmbeddedPostgres
from shared.persistence.provision import Logins
from shared.settings import StackSettings

READY_WITHIN = timedelta(seconds=60)
"""Of one process; recovery after a crash is part of a start."""

SERVICE_GRACE = timedelta(seconds=25)
"""A service that is told to stop finishes what it has in hand, also while what it depends on is away."""

_LOOK_EVERY_SECONDS = 0.2

Step = Callable[[str], AbstractContextManager[object]]
"""Shows a person that something is being done, for as long as its context lasts."""


class Stack:
    """The processes of one home directory, which the caller holds the lock of."""

    def __init__(
        self, settings: StackSettings, *, programs: Sequence[Program], say: Callable[[str], None], step: Step
    ) -> None:
        """Describe the stack.

        Args:
            settings: its home, addresses and ports.
            programs: its services, in the order they are started.
            say: takes one line about what happened.
            step: shows what is being waited for.
        """
        self._settings = settings
        self._home = settings.home.absolute()
        self._programs = programs
        self._say, self._step = say, step
        self._stop_request = StopRequest()
        self._postgres: EmbeddedPostgres | None = None
        self._kafka: EmbeddedKafka | None = None
        self._services: list[Service] = []

    def run(self) -> None:
        """Bring everything up, say `ready`, start again what dies, and stop everything when asked by a signal.

        Raises:
            StartError: something did not come up; what was started is stopped again.
        """
        with self._stop_request:
            self._refuse_taken_ports()
            self._save()
            try:
                self._bring_up()
                self._say(self._ready_line())
                self._supervise()
            finally:
                self._take_down()

    def _bring_up(self) -> None:
        admin_dsn = self._launch_postgres()
        self._launch_kafka()
        for server in self._servers():
            self._await(server)
        with self._step("topics"), self._stop_request.awaited():
            prepare_topics(self._settings)
        with self._step("databases"), self._stop_request.awaited():
            logins = prepare_databases(self._settings, self._programs, admin_dsn=admin_dsn)
        self._launch_services(logins)
        for service in self._services:
            self._await(service, why=service.complaint)

    def _launch_postgres(self) -> str:
        if self._settings.postgres_dsn is not None:
            return self._settings.postgres_dsn.get_secret_value()
        self._postgres = EmbeddedPostgres(
            self._home / "postgres", port=self._settings.postgres_port, log=self._home / "logs" / "postgres.log"
        )
        self._launch(self._postgres)
        return self._postgres.dsn

    def _launch_kafka(self) -> None:
        if self._settings.kafka_bootstrap_servers is not None:
            return
        self._kafka = EmbeddedKafka(
            self._home / "kafka",
            port=self._settings.kafka_port,
            jars=self._settings.kafka_jars,
            log=self._home / "logs" / "kafka.log",
        )
        if not self._kafka.has_jars():
            with self._step("fetching Kafka, once: 44 MB"), self._stop_request.awaited():
                self._kafka.fetch_jars()
        self._launch(self._kafka)

    def _launch_services(self, logins: dict[str, Logins]) -> None:
        for program in self._programs:
            log = self._home / "logs" / f"{program.name}.log"
            service = Service(program, settings=self._settings, logins=logins[program.name], log=log)
            self._services.append(service)
            self._launch(service)

    def _launch(self, server: Server) -> None:
        """Never given up half-way: whoever starts after us must find what we started."""
        server.launch()
        self._save()

    def _await(self, server: Server, *, why: Callable[[], str] = lambda: "") -> None:
        with self._step(f"{server.name} {server.url}"), self._stop_request.awaited():
            server.child.wait_until(server.answers, within=READY_WITHIN, why=why)

    def _supervise(self) -> None:
        supervisor = Supervisor([*self._servers(), *self._services], say=self._say, launch=self._launch)
        while True:
            with self._stop_request.awaited():
                time.sleep(_LOOK_EVERY_SECONDS)
            supervisor.look()

    def _take_down(self) -> None:
        """Services together, then Kafka, then PostgreSQL: the reverse of how they depend on each other."""
        for service in self._services:
            service.child.ask_to_stop(service.stop_signal)
        for server in (*self._services, *self._servers()):
            server.child.stop(stop_signal=server.stop_signal, grace=SERVICE_GRACE)
        forget(self._home)

    def _servers(self) -> list[Server]:
        return [server for server in (self._kafka, self._postgres) if server is not None]

    def _save(self) -> None:
        """PostgreSQL first and services last: what needs another stands after it."""
        described = (Process.of(server) for server in (*reversed(self._servers()), *self._services))
        processes = tuple(process for process in described if process is not None)
        State(os.getpid(), self._settings.kafka, self._postgres_address(), processes).save(self._home)

    def _postgres_address(self) -> str:
        external = self._settings.postgres_dsn
        return address_of(external.get_secret_value()) if external else f"127.0.0.1:{self._settings.postgres_port}"

    def _ready_line(self) -> str:
        services = "  ".join(f"{program.name} {program.url}" for program in self._programs)
        return f"ready  {services}  kafka {self._settings.kafka}  postgres {self._postgres_address()}"

    def _refuse_taken_ports(self) -> None:
        wanted = {f"NUXARI_{one.name.upper()}_PORT": (one.host, one.port) for one in self._programs}
        if self._settings.kafka_bootstrap_servers is None:
            wanted["NUXARI_KAFKA_PORT"] = ("127.0.0.1", self._settings.kafka_port)
        if self._settings.postgres_dsn is None:
            wanted["NUXARI_POSTGRES_PORT"] = ("127.0.0.1", self._settings.postgres_port)
        for setting, (host, port) in wanted.items():
            if is_taken(port, host=host):
                raise StartError(f"port {port} of {host} is taken by another program: set {setting} to a free one")
