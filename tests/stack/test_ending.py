"""A service that is told to stop ends in its grace time with exit code 0, whatever is away; and says what is."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import psutil
import pytest

from services.stack.servers import is_ready
from services.stack.stack import SERVICE_GRACE
from shared.embedded.child import Child, free_port, is_taken
from shared.embedded.kafka import EmbeddedKafka
from shared.embedded.postgres import EmbeddedPostgres
from shared.messaging.provision import apply_topics
from tests.conftest import _in_database
from tests.messaging.stage import Stage, a_sign_in, applied, publish, set_the_stage
from tests.waiting import until

SOON = timedelta(seconds=40)

Server = EmbeddedKafka | EmbeddedPostgres


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Server]]:
    """A Kafka and a PostgreSQL that the tests of this module may kill and freeze."""
    found: dict[str, Server] = {
        "kafka": EmbeddedKafka(tmp_path_factory.mktemp("kafka")),
        "postgres": EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), fast=True),
    }
    for server in found.values():
        server.launch()
    for server in found.values():
        server.child.wait_until(server.answers, within=timedelta(seconds=60))
    yield found
    for server in found.values():
        server.stop()


@pytest.fixture
async def stage(servers: dict[str, Any]) -> Stage:
    await apply_topics(servers["kafka"].address, within=timedelta(seconds=30))
    connection = await asyncpg.connect(servers["postgres"].dsn)
    name = f"test_{uuid4().hex[:16]}"
    await connection.execute(f"create database {name}")
    await connection.close()
    return await set_the_stage(servers["kafka"].address, _in_database(servers["postgres"].dsn, name))


class Lone:
    """The service as a process."""

    def __init__(self, stage: Stage, home: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.child = Child("lone", log=home / "lone.log")
        script = str(Path(__file__).with_name("lone_service.py"))
        self.child.start([sys.executable, script], environment=stage.environment() | {"PORT": str(self.port)})

    async def is_ready(self) -> None:
        await until(self._answers_or_ended, within=SOON, what="the service is ready")
        assert self.child.exit_code is None, self.child.last_words()

    async def _answers_or_ended(self) -> bool:
        return self.child.exit_code is not None or await asyncio.to_thread(is_ready, self.url)

    def complaints(self) -> dict[str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        with contextlib.closing(connection):
            connection.request("GET", "/ready")
            checks = json.loads(connection.getresponse().read())["checks"]
        return {name: check["detail"] for name, check in checks.items() if not check["ok"]}

    async def ends(self) -> int | None:
        await until(lambda: self.child.exit_code is not None, within=SERVICE_GRACE, what="the service has ended")
        return self.child.exit_code


@pytest.fixture
async def lone(stage: Stage, tmp_path: Path) -> AsyncIterator[Callable[[], Lone]]:
    """Starts the service; ended with the test."""
    started: list[Lone] = []

    def start() -> Lone:
        started.append(Lone(stage, tmp_path))
        return started[-1]

    yield start
    for service in started:
        service.child.kill()


@contextmanager
def frozen(server: Server) -> Iterator[None]:
    """It holds its connections and answers nothing."""
    parent = psutil.Process(server.pid)
    processes = [parent, *parent.children(recursive=True)]
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


@contextmanager
def killed(server: Server) -> Iterator[None]:
    server.child.kill()
    try:
        yield
    finally:
        server.start()


@asynccontextmanager
async def all_away(servers: dict[str, Server], *names: str, how: Callable[[Server], Any]) -> AsyncIterator[None]:
    with contextlib.ExitStack() as away:
        for name in names:
            away.enter_context(how(servers[name]))
        yield


AWAY = [
    pytest.param(["kafka"], killed, id="kafka killed"),
    pytest.param(["kafka"], frozen, id="kafka frozen"),
    pytest.param(["postgres"], killed, id="postgres killed"),
    pytest.param(["postgres"], frozen, id="postgres frozen"),
    pytest.param(["kafka", "postgres"], frozen, id="both frozen"),
]


@pytest.mark.parametrize(("names", "how"), AWAY)
async def test_a_service_that_is_told_to_stop_ends_well_in_its_time_whatever_is_away(
    servers: dict[str, Server], stage: Stage, lone: Callable[[], Lone], names: list[str], how: Any
) -> None:
    service = lone()
    await service.is_ready()
    await publish(stage, [a_sign_in() for _ in range(50)])

    async with all_away(servers, *names, how=how):
        service.child.ask_to_stop()
        code = await service.ends()

    assert code == 0, service.child.last_words()


@pytest.mark.parametrize(("names", "how"), [AWAY[1], AWAY[3]])
async def test_a_service_that_still_waits_for_its_servers_ends_when_it_is_told_to(
    servers: dict[str, Server], lone: Callable[[], Lone], names: list[str], how: Any
) -> None:
    async with all_away(servers, *names, how=how):
        service = lone()
        await until(lambda: is_taken(service.port), within=SOON, what="the service listens")
        service.child.ask_to_stop()
        code = await service.ends()

    assert code == 0, service.child.last_words()


async def test_a_service_says_that_kafka_is_silent_and_goes_on_when_it_speaks_again(
    servers: dict[str, Server], stage: Stage, lone: Callable[[], Lone]
) -> None:
    service = lone()
    await service.is_ready()

    with frozen(servers["kafka"]):
        await until(lambda: "consumers" in service.complaints(), within=SOON, what="a complaint about Kafka")
        complaint = service.complaints()["consumers"]

    assert "had no answer from Kafka for" in complaint
    await service.is_ready()
    event = a_sign_in()
    await publish(stage, [event])

    async def is_applied() -> bool:
        return await applied(stage) == [("acme", event.id)]

    await until(is_applied, within=SOON, what="the event is applied")


async def test_a_service_whose_kafka_client_gave_up_ends_to_be_started_again(
    stage: Stage, lone: Callable[[], Lone]
) -> None:
    service = lone()
    await service.is_ready()

    os.kill(service.child.pid or 0, signal.SIGUSR1)

    assert await service.ends() == 1
    assert service.child.last_words().startswith(f"RuntimeError: consumer {stage.group} has ended")
