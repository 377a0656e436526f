"""The state of one group: its events in order, each once; awake while something happens, packed while nothing does."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Sequence
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from services.monitoring.domain.model import Alert
from services.monitoring.domain.sketch import added

SEPARATOR = "\x1f"
"""Joins the values of a group's key; no value has it in it."""

FIRST_KEPT = 32
"""Of a group with more events than are kept the first ones stay: they name its alert and are its evidence."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

_MOST_NAMES = 10_000
"""Sources, topics and types of a tenant that are kept once and referred to by number."""


class Place(NamedTuple):
    """Where an event stands in Kafka, and what kind it is."""

    topic: str
    partition: int
    offset: int
    type: str


class Entry(NamedTuple):
    """One event kept in a group's state. Entries sort by time, source, id and rule: the order of every rule."""

    time_ms: int
    source: str
    id: str
    rule: str
    """The rule that matched it."""
    values: Sequence[tuple[str, ...]]
    """What the condition's fields hold."""
    extra: tuple[Any, ...]
    """What the extension's fields hold."""
    place: Place
    below: Below | None = None
    """Of a match that a correlation made: what it rests on."""
    excepted: str = ""
    """The id of the exception that says not to count it."""


class Below(NamedTuple):
    """What a match of a correlation rests on."""

    rule: str
    key: str
    """The correlation and its group."""
    begin_ms: int
    end_ms: int
    """From its earliest event to its latest."""
    size: int
    """How many occurrences that are: with one more the match says something else."""
    first: tuple[int, str, str, str, Place]
    """Time, source, id, rule and place of the earliest: it names alerts, also when the others are forgotten."""


class Group(msgspec.Struct, gc=False, array_like=True):
    """What a rule knows of one group."""

    entries: list[Entry] = []
    standing: dict[str, Alert] = {}
    """The alerts that are out, by id."""
    handed: list[Entry] = []
    """Matches that were handed to correlations above this one."""
    closed_until_ms: int = -1
    """Episodes up to here are over; they are not raised again while their events are still kept."""
    forgotten_ms: int = -1
    """Events up to here may be forgotten: of these times nothing is judged again."""
    dropped: int = 0
    """Events that a limit made it forget: the count stays exact, evidence and late arrivals do not."""
    sketch: bytes = b""
    """Of the values of what it forgot, where different values are counted."""
    touched: bool = True
    """Whether it was used since it was looked at last whether it can sleep."""

    def add(self, entry: Entry) -> bool:
        """Put the event in its place; return False if it is there already (same time, source, id and rule)."""
        return add(self.entries, entry)

    def bound(self, *, most: int) -> None:
        """Keep the first events and the newest half; count the others, and their values in a sketch."""
        if len(self.entries) > most:
            cut = len(self.entries) - most // 2
            gone = self.entries[FIRST_KEPT:cut]
            self.dropped += len(gone)
            if gone[0].values:
                self.sketch = added(self.sketch, (SEPARATOR.join(value) for one in gone for value in one.values))
            del self.entries[FIRST_KEPT:cut]

    @property
    def may_sleep(self) -> bool:
        """Whether nothing of it is out."""
        return not self.standing and not self.handed and not self.sketch


def add(entries: list[Entry], entry: Entry) -> bool:
    """Put the event in its place; return False if it is there already (same time, source, id and rule)."""
    if not entries or entries[-1][:4] < entry[:4]:
        entries.append(entry)
        return True
    at = bisect_left(entries, entry[:4])
    if at < len(entries) and entries[at][:4] == entry[:4]:
        return False
    entries.insert(at, entry)
    return True


def discard(entries: list[Entry], entry: Entry) -> bool:
    """Take the event out; return False if a limit has made the group forget it before."""
    at = bisect_left(entries, entry[:4])
    if at == len(entries) or entries[at][:4] != entry[:4]:
        return False
    del entries[at]
    return True


class KeptGroups(msgspec.Struct, array_like=True):
    """All groups of one rule in one tenant, as a snapshot keeps them."""

    shape: str
    by_key: dict[str, Group | bytes]


class Groups:
    """All groups of one rule in one tenant, the least recently used first; most of them asleep."""

    __slots__ = ("awake", "by_key", "shape")

    def __init__(self, shape: str, by_key: dict[str, Group | bytes] | None = None) -> None:
        self.shape = shape
        """What its entries are: a rule of another shape cannot go on with them."""
        self.by_key = by_key or {}
        self.awake = {key: None for key, group in self.by_key.items() if not isinstance(group, bytes)}

    def of(self, key: str, names: Names) -> Group:
        """Return the group of that key, awake, new if need be, as the one used last."""
        found = self.by_key.pop(key, None)
        if not isinstance(found, Group):
            found = Group() if found is None else unpacked(found, names)
            self.awake[key] = None
        self.by_key[key] = found
        return found

    def peek(self, key: str, names: Names) -> Group | None:
        """Return the group as it is; None if there is none."""
        found = self.by_key.get(key)
        return unpacked(found, names) if isinstance(found, bytes) else found

    def sleep(self, key: str, blob: bytes) -> None:
        """Keep the group packed, in its place."""
        self.by_key[key] = blob
        self.awake.pop(key, None)

    def drop(self, key: str) -> None:
        """Forget the group."""
        del self.by_key[key]
        self.awake.pop(key, None)

    def bound(self, *, most: int) -> int:
        """Drop the least recently used groups of which nothing is out; return how many."""
        surplus = len(self.by_key) - most
        if surplus <= 0:
            return 0
        idle = (key for key, group in self.by_key.items() if isinstance(group, bytes) or group.may_sleep)
        victims = list(islice(idle, surplus))
        for key in victims:
            self.drop(key)
        return len(victims)


