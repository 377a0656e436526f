"""Where the stack is: after this, a command reaches Kafka without knowing how it was configured."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from nuxari_events.client import AlertStream, EventPublisher

from shared.settings import StackSettings


def home() -> Path:
    """Return the directory of this stack's state."""
    return StackSettings().home


def publisher() -> EventPublisher:
    """Return an unopened publisher to this stack's Kafka."""
    return EventPublisher(StackSettings().kafka)


def alert_stream(*, from_beginning: bool = False, idle_exit: timedelta | None = None) -> AlertStream:
    """Return an unopened reader of this stack's alerts; without a group, so that it takes nothing from anybody."""
    return AlertStream(StackSettings().kafka, from_beginning=from_beginning, idle_exit=idle_exit)
