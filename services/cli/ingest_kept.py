"""What was not understood: after this, every unread record is kept twice, with its reason and as it was."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Self

from nuxari_events.adapters import Unread

from services.cli.record_files import Entry


class KeptRecords:
    """Files of unread records; nobody else may read them, as records can hold secrets. A context manager.

    `reasons` is made when the first record comes: one JSON object per line with the record, its place and why.
    `rejected`, where it is wanted, is made at once and replaces a file of that name: one record per line, as it was,
    so that it can be ingested again.
    """

    def __init__(self, *, reasons: Path, rejected: Path | None) -> None:
        self._wanted = reasons
        self._rejected_path = rejected
        self._files = ExitStack()
        self._reasons: IO[str] | None = None
        self._rejected: IO[str] | None = None
        self.reasons: Path | None = None
        """Where they are; None where there are none."""

    def __enter__(self) -> Self:
        """Make the file of rejected records, where it is wanted.

        Raises:
            OSError: it cannot be made.
        """
        if self._rejected_path is not None:
            self._rejected = self._opened(self._rejected_path, os.O_TRUNC)
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, entry: Entry, why: Unread) -> None:
        """Keep one record with its place and the reason."""
        if self._reasons is None:
            self._wanted.parent.mkdir(parents=True, exist_ok=True)
            self._reasons, self.reasons = self._opened(self._wanted, os.O_EXCL), self._wanted
        record = entry.record if entry.record is not None else entry.text
        place = {"file": str(entry.path), "number": entry.number}
        self._reasons.write(json.dumps(place | {"code": why.code, "detail": why.detail, "record": record}) + "\n")
        if self._rejected is not None:
            self._rejected.write(_on_one_line(entry) + "\n")

    def _opened(self, path: Path, flag: int) -> IO[str]:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600)
        return self._files.enter_context(os.fdopen(descriptor, "w", encoding="utf-8"))


def _on_one_line(entry: Entry) -> str:
    """Its text; a record that is written over several lines is written anew."""
    return json.dumps(entry.record) if entry.record is not None and "\n" in entry.text else entry.text
