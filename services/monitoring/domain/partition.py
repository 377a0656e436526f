"""One partition of all topics: its streams side by side, the engine that they feed, and when time goes on in it."""

from __future__ import annotations

from typing import Generic

from services.monitoring.domain.engine import Engine
from services.monitoring.domain.lanes import Lanes, R
from services.monitoring.domain.model import Change

MOST_UNSWEPT = 50_000
"""Matches that are kept while a backlog is read, however the topics follow each other in it: some 20 MB. With more of
them time goes on as it did when the backlog was written."""


class Partition(Generic[R]):
    """What one process knows of a partition number."""

    def __init__(self, engine: Engine, lanes: Lanes[R]) -> None:
        self.engine = engine
        self.lanes = lanes
        self._swept_at = 0

    def advance(self, *, now_ms: int) -> list[Change]:
        """Look at what was put off, and at what is missing by now if every stream has come so far."""
        return self.engine.advance(now_ms=self.lanes.time_ms(now_ms) if self.lanes.has_caught_up() else 0)

    def sweep(self, *, now_ms: int) -> list[Change]:
        """Close and forget what is over, by the time that has come for every stream.

        Time stands still until a backlog is read: whatever was written before this process came may still concern
        what it has read, in whatever order the topics were filled.
        """
        matched = self.engine.counters["matched"]
        if not self.lanes.has_caught_up() and matched - self._swept_at <= MOST_UNSWEPT:
            return []
        self._swept_at = matched
        return self.engine.sweep(now_ms=self.lanes.time_ms(now_ms))
