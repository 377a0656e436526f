"""Monitoring end to end: Kafka to alert with all detections, in its own process, against a per-message handler.

The per-message handler decodes each event by the contract and asks the same engine; it keeps no state and announces
nothing, so it does less. What is measured is CPU seconds of the consuming process, from the first event to the last.
Latency is what `simulate` measures: from the delivery of the event that completes an attack to its alert's arrival.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer
from nuxari_events.topics import SECURITY_ALERTS
from nuxari_events.wire import decode, encode

from bench.result import Result, agree
from bench.servers import Servers, servers
from services.simulator.scenario import Scenario
from services.simulator.scoring import score
from services.simulator.sightings import AlertBook
from services.simulator.simulation import Simulation, simulation
from shared.embedded.child import free_port
from shared.messaging.provision import apply_topics
from shared.persistence.migrate import migrate
from shared.persistence.provision import Logins, kept_passwords, provision

NAME = "monitoring"
TENANTS = 6
SPAN = timedelta(hours=12)
USERS = 400
PACED_RATE = 5000
PACED_SPAN = "48h"
ATTACKS = 28
PLAIN_EVENTS = 10_000
"""It is slow; its rate does not depend on how many there are."""
READY_SECONDS = 60
DRAIN_SECONDS = 120
CLI = (sys.executable, "-c", "from services.cli import main; main()")


def run() -> Result:
    """Measure throughput of both, then latency at a paced rate."""
    with servers() as where:
        logins = asyncio.run(_prepare(where))
        migrate(NAME, logins.owner)
        simulated = _simulations()
        records = _records(simulated)
        with _running(where, logins) as (process, url):
            ours = _drained(where, records, process, url)
            agree("what should be missed or false, and what is", (0, 0), _judged(where, simulated))
            paced = _paced(where)
        with _plain(where) as (process, url):
            plain = _drained(where, None, process, url, expected=PLAIN_EVENTS)
    return Result(
        name=NAME,
        value=ours["events"] / ours["cpu_seconds"],
        unit="events per CPU second",
        against=plain["events"] / plain["cpu_seconds"],
        against_what="a per-message FastStream handler that decodes by the contract and asks the same engine",
        aim="40,000 events per CPU second; p99 below 1,000 ms at 5,000 events/s",
        details={"events": len(records), "tenants": TENANTS, "ours": ours, "plain": plain, "paced": paced},
    )


async def _prepare(where: Servers) -> Logins:
    await apply_topics(where.kafka)
    return await provision(where.postgres, NAME, passwords=kept_passwords(NAME, directory=where.home))


def _simulations() -> list[Simulation]:
    until = datetime.now(UTC)
    return [
        simulation(
            Scenario(tenant_id=f"bench-{number}", seed=number, until=until, duration=SPAN, users=USERS, attacks=ATTACKS)
        )
        for number in range(TENANTS)
    ]


def _records(simulated: Sequence[Simulation]) -> list[tuple[str, bytes, bytes]]:
    """Return `(topic, key, value)` of all, late events and duplicates included, tenants evenly among each other."""
    places = []
    for one in simulated:
        events = list(one.events())
        places += [(place / len(events), event) for place, event in enumerate(events)]
    places.sort(key=lambda pair: pair[0])
    encoded = (encode(event) for _, event in places)
    return [(one.topic, one.key, one.value) for one in encoded]


@contextlib.contextmanager
def _running(where: Servers, logins: Logins) -> Iterator[tuple[psutil.Process, str]]:
    """Run monitoring as it is run; it has nothing to do yet when this returns."""
    port = free_port()
    environment = os.environ | {
        "NUXARI_HOME": str(where.home),
        "NUXARI_PORT": str(port),
        "NUXARI_KAFKA_BOOTSTRAP_SERVERS": where.kafka,
        "NUXARI_DATABASE_DSN": logins.service,
        "NUXARI_RELAY_DSN": logins.relay,
        "NUXARI_LOG_LEVEL": "warning",
    }
    with _process([sys.executable, "-m", "services.monitoring"], environment, where.home) as process:
        url = f"http://127.0.0.1:{port}"
        _until(lambda: _answer(f"{url}/ready") is not None, READY_SECONDS, "monitoring is ready")
        yield process, url


@contextlib.contextmanager
def _plain(where: Servers) -> Iterator[tuple[psutil.Process, str]]:
    port = free_port()
    environment = os.environ | {"BENCH_KAFKA": where.kafka, "BENCH_PORT": str(port)}
    with _process([sys.executable, "-m", "bench.plain_monitoring"], environment, where.home) as process:
        url = f"http://127.0.0.1:{port}"
        _until(lambda: _answer(f"{url}/metrics") is not None, READY_SECONDS, "the handler answers")
        yield process, url


@contextlib.contextmanager
def _process(command: Sequence[str], environment: dict[str, str], home: Path) -> Iterator[psutil.Process]:
    with (home / f"{command[-1]}.log").open("wb") as log:
        started = subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - our own modules
    try:
        yield psutil.Process(started.pid)
    finally:
        started.terminate()
        started.wait(60)


def _drained(
    where: Servers,
    records: Sequence[tuple[str, bytes, bytes]] | None,
    process: psutil.Process,
    url: str,
    *,
    expected: int | None = None,
) -> dict[str, float]:
    """Publish the records, if there are any, and wait until all were consumed; return what that cost the consumer."""
    wanted = expected or len(records or ())
    begun, before = time.perf_counter(), _cpu(process)
    if records is not None:
        asyncio.run(_publish(where.kafka, records))
    _until(lambda: _consumed(url) >= wanted, DRAIN_SECONDS, f"{wanted} events are consumed")
    return {
        "events": _consumed(url),
        "cpu_seconds": round(_cpu(process) - before, 2),
        "wall_seconds": round(time.perf_counter() - begun, 2),
        "resident_mb": round(process.memory_info().rss / 1e6),
    }


def _cpu(process: psutil.Process) -> float:
    used = process.cpu_times()
    return float(used.user + used.system)


async def _publish(kafka: str, records: Sequence[tuple[str, bytes, bytes]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka, enable_idempotence=True, linger_ms=10, max_batch_size=262_144)
    await producer.start()
    try:
        sent = [await producer.send(topic, key=key, value=value) for topic, key, value in records]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


def _consumed(url: str) -> float:
    text = _answer(f"{url}/metrics") or ""
    lines = (
        line for line in text.splitlines() if line.startswith('nuxari_records_consumed_total{consumer="monitoring"')
    )
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines)


def _judged(where: Servers, simulated: Sequence[Simulation]) -> tuple[int, int]:
    """Return how many attacks were missed and how many alerts stand for nothing, when no more alerts come."""
    out = _command(where, "alerts", "tail", "--json", "--from-beginning", "--idle-exit", "5")
    book = AlertBook()
    for line in out.splitlines():
        book.note(decode(SECURITY_ALERTS, value=line.encode(), headers=()), arrived=0)
    attacks = [attack for one in simulated for attack in one.attacks]
    verdict = score(attacks, sightings=book.sightings, delivered={})
    return verdict.missed, len(verdict.false_alerts)


def _paced(where: Servers) -> dict[str, Any]:
    out = _command(where, "simulate", "--json", "--rate", str(PACED_RATE), "--duration", PACED_SPAN, "--seed", "77")
    shown = ("events", "seconds", "attacks", "found", "missed", "false_alerts", "p50_ms", "p99_ms")
    return {"asked_rate": PACED_RATE} | {name: json.loads(out)[name] for name in shown}


def _command(where: Servers, *arguments: str) -> str:
    environment = os.environ | {"NUXARI_KAFKA_BOOTSTRAP_SERVERS": where.kafka, "NUXARI_HOME": str(where.home)}
    done = subprocess.run([*CLI, *arguments], env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout


def _answer(url: str) -> str | None:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - loopback
            return str(response.read().decode())
    except (urllib.error.URLError, OSError):
        return None


def _until(reached: Any, seconds: float, what: str) -> None:  # noqa: ANN401 - a predicate
    deadline = time.monotonic() + seconds
    while not reached():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.25)
