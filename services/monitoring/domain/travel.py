"""Journeys that nobody can have made: great-circle speed between one event and the next, in event time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import asin, cos, radians, sin, sqrt
from typing import NamedTuple

from services.monitoring.domain.extensions import Travel
from services.monitoring.domain.fields import number_of
from services.monitoring.domain.holds import Hold
from services.monitoring.domain.measures import Occurrence

EARTH_KM = 6371.0088
"""Mean radius (IUGG)."""

_HOUR_MS = 3_600_000


class _Located(NamedTuple):
    place: int
    time_ms: int
    latitude: float
    longitude: float
    is_doubted: bool
    same: object


def impossible_travel(extension: Travel, occurrences: Sequence[Occurrence], *, width: int) -> Iterator[Hold]:
    """Yield where the place before is too far away for the time between; the value is in km/h."""
    before: _Located | None = None
    for one in located(extension, occurrences):
        if before is not None and one.time_ms - before.time_ms < width:
            speed = _speed(extension, before, one)
            if speed is not None:
                yield Hold(one.place, one.place, one.place, speed, before.time_ms, one.time_ms, "", (before.place,))
        before = one


def located(extension: Travel, occurrences: Sequence[Occurrence]) -> Iterator[_Located]:
    """Yield the occurrences of which the place is known."""
    doubts = len(extension.unless_both)
    for place, one in enumerate(occurrences):
        latitude, longitude = number_of(one.extra[0]), number_of(one.extra[1])
        if latitude is not None and longitude is not None and abs(latitude) <= 90 and abs(longitude) <= 180:  # noqa: PLR2004 - degrees
            is_doubted = any(value is True for value in one.extra[2 : 2 + doubts])
            same = one.extra[2 + doubts] if extension.same else None
            yield _Located(place, one.time_ms, latitude, longitude, is_doubted, same)


def _speed(extension: Travel, before: _Located, one: _Located) -> float | None:
    """Return the speed if it is an impossible one."""
    if (before.is_doubted and one.is_doubted) or (one.same is not None and one.same == before.same):
        return None
    distance = distance_km(before.latitude, before.longitude, one.latitude, one.longitude)
    speed = distance * _HOUR_MS / max(one.time_ms - before.time_ms, 1)
    return round(speed, 1) if distance >= extension.distance_km and speed >= extension.speed_kmh else None


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Return the length of the great circle between two places (haversine)."""
    north, east = radians(other_latitude - latitude) / 2, radians(other_longitude - longitude) / 2
    chord = sin(north) ** 2 + cos(radians(latitude)) * cos(radians(other_latitude)) * sin(east) ** 2
    return 2 * EARTH_KM * asin(sqrt(min(1.0, chord)))
