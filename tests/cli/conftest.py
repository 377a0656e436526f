"""A terminal at a Kafka with topics, and a tenant of its own for each test."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.errors import KafkaError

from shared.messaging.provision import apply_topics
from tests.cli.terminal import Terminal
from tests.waiting import until


@pytest.fixture(scope="session")
def kafka_with_topics(kafka: str) -> str:
    asyncio.run(until(lambda: _has_topics(kafka), within=timedelta(seconds=30), what="a Kafka that takes its topics"))
    return kafka


async def _has_topics(kafka: str) -> bool:
    """A broker that has just come up may not have elected its leaders yet."""
    try:
        await apply_topics(kafka, replication_factor=1)
    except KafkaError as error:
        if not error.retriable:
            raise
        return False
    return True


@pytest.fixture
def terminal(kafka_with_topics: str, tmp_path: Path) -> Terminal:
    return Terminal(kafka_with_topics, tmp_path / "home")


@pytest.fixture
def tenant() -> str:
    return f"t-{uuid4().hex[:12]}"
