"""Which minutes of a week are working time, so that two ways to say it can be compared."""

from __future__ import annotations

from datetime import timedelta

from services.monitoring.domain.configuration import WorkingHours

_DAY = 24 * 60
_WEEK = 7 * _DAY
_MINUTE = timedelta(minutes=1)


def working_minutes(hours: WorkingHours) -> frozenset[int]:
    """Return the minutes since Monday 00:00; hours that end before they begin go on until the next morning."""
    begin, end = hours.begin // _MINUTE, hours.end // _MINUTE
    length = end - begin if begin <= end else end - begin + _DAY
    return frozenset((day * _DAY + begin + minute) % _WEEK for day in hours.days for minute in range(length))
