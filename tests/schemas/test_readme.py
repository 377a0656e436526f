"""What the README shows works as it stands."""

from __future__ import annotations

import asyncio
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nuxari_events.client import EventPublisher
from nuxari_events.topics import BY_EVENT_TYPE, TOPICS

from tests.schemas.conftest import AnAlert
from tests.schemas.golden import SCHEMAS, SIGN_IN, golden_text

README = (SCHEMAS / "README.md").read_text(encoding="utf-8")
SERVERS = "localhost:19092"

PUBLISH, READ = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
KCAT = [line for line in README.replace("\\\n", "").splitlines() if line.startswith("kcat ")]

needs_kcat = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")


def test_the_table_names_every_event_type_and_topic() -> None:
    named = set(re.findall(r"^\| \*{0,2}`([a-z0-9_.]+)`", README, re.MULTILINE))

    assert named == BY_EVENT_TYPE.keys() | {topic.name for topic in TOPICS}


def test_the_shown_publisher_publishes(broker: str) -> None:
    command = [sys.executable, "-c", PUBLISH.replace(SERVERS, broker)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own text

    assert done.stdout.startswith("Receipt(topic='access.activity', partition=0, offset=")


async def test_the_shown_reader_prints_alerts(
    broker: str, publisher: EventPublisher, an_alert: AnAlert, group: str, tenant: str
) -> None:
    await publisher.publish(an_alert())
    program = READ.replace(SERVERS, broker).replace("my-soar", group)
    reader = await asyncio.create_subprocess_exec(sys.executable, "-u", "-c", program, stdout=subprocess.PIPE)
    assert reader.stdout is not None

    async with asyncio.timeout(60):
        line = await anext(line async for line in reader.stdout if tenant.encode() in line)
    reader.kill()
    await reader.wait()

    assert line.startswith(b"nuxari.security.alert_raised.v1 ")
    await reader.communicate()


@needs_kcat
def test_the_shown_kcat_lines_publish_what_everybody_reads_in_the_tenant_s_partition(
    broker: str, tmp_path: Path
) -> None:
    for name in ("event.json", "events.jsonl"):
        (tmp_path / name).write_bytes(b"".join(golden_text(SIGN_IN).splitlines()) + b"\n")
    one, several, read = (shlex.split(line.replace(SERVERS, broker)) for line in KCAT)

    before = _count(broker)
    for command in (one, several):
        subprocess.run(command, check=True, cwd=tmp_path)  # noqa: S603 - our own text

    assert _count(broker) == before + 2
    assert subprocess.run(read, capture_output=True, check=True, timeout=60).returncode == 0  # noqa: S603 - our own text


def _count(broker: str) -> int:
    """How many events lie in the partition that Java clients choose for the tenant `acme`, which is 0."""
    command = ["kcat", "-Q", "-b", broker, "-t", "access.activity:0:-1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own text
    return int(done.stdout.rsplit(" ", 1)[-1])
