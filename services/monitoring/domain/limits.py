"""How much is remembered, and how late an event may come."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import msgspec

_MILLISECOND = timedelta(milliseconds=1)


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """A tenant that reaches a limit forgets its own, never another's."""

    lateness: timedelta = timedelta(minutes=5)
    """How late an event may come by its own source's clock and still count (NUXARI.md, numbers)."""
    lateness_by_source: Mapping[str, timedelta] = {}
    """Of sources that deliver later, such as those that are polled once a day; 24 h at most."""
    idle: timedelta = timedelta(minutes=10)
    """A source that is silent for so long does not hold time back for the others."""
    future: timedelta = timedelta(minutes=5)
    """An event further ahead of its arrival than this is moved to its arrival: one bad clock must not stop time."""
    groups: int = 100_000
    """Per tenant and rule."""
    events: int = 10_000
    """Per group."""

    @property
    def future_ms(self) -> int:
        """`future` in milliseconds."""
        return self.future // _MILLISECOND

    @property
    def idle_ms(self) -> int:
        """`idle` in milliseconds."""
        return self.idle // _MILLISECOND

    def lateness_of(self, source: str) -> int:
        """Return how late an event of the source may come, in milliseconds."""
        return self.lateness_by_source.get(source, self.lateness) // _MILLISECOND
