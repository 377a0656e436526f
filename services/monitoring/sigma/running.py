"""Rules over JSON lines: which fields of a line are decoded at all, when it happened, and what could not be used."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import msgspec

from services.monitoring.domain.checks import time_of
from services.monitoring.domain.conditions import Exists, fields_of, leaves
from services.monitoring.domain.evaluation import Evaluation, Given
from services.monitoring.domain.fields import Read, reader
from services.monitoring.domain.findings import Evidence
from services.monitoring.domain.grouping import fields_read, interests
from services.monitoring.domain.layout import Dictionaries, Structs
from services.monitoring.domain.matching import Matcher
from services.monitoring.domain.sigma import RuleSet

TIME_FIELDS = ("time", "timestamp", "@timestamp", "eventTime", "published", "createdDateTime", "activityDateTime")
"""Where a line's time is looked for, in this order, where nobody says; the first that holds a time is taken."""

CHUNK = 256 * 1024
"""Bytes that are decoded at a time: what comes of them still fits a processor's cache when the rules look at it."""

_IDENTITY = ("specversion", "source", "id")
"""What makes a line a CloudEvent, and which one."""

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_BLANKS = b" \t\r\n"


class File(Protocol):
    """What is read."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, fewer only where there are no more."""


class Feed:
    """Gives lines to an evaluation and counts those it cannot.

    A line is decoded twice: first the fields that rules test, and for the few lines that match a rule then the rest.
    """

    def __init__(self, rules: RuleSet, evaluation: Evaluation, *, time_field: str | None = None) -> None:
        self.rejected: Counter[str] = Counter()
        """Lines that were not evaluated, by the reason."""
        self._evaluation = evaluation
        rules = evaluation.rules
        self._names = tuple(rules.selections)
        times = (time_field,) if time_field else TIME_FIELDS
        tested = _tested(rules)
        self._decoder = _decoder(tested)
        self._matcher = Matcher([one.condition for one in rules.selections.values()], tested)
        shown = Structs([*sorted(fields_read(rules)), *times, *_IDENTITY])
        self._decode_shown = msgspec.json.Decoder(shown.type).decode
        self._interests = interests(rules, shown.reader)
        self._moment = _Moment(shown.reader, times)
        self._plain_moment = _Moment(reader, times)
        self._lines = 0

    def take(self, file: File) -> None:
        """Evaluate the lines of the file, each a JSON object; an empty line is none."""
        for chunk in _chunks(file):
            self._take(chunk)

    def _take(self, chunk: bytes) -> None:
        """Decode all lines at once; where that fails or a line is empty, each by itself."""
        ends = _ends(chunk)
        try:
            events = self._decoder(chunk)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            events = []
        if len(events) == len(ends) and _begin_as_objects(chunk, ends):
            for place, _, found in self._matcher.scan(events):
                self._note(place, chunk[ends[place - 1] if place else 0 : ends[place]], found)
        else:
            for place, line in enumerate(chunk.split(b"\n")):
                if line.strip(_BLANKS):
                    self._take_line(place, line)
        self._lines += len(ends)

    def _note(self, place: int, line: bytes, found: int) -> None:
        """Note that the line matches rules; what of it is shown and grouped by is only now decoded."""
        matched = [name for bit, name in enumerate(self._names) if found >> bit & 1]
        try:
            event = self._decode_shown(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            self._take_line(place, line)
            return
        at = self._moment.of(self._lines + place + 1, event)
        self._evaluation.note(matched, at, fields=event, interests=self._interests)

    def _take_line(self, place: int, line: bytes) -> None:
        try:
            fields = msgspec.json.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            self.rejected["no JSON"] += 1
            return
        if not isinstance(fields, dict):
            self.rejected["no JSON object"] += 1
            return
        at = self._plain_moment.of(self._lines + place + 1, fields)
        self._evaluation.take(Given(place=at.place, time_ms=at.time_ms, source=at.source, id=at.id, fields=fields))


class _Moment:
    """Says of an event when it happened and which one it is."""

    def __init__(self, read: Any, times: Sequence[str]) -> None:  # noqa: ANN401 - makes a reader of a name
        self._times: list[Read] = [read(name) for name in times]
        self._version, self._source, self._id = (read(name) for name in _IDENTITY)

    def of(self, place: int, event: Any) -> Evidence:  # noqa: ANN401 - an event of the readers' layout
        """Return the event as evidence; a CloudEvent has a source and an id, any other line is itself alone."""
        times = (milliseconds(value) for read in self._times if (value := read(event)) is not None)
        time_ms = next((time_ms for time_ms in times if time_ms is not None), None)
        source, event_id = self._source(event), self._id(event)
        if self._version(event) is not None and isinstance(source, str) and isinstance(event_id, str):
            return Evidence(time_ms, place, source, event_id, "")
        return Evidence(time_ms, place, "", f"{place:012d}", "")


def milliseconds(value: Any) -> int | None:  # noqa: ANN401 - any JSON
    """Return a time in milliseconds since 1970: ISO 8601, or a number of seconds or milliseconds; None if it is none.

    A time without an offset is taken for UTC; what is finer than a millisecond is cut off.
    """
    at = time_of(value)
    return None if at is None else (at - _START) // _MILLISECOND


def _tested(rules: RuleSet) -> Structs | Dictionaries:
    """Return the layout of the fields that rules test; of whole events where a rule searches all of one."""
    conditions = [one.condition for one in rules.selections.values()]
    asked = frozenset().union(*map(fields_of, conditions))
    if None in asked:
        return Dictionaries()
    presence = {test.field for one in conditions for test in leaves(one) if isinstance(test.check, Exists)}
    return Structs(sorted(filter(None, asked)), presence=sorted(filter(None, presence)))


def _decoder(layout: Structs | Dictionaries) -> Callable[[bytes], list[Any]]:
    """Return what decodes all lines of a chunk; it fails, or returns fewer, where one of them is no object."""
    if isinstance(layout, Structs):
        return msgspec.json.Decoder(layout.type).decode_lines
    decode = msgspec.json.Decoder().decode_lines
    return lambda chunk: [event for event in decode(chunk) if event.__class__ is dict]


def _ends(chunk: bytes) -> list[int]:
    """Return where each line ends, after its line break."""
    ends, find, end = [], chunk.find, 0
    while end := find(b"\n", end) + 1:
        ends.append(end)
    if not chunk.endswith(b"\n"):
        ends.append(len(chunk))
    return ends


def _begin_as_objects(chunk: bytes, ends: Sequence[int]) -> bool:
    """Say whether each line begins with a brace: then none is empty, and as many events as lines are one of each."""
    begins = {chunk[end] for end in ends[:-1]}
    return chunk[:1] == b"{" and begins <= {ord("{")}


def _chunks(file: File) -> Iterator[bytes]:
    """Yield the file in parts that end with a line, without a byte order mark at its beginning."""
    rest, is_first = b"", True
    while part := file.read(CHUNK):
        if is_first:
            part, is_first = part.removeprefix(b"\xef\xbb\xbf"), False
        end = part.rfind(b"\n") + 1
        if not end:
            rest += part
            continue
        yield b"".join((rest, memoryview(part)[:end]))
        rest = part[end:]
    if rest:
        yield rest
