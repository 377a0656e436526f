"""Rules over a file of JSON lines: when each line happened, and what of it could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from services.monitoring.domain.evaluation import Evaluation, Given
from services.monitoring.domain.fields import reader
from services.monitoring.domain.predicates import number_of

TIME_FIELDS = ("time", "timestamp", "@timestamp", "eventTime", "published", "createdDateTime", "activityDateTime")
"""Where a line's time is looked for, in this order, where nobody says."""

_LEAST_MILLISECONDS = 100_000_000_000
"""A number from here on is milliseconds since 1970; below it would be seconds up to the year 5138."""


class Feed:
    """Gives lines to an evaluation and counts those it cannot."""

    def __init__(self, evaluation: Evaluation, *, time_field: str | None = None) -> None:
        self.rejected: Counter[str] = Counter()
        """Lines that were not evaluated, by the reason."""
        self._evaluation = evaluation
        self._times = [reader(name) for name in ([time_field] if time_field else TIME_FIELDS)]
        self._decode = msgspec.json.Decoder().decode

    def take(self, lines: Iterable[bytes]) -> None:
        """Evaluate the lines, each a JSON object; an empty line is none."""
        for place, line in enumerate(lines, start=1):
            if line.strip():
                self._take(place, line)

    def _take(self, place: int, line: bytes) -> None:
        try:
            fields = self._decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.rejected["no JSON"] += 1
            return
        if not isinstance(fields, dict):
            self.rejected["no JSON object"] += 1
            return
        time_ms = self._time(fields)
        if time_ms is None:
            self.rejected["no time"] += 1
            return
        source, event_id = _identity(fields, place)
        self._evaluation.take(Given(place=place, time_ms=time_ms, source=source, id=event_id, fields=fields))

    def _time(self, fields: Mapping[str, Any]) -> int | None:
        value = next((found for read in self._times if (found := read(fields)) is not None), None)
        return None if value is None else milliseconds(value)


def milliseconds(value: Any) -> int | None:  # noqa: ANN401 - any JSON
    """Return a time in milliseconds since 1970: RFC 3339, or a number of seconds or milliseconds; None if it is none.

    A time without an offset is taken for UTC.
    """
    number = number_of(value)
    try:
        if number is not None:
            return round(number if abs(number) >= _LEAST_MILLISECONDS else number * 1000)
        at = datetime.fromisoformat(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)


def _identity(fields: Mapping[str, Any], place: int) -> tuple[str, str]:
    """Return source and id: a CloudEvent's own, as a re-send is a duplicate; any other line is itself alone."""
    source, event_id = fields.get("source"), fields.get("id")
    if "specversion" in fields and isinstance(source, str) and isinstance(event_id, str):
        return source, event_id
    return "", f"{place:012d}"
