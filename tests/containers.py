"""Kafka and PostgreSQL in containers, where an engine answers and holds their images; else none is asked for."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from shared.embedded import kafka, postgres
from shared.embedded.child import free_port

if TYPE_CHECKING:
    from testcontainers.core.container import DockerContainer

KAFKA_IMAGE = "apache/kafka:4.3.0"
POSTGRES_IMAGE = "postgres:18"

os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
"""Read when testcontainers is imported. Each container is removed by its context; a reaper is an image to pull."""

_START_SECONDS = 60

_KAFKA = {
    "KAFKA_NODE_ID": "1",
    "KAFKA_PROCESS_ROLES": "broker,controller",
    "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
    "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
    "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
    "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "3",
    "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
    "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
    "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
    "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    "KAFKA_HEAP_OPTS": "-Xmx384m -XX:+UseSerialGC",
}


def has_image(name: str) -> bool:
    """Say whether to use containers for the image: NUXARI_TEST_STACK=embedded|containers forces one or the other."""
    forced = os.environ.get("NUXARI_TEST_STACK")
    return forced == "containers" or (forced is None and _engine_holds(name))


@contextlib.contextmanager
def kafka_container() -> Iterator[str]:
    """Give the bootstrap servers of a Kafka in a container."""
    from testcontainers.core.container import DockerContainer

    port = free_port()
    # root: the image's start rewrites its own settings files, which a build may have made read-only
    container = _on_loopback(DockerContainer(KAFKA_IMAGE, user="root"), port, port)
    addresses = {
        "KAFKA_LISTENERS": f"PLAINTEXT://:{port},CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
    }
    for name, value in (_KAFKA | addresses).items():
        container = container.with_env(name, value)
    with container:
        _wait_for(kafka.is_answering, f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def postgres_container() -> Iterator[str]:
    """Give the superuser's DSN of a PostgreSQL in a container."""
    from testcontainers.core.container import DockerContainer

    port = free_port()
    container = (
        _on_loopback(DockerContainer(POSTGRES_IMAGE), 5432, port)
        .with_env("POSTGRES_USER", postgres.SUPERUSER)
        .with_env("POSTGRES_PASSWORD", "made-up")
        .with_env("POSTGRES_DB", "postgres")
        .with_command("postgres -c max_connections=200 -c fsync=off")
    )
    with container:
        _wait_for(postgres.is_answering, f"127.0.0.1:{port}")
        yield f"postgresql://{postgres.SUPERUSER}:made-up@127.0.0.1:{port}/postgres"


def _on_loopback(container: DockerContainer, inside: int, outside: int) -> DockerContainer:
    """Open the port on this machine alone; the library's own `with_bind_ports` opens it to every network."""
    container.ports[str(inside)] = ("127.0.0.1", outside)  # type: ignore[assignment]
    return container


def _engine_holds(image: str) -> bool:
    import docker

    try:
        with contextlib.closing(docker.from_env(timeout=5)) as client:
            client.images.get(image)
    except docker.errors.DockerException:
        return False
    return True


def _wait_for(answers: Callable[[str], bool], address: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not answers(address):
        if time.monotonic() > deadline:
            raise AssertionError(f"the container at {address} gives no answer")
        time.sleep(0.1)
