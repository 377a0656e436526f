"""A real Apache Kafka (KRaft, one broker) from its own jars: after this, an address on loopback, durable on disk."""

from __future__ import annotations

import signal
import socket
import subprocess
from datetime import timedelta
from pathlib import Path

from shared.embedded.child import Child, StartError, free_port
from shared.embedded.jars import default_directory, has_all_jars, locked_jars
from shared.embedded.java import java_command

START_WITHIN = timedelta(seconds=60)
"""Log recovery after a crash is part of a start."""

_CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw"
_NODE_ID = 1
_SCHEME = "kafka://"

_SETTINGS: dict[str, object] = {
    "process.roles": "broker,controller",
    "node.id": _NODE_ID,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "auto.create.topics.enable": "false",
    "broker.heartbeat.interval.ms": 500,
    "broker.session.timeout.ms": 2000,  # a broker that was killed may come back as soon as this is over
    "group.initial.rebalance.delay.ms": 0,
    "group.min.session.timeout.ms": 1000,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 3,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 3,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "share.coordinator.state.topic.num.partitions": 3,
    "default.replication.factor": 1,
    "log.cleaner.dedupe.buffer.size": 16 * 1024 * 1024,
}
"""One node that owns all: internal topics without a second copy and with few partitions, groups that start at once."""


class EmbeddedKafka:
    """One Kafka broker and controller in one process; its state lies under `directory` and outlives it."""

    name = "kafka"
    stop_signal = signal.SIGTERM

    def __init__(self, directory: Path, *, port: int = 0, jars: Path | None = None, log: Path | None = None) -> None:
        """Describe the broker.

        Args:
            directory: of its state and configuration.
            port: on 127.0.0.1; 0 takes a free one.
            jars: the directory of Kafka's jars; None is the user's cache.
            log: the file that it logs to; None is one in `directory`.
        """
        self._directory = directory.absolute()
        self._jars = jars or default_directory()
        self.port = port or free_port()
        self.child = Child("Kafka", log=log or directory / "kafka.log")

    @property
    def address(self) -> str:
        """`host:port`, the bootstrap server."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its address, as a URL."""
        return f"{_SCHEME}{self.address}"

    @property
    def pid(self) -> int | None:
        """The broker's process id."""
        return self.child.pid

    def start(self) -> None:
        """Start it and return when it answers a request.

        Raises:
            StartError: no Java, a jar that is not the locked one, or it did not come up.
        """
        self.launch()
        self.child.wait_until(self.answers, within=START_WITHIN)

    def launch(self) -> None:
        """Start it, on the first time format its storage, and do not wait.

        Raises:
            StartError: no Java, or a jar that is not the locked one.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        java, class_path = java_command(), ":".join(map(str, locked_jars(self._jars)))
        properties = self._write_properties()
        if not (self._directory / "data" / "meta.properties").exists():
            self._format(java, class_path, properties)
        self.child.start([java, *_jvm_options(class_path), "kafka.Kafka", str(properties)])

    def stop(self) -> None:
        """Stop it in good order."""
        self.child.stop(stop_signal=self.stop_signal)

    def answers(self) -> bool:
        """Say whether it answers a request now."""
        return is_answering(self.address)

    def has_jars(self) -> bool:
        """Say whether a start needs no network."""
        return has_all_jars(self._jars)

    def fetch_jars(self) -> None:
        """Fetch Kafka's jars.

        Raises:
            StartError: they cannot be had, or one is not the locked one.
        """
        locked_jars(self._jars)

    def _write_properties(self) -> Path:
        """The controller's port is known to this process alone, so it may be another one each time."""
        controller = free_port()
        addresses = {
            "controller.quorum.voters": f"{_NODE_ID}@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://{self.address},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.address}",
            "log.dirs": self._directory / "data",
        }
        properties = self._directory / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in (_SETTINGS | addresses).items()))
        return properties

    def _format(self, java: str, class_path: str, properties: Path) -> None:
        tool = ["kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER_ID, "--config", str(properties)]
        done = subprocess.run(  # noqa: S603 - a fixed program, no shell
            [java, *_jvm_options(class_path), *tool, "--ignore-formatted"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise StartError(f"Kafka's storage could not be formatted: {' '.join(done.stderr.split())[-300:]}")


def is_answering(address: str) -> bool:
    """Say whether a broker at `host:port` or its URL answers an ApiVersions request (protocol version 0) now."""
    host, _, port = address.removeprefix(_SCHEME).rpartition(":")
    request = bytes.fromhex("0000000f 0012 0000 00000001 0005") + b"ready"
    try:
        with socket.create_connection((host, int(port)), timeout=1) as connection:
            connection.sendall(request)
            return connection.recv(1024)[4:8] == bytes.fromhex("00000001")
    except OSError:
        return False


def _jvm_options(class_path: str) -> list[str]:
    return [
        *("-Xmx384m", "-Xms128m", "-XX:+UseSerialGC", "-XX:+ExitOnOutOfMemoryError"),
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
        *("-cp", class_path),
    ]