class Names:
    """Texts that stand in many entries of a tenant, by number."""

    def __init__(self, texts: Sequence[str] = ()) -> None:
        self.texts = list(texts)
        self._numbers = {text: number for number, text in enumerate(self.texts)}

    def number(self, text: str) -> int | str:
        """Return the text's number; the text itself where there are too many."""
        found = self._numbers.get(text)
        if found is None:
            if len(self.texts) >= _MOST_NAMES:
                return text
            found = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return found

    def text(self, number: int | str) -> str:
        """Return what it stands for."""
        return self.texts[number] if isinstance(number, int) else number


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

_EXPIRY_BYTES = 8


def packed(group: Group, names: Names, *, expires_ms: int) -> bytes:
    """Return the group in about a hundred bytes; the time first at which it is to be looked at again."""
    number = names.number
    rows = [_row(entry, number) for entry in group.entries]
    body = _encode((group.closed_until_ms, group.forgotten_ms, group.dropped, rows))
    return expires_ms.to_bytes(_EXPIRY_BYTES, "big", signed=True) + body


def expires_ms(blob: bytes) -> int:
    """Return when a packed group is to be looked at again."""
    return int.from_bytes(blob[:_EXPIRY_BYTES], "big", signed=True)


def unpacked(blob: bytes, names: Names) -> Group:
    """Return the group awake again."""
    closed_until_ms, forgotten_ms, dropped, rows = _decode(memoryview(blob)[_EXPIRY_BYTES:])
    entries = [_entry(row, names.text) for row in rows]
    return Group(entries=entries, closed_until_ms=closed_until_ms, forgotten_ms=forgotten_ms, dropped=dropped)


def _row(entry: Entry, number: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a function
    time_ms, source, id_, rule, values, extra, place, below, excepted = entry
    head = (time_ms, number(source), _id_packed(id_), number(rule), *_place_row(place, number))
    if below is None and not excepted:
        return (*head, values, extra) if extra else (*head, values) if values else head
    return (*head, values, extra, None if below is None else _below_row(below, number), excepted)


def _place_row(place: Place, number: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a function
    return number(place.topic), place.partition, place.offset, number(place.type)


def _below_row(below: Below, number: Any) -> tuple[Any, ...]:  # noqa: ANN401 - a function
    time_ms, source, id_, rule, place = below.first
    first = (time_ms, number(source), _id_packed(id_), number(rule), *_place_row(place, number))
    return number(below.rule), below.key, below.begin_ms, below.end_ms, below.size, first


def _entry(row: Sequence[Any], text: Any) -> Entry:  # noqa: ANN401 - a function
    time_ms, source, id_, rule, topic, partition, offset, type_, *rest = row
    values = tuple(map(tuple, rest[0])) if rest else ()
    extra = tuple(rest[1]) if len(rest) > 1 else ()
    below, excepted = (rest[2], rest[3]) if len(rest) > 2 else (None, "")  # noqa: PLR2004 - the row of one with both
    place = Place(text(topic), partition, offset, text(type_))
    return Entry(
        time_ms,
        text(source),
        _id_unpacked(id_),
        text(rule),
        values,
        extra,
        place,
        None if below is None else _below(below, text),
        excepted,
    )


def _below(row: Sequence[Any], text: Any) -> Below:  # noqa: ANN401 - a function
    rule, key, begin_ms, end_ms, size, (time_ms, source, id_, first_rule, topic, partition, offset, type_) = row
    place = Place(text(topic), partition, offset, text(type_))
    first = (time_ms, text(source), _id_unpacked(id_), text(first_rule), place)
    return Below(text(rule), key, begin_ms, end_ms, size, first)


def _id_packed(id_: str) -> bytes | str:
    """Return a UUID in its 16 bytes."""
    return bytes.fromhex(id_.replace("-", "")) if _UUID.fullmatch(id_) else id_


def _id_unpacked(id_: bytes | str) -> str:
    if isinstance(id_, str):
        return id_
    hexed = id_.hex()
    return f"{hexed[:8]}-{hexed[8:12]}-{hexed[12:16]}-{hexed[16:20]}-{hexed[20:]}"
