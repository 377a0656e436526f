"""Times by a tenant's clock: which hour of the week it was there, and whether people worked."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from services.monitoring.domain.configuration import WorkingHours

_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS
_QUARTER_MS = 900_000
"""Clocks are changed at whole quarters of an hour of UTC nearly everywhere since 1972: within one they stand still."""

_MONDAY = 3
"""1970-01-01 was a Thursday: so many days after a Monday."""

_START = datetime(1970, 1, 1, tzinfo=UTC)

_HOURS = tuple(str(hour) for hour in range(168))

_CACHED = 4_096
"""Quarters of an hour that are looked up once: six weeks."""


class Hours:
    """The clock and the working hours of one tenant. Times are ms since the epoch."""

    def __init__(self, time_zone: str, working: WorkingHours) -> None:
        """Take the zone by its IANA name.

        Raises:
            ValueError: there is no such zone.
        """
        self._zone = _zone(time_zone)
        self._offset: Callable[[int], int | None] = lru_cache(maxsize=_CACHED)(self._offset_of_quarter)
        self._begin_ms = working.begin // timedelta(milliseconds=1)
        self._end_ms = working.end // timedelta(milliseconds=1)
        self._days = frozenset(working.days)

    def hour_of_week(self, time_ms: int) -> str | None:
        """Return `0` to `167`, Monday's first hour being 0; None for a time outside the calendar."""
        local = self._local(time_ms)
        return None if local is None else _HOURS[(local // _HOUR_MS + 24 * _MONDAY) % 168]

    def is_working(self, time_ms: int) -> bool | None:
        """Say whether it was working time; hours that end before they begin go on until the next morning."""
        local = self._local(time_ms)
        if local is None:
            return None
        day, within = (local // _DAY_MS + _MONDAY) % 7, local % _DAY_MS
        if self._begin_ms <= self._end_ms:
            return day in self._days and self._begin_ms <= within < self._end_ms
        begun_yesterday = within < self._end_ms and (day - 1) % 7 in self._days
        return begun_yesterday or (within >= self._begin_ms and day in self._days)

    def _local(self, time_ms: int) -> int | None:
        """Return what a clock on the wall shows, as ms since 1970-01-01 00:00 there."""
        try:
            offset = self._offset(time_ms // _QUARTER_MS)
            return time_ms + (self._offset_at(time_ms) if offset is None else offset)
        except OverflowError:
            return None

    def _offset_of_quarter(self, quarter: int) -> int | None:
        """Return how far the zone is ahead of UTC in that quarter of an hour, None if that changes within it."""
        first, last = self._offset_at(quarter * _QUARTER_MS), self._offset_at((quarter + 1) * _QUARTER_MS - 1)
        return first if first == last else None

    def _offset_at(self, time_ms: int) -> int:
        ahead = (_START + timedelta(milliseconds=time_ms)).astimezone(self._zone).utcoffset()
        return 0 if ahead is None else ahead // timedelta(milliseconds=1)


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{name[:64]!r} is no time zone; an IANA name is needed, such as Europe/Berlin") from None
