"""Records in order of time: after this, files in any order and of any size are one stream, in bounded memory."""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import IO, NamedTuple, Self

from services.cli.record_files import Entry

RUN_CHARACTERS = 32 * 1024 * 1024
"""So much text is sorted in memory; more is sorted in pieces, in temporary files that have no name."""

MOST_RUNS = 64
"""So many temporary files are open at a time."""


class _Kept(NamedTuple):
    """A record as it is sorted: by time, then as it came."""

    moment: float
    sequence: int
    path: str
    number: int
    text: str
    is_record: bool

    def entry(self) -> Entry:
        record = json.loads(self.text) if self.is_record else None
        return Entry(path=Path(self.path), number=self.number, text=self.text, record=record)


class TimeOrder:
    """Takes entries in any order and gives them back in order of time; a context manager.

    What does not say when it happened comes first.
    """

    def __init__(self, moment: Callable[[Mapping[str, object]], datetime | None]) -> None:
        self._moment = moment
        self._waiting: list[_Kept] = []
        self._characters = 0
        self._runs: list[IO[str]] = []
        self.taken = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for run in self._runs:
            run.close()

    def take(self, entry: Entry) -> None:
        """Take one entry."""
        when = self._moment(entry.record) if entry.record is not None else None
        moment = float("-inf") if when is None else when.timestamp()
        is_record = entry.record is not None
        self._waiting.append(_Kept(moment, self.taken, str(entry.path), entry.number, entry.text, is_record))
        self.taken += 1
        self._characters += len(entry.text)
        if self._characters >= RUN_CHARACTERS:
            self._put_aside()

    def entries(self) -> Iterator[Entry]:
        """Yield all that was taken, in order of time."""
        self._waiting.sort()
        for kept in heapq.merge(*(_read(run) for run in self._runs), self._waiting):
            yield kept.entry()

    def _put_aside(self) -> None:
        self._waiting.sort()
        self._write(iter(self._waiting))
        self._waiting, self._characters = [], 0
        if len(self._runs) >= MOST_RUNS:
            runs, self._runs = self._runs, []
            self._write(heapq.merge(*(_read(run) for run in runs)))
            for run in runs:
                run.close()

    def _write(self, sorted_entries: Iterator[_Kept]) -> None:
        run = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - closed on exit of the order
        self._runs.append(run)
        for kept in sorted_entries:
            run.write(json.dumps(kept) + "\n")


def _read(run: IO[str]) -> Iterator[_Kept]:
    run.seek(0)
    while line := run.readline():
        yield _Kept(*json.loads(line))
