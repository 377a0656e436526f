"""A terminal at a Kafka with topics, and a tenant of its own for each test."""

from __future__ import annotations

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from shared.messaging.provision import apply_topics
from tests.cli.terminal import Terminal


@pytest.fixture(scope="session")
def kafka_with_topics(kafka: str) -> str:
    asyncio.run(apply_topics(kafka, replication_factor=1))
    return kafka


@pytest.fixture
def terminal(kafka_with_topics: str, tmp_path: Path) -> Terminal:
    return Terminal(kafka_with_topics, tmp_path / "home")


@pytest.fixture
def tenant() -> str:
    return f"t-{uuid4().hex[:12]}"
