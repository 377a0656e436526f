"""Reading a foreign record by path: after this, nobody keeps count of which of its fields came along."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

NAME_LENGTH = 256
"""The contract's limit of a name (`envelope.Name`)."""

TEXT_LENGTH = 2048
"""The contract's limit of free text (`envelope.Text`)."""

DEEPEST = 32
"""Keys and indices of the longest path that is named; what lies deeper is one value."""

_UNWRITABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
"""Control characters, and halves of characters that JSON can escape and UTF-8 cannot write."""

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class _Memory:
    """What was noted of one record, shared by all its parts."""

    taken: set[Path] = field(default_factory=set)
    remarks: list[str] = field(default_factory=list)


class Fields:
    """One record, or a part of it; remembers what was taken, so that what was not can be named.

    A path is a sequence of object keys and list indices. A value of another type than the one asked for is as good
    as missing: it is not taken, and so appears among the untaken. A part shares its record's memory.
    """

    def __init__(self, record: Mapping[str, object], *, memory: _Memory | None = None, prefix: Path = ()) -> None:
        self._record = record
        self._prefix = prefix
        self._memory = memory or _Memory()

    def at(self, *path: str | int) -> Fields:
        """Return the part of the record at the path; a part that is not there has no values."""
        return Fields(self._record, memory=self._memory, prefix=(*self._prefix, *path))

    def each(self, *path: str | int) -> list[Fields]:
        """Return every element of the list at the path; none where there is no list."""
        value = self.look(*path)
        return [self.at(*path, index) for index in range(len(value))] if isinstance(value, list) else []

    def look(self, *path: str | int) -> object:
        """Return the value at the path, or None, without taking it."""
        value: object = self._record
        for key in (*self._prefix, *path):
            value = _below(value, key)
        return value

    def look_text(self, *path: str | int) -> str | None:
        """Return the text at the path, or None where it is empty, missing or no text, without taking it."""
        value = self.look(*path)
        return value if isinstance(value, str) and value else None

    def take(self, *path: str | int) -> None:
        """Note that the value at the path, with all that is below it, came along."""
        self._memory.taken.add((*self._prefix, *path))

    def said_again(self, value: object, *paths: str) -> None:
        """Take the fields of this part that only say once more what an event holds already."""
        for path in paths:
            if value is not None and self.look(path) == value:
                self.take(path)

    def text(self, *path: str | int) -> str | None:
        """Take the text at the path; None where it is empty, missing or no text."""
        value = self.look_text(*path)
        if value is not None:
            self.take(*path)
        return value

    def name(
        self, *path: str | int, limit: int = NAME_LENGTH, well_formed: Callable[[str], bool] | None = None
    ) -> str | None:
        """Take one line of text for an optional field of the contract.

        Text that the contract has no room for is left among the untaken with a remark; text that is not
        `well_formed` is taken as it is, with a remark.
        """
        value = self.look_text(*path)
        if value is None:
            return None
        if len(value) > limit or _UNWRITABLE.search(value):
            self.remark("left out, too long or with control characters", *path)
            return None
        if well_formed is not None and not well_formed(value):
            self.remark("kept as it is", *path)
        self.take(*path)
        return value

    def integer(self, *path: str | int) -> int | None:
        """Take the whole number at the path."""
        value = self.look(*path)
        if not isinstance(value, int) or isinstance(value, bool):
            return None
        self.take(*path)
        return value

    def flag(self, *path: str | int) -> bool | None:
        """Take the true or false at the path."""
        value = self.look(*path)
        if not isinstance(value, bool):
            return None
        self.take(*path)
        return value

    def remark(self, what: str, *path: str | int) -> None:
        """Note something that the reader of the conversion should know about the path."""
        self._memory.remarks.append(f"{what}: {_shown((*self._prefix, *path))}")

    @property
    def remarks(self) -> tuple[str, ...]:
        """The remarks in the order they were made, each once."""
        return tuple(dict.fromkeys(self._memory.remarks))

    def untaken(self) -> tuple[str, ...]:
        """Return the paths of all values that were not taken, sorted; null and empty values hold nothing to lose."""
        return tuple(sorted({_shown(path) for path in self._untaken_leaves()}))

    def _untaken_leaves(self) -> Iterator[Path]:
        waiting: list[tuple[Path, object]] = [((), self._record)]
        while waiting:  # a stack of our own: a record may be nested deeper than Python recurses
            path, value = waiting.pop()
            if path in self._memory.taken:
                continue
            if len(path) == DEEPEST:
                yield path
            elif isinstance(value, Mapping):
                waiting.extend(((*path, str(key)), below) for key, below in value.items())
            elif isinstance(value, list):
                waiting.extend(((*path, index), below) for index, below in enumerate(value))
            elif value is not None and value != "":
                yield path


def _below(value: object, key: str | int) -> object:
    if isinstance(key, str):
        return value.get(key) if isinstance(value, Mapping) else None
    return value[key] if isinstance(value, list) and key < len(value) else None


def _shown(path: Path) -> str:
    """Return it dotted, with `[]` for any list index: `targetResources[].id`."""
    return ".".join(str(key) if isinstance(key, str) else "[]" for key in path).replace(".[]", "[]")
