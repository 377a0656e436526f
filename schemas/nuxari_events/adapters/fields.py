"""Reading a foreign record by path: after this, nobody keeps count of which of its fields came along."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

NAME_LENGTH = 256
"""The contract's limit of a name (`envelope.Name`)."""

TEXT_LENGTH = 2048
"""The contract's limit of free text (`envelope.Text`)."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")

Path = tuple[str, ...]


class Fields:
    """One record; remembers what was taken from it, so that what was not can be named.

    A path is a sequence of object keys. A value of another type than the one asked for is as good as missing:
    it is not taken, and so appears among the untaken.
    """

    def __init__(self, record: Mapping[str, object]) -> None:
        self._record = record
        self._taken: set[Path] = set()
        self._remarks: list[str] = []

    def look(self, *path: str) -> object:
        """Return the value at the path, or None, without taking it."""
        value: object = self._record
        for key in path:
            if not isinstance(value, Mapping):
                return None
            value = value.get(key)
        return value

    def look_text(self, *path: str) -> str | None:
        """Return the text at the path, or None where it is empty, missing or no text, without taking it."""
        value = self.look(*path)
        return value if isinstance(value, str) and value else None

    def take(self, *path: str) -> None:
        """Note that the value at the path, with all that is below it, came along."""
        self._taken.add(path)

    def text(self, *path: str) -> str | None:
        """Take the text at the path; None where it is empty, missing or no text."""
        value = self.look_text(*path)
        if value is not None:
            self.take(*path)
        return value

    def name(
        self, *path: str, limit: int = NAME_LENGTH, well_formed: Callable[[str], bool] | None = None
    ) -> str | None:
        """Take one line of text for an optional field of the contract.

        Text that the contract has no room for is left among the untaken with a remark; text that is not
        `well_formed` is taken as it is, with a remark.
        """
        value = self.look_text(*path)
        if value is None:
            return None
        if len(value) > limit or _CONTROL.search(value):
            self.remark("left out, too long or with control characters", *path)
            return None
        if well_formed is not None and not well_formed(value):
            self.remark("kept as it is", *path)
        self.take(*path)
        return value

    def remark(self, what: str, *path: str) -> None:
        """Note something that the reader of the conversion should know about the path."""
        self._remarks.append(f"{what}: {'.'.join(path)}")

    @property
    def remarks(self) -> tuple[str, ...]:
        """The remarks in the order they were made, each once."""
        return tuple(dict.fromkeys(self._remarks))

    def untaken(self) -> tuple[str, ...]:
        """Return the paths of all values that were not taken, sorted; null and empty values hold nothing to lose."""
        return tuple(sorted({".".join(path) for path in self._untaken_leaves()}))

    def _untaken_leaves(self) -> Iterator[Path]:
        waiting: list[tuple[Path, object]] = [((), self._record)]
        while waiting:  # a stack of our own: a record may be nested deeper than Python recurses
            path, value = waiting.pop()
            if path in self._taken:
                continue
            if isinstance(value, Mapping):
                waiting.extend(((*path, str(key)), below) for key, below in value.items())
            elif isinstance(value, list):
                waiting.extend(((*path[:-1], f"{path[-1]}[]"), below) for below in value)
            elif value is not None and value != "":
                yield path
