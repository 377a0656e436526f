"""What was logged, as it left the process: after the redaction, line by line."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from structlog.stdlib import ProcessorFormatter


class Logs:
    """The log of this test."""

    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]

    def one(self, event: str) -> dict[str, Any]:
        """The only line about that event."""
        (line,) = [line for line in self.lines if line["event"] == event]
        return line


def our_handler() -> logging.StreamHandler[Any]:
    """The handler that `configure` installed."""
    (handler,) = [h for h in logging.getLogger().handlers if isinstance(h.formatter, ProcessorFormatter)]
    assert isinstance(handler, logging.StreamHandler)
    return handler


@pytest.fixture
def logs() -> Iterator[Logs]:
    """The log, as JSON, of what this test does."""
    captured, handler = Logs(), our_handler()
    before = handler.setStream(captured.stream)
    yield captured
    handler.setStream(before or handler.stream)
