"""Files of foreign records: after this, arrays, `Records`, one per line and gzip are one stream in order of time."""

from __future__ import annotations

import gzip
import heapq
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

MAX_FILE_BYTES = 256 * 1024 * 1024
"""Uncompressed. CloudTrail closes its files far below; a larger one is no log file, or a decompression bomb."""

SUFFIXES = (".json", ".jsonl", ".json.gz", ".jsonl.gz")
"""Files that are read from a directory; a file named outright is read whatever its name."""

_CHUNK = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
_OVERLAP = 64


class BadFileError(Exception):
    """A file of which nothing can be read; the text says why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One record and where it was found."""

    path: Path
    number: int
    """From 1: its place in the file's array, or its line."""
    record: Mapping[str, object] | None
    """None where the line is no JSON object."""
    text: str | None = None
    """The line, where it is no JSON object."""


@dataclass(frozen=True, kw_only=True, order=True)
class RecordFile:
    """A file and the earliest time that is written in it, as text: files are taken in this order."""

    earliest: str
    path: Path
    size: int = field(compare=False)


def files_in(paths: Iterable[Path]) -> list[Path]:
    """Return the named files, and those below the named directories that look like record files, each once.

    Raises:
        FileNotFoundError: a path does not exist.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if path.is_dir():
            below = (one for one in sorted(path.rglob("*")) if one.is_file() and one.name.endswith(SUFFIXES))
            found.update(dict.fromkeys(below))
        elif path.exists():
            found[path] = None
        else:
            raise FileNotFoundError(f"{path}: no such file or directory")
    return list(found)


def surveyed(path: Path, *, time_field: str) -> RecordFile:
    """Look through a file for the earliest time in it, without keeping it in memory.

    Times are compared as they are written, which is right for RFC 3339 in UTC, as CloudTrail writes it.

    Raises:
        BadFileError: it cannot be read, is broken gzip, or is too large.
    """
    pattern = re.compile(rb'"' + re.escape(time_field.encode()) + rb'"\s*:\s*"([^"]{1,40})"')
    earliest, kept = b"", b""
    for chunk in _chunks(path):
        text = kept + chunk
        times = pattern.findall(text)
        earliest = min([*times, *([earliest] if earliest else [])], default=b"")
        kept = text[-len(time_field) - _OVERLAP :]
    return RecordFile(earliest=earliest.decode(errors="replace"), path=path, size=path.stat().st_size)


def in_order_of_time(
    files: Iterable[RecordFile], *, time_of: Callable[[Entry], str], bad: Callable[[BadFileError], None]
) -> Iterator[Entry]:
    """Yield the records of all files in order of time; only files that overlap in time are in memory together.

    A file that turns out to be bad is reported to `bad`, and the others go on.
    """
    waiting: list[tuple[str, int, Entry]] = []
    counter = 0
    for file in sorted(files):
        while waiting and waiting[0][0] < file.earliest:
            yield heapq.heappop(waiting)[2]
        for entry in _entries_or_report(file.path, bad):
            counter += 1
            heapq.heappush(waiting, (time_of(entry), counter, entry))
    while waiting:
        yield heapq.heappop(waiting)[2]


def _entries_or_report(path: Path, bad: Callable[[BadFileError], None]) -> list[Entry]:
    try:
        return entries_of(path)
    except BadFileError as error:
        bad(error)
        return []


def entries_of(path: Path) -> list[Entry]:
    """Return a file's records: of an array, of an object with `Records`, of one object, or of one object per line.

    Raises:
        BadFileError: it is none of these.
    """
    try:
        text = b"".join(_chunks(path)).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadFileError(path, "not UTF-8 text") from None
    try:
        return _entries(path, json.loads(text))
    except RecursionError:
        raise BadFileError(path, "nested too deeply") from None
    except json.JSONDecodeError as error:
        return _entries_by_line(path, text, error)


def _entries(path: Path, document: object) -> list[Entry]:
    records = document.get("Records", document) if isinstance(document, Mapping) else document
    if isinstance(records, Mapping):
        records = [records]
    if not isinstance(records, list):
        raise BadFileError(path, "neither a list of records nor an object with `Records`")
    return [_entry(path, number, record) for number, record in enumerate(records, start=1)]


def _entry(path: Path, number: int, record: object) -> Entry:
    if isinstance(record, Mapping):
        return Entry(path=path, number=number, record=record)
    return Entry(path=path, number=number, record=None, text=json.dumps(record))


def _entries_by_line(path: Path, text: str, error: json.JSONDecodeError) -> list[Entry]:
    """One object per line; where the first line is none, the file is one broken document."""
    lines = ((number, line) for number, line in enumerate(text.split("\n"), start=1) if line.strip())
    entries = [_line(path, number, line) for number, line in lines]
    if not entries or entries[0].record is None:
        raise BadFileError(path, f"not JSON: line {error.lineno}, column {error.colno}: {error.msg}")
    return entries


def _line(path: Path, number: int, line: str) -> Entry:
    try:
        return _entry(path, number, json.loads(line))
    except (ValueError, RecursionError):
        return Entry(path=path, number=number, record=None, text=line)


def _chunks(path: Path) -> Iterator[bytes]:
    try:
        with _opened(path) as stream:
            read = 0
            while chunk := stream.read(_CHUNK):
                read += len(chunk)
                if read > MAX_FILE_BYTES:
                    raise BadFileError(path, f"larger than {MAX_FILE_BYTES // 1024**2} MiB uncompressed")
                yield chunk
    except (OSError, EOFError, zlib.error) as error:
        raise BadFileError(path, f"cannot be read: {error}") from None


def _opened(path: Path) -> IO[bytes] | gzip.GzipFile:
    """Open it, uncompressed; gzip is known by its first bytes, as downloads lose their suffix."""
    with path.open("rb") as stream:
        is_gzip = stream.read(2) == _GZIP_MAGIC
    return gzip.open(path, "rb") if is_gzip else path.open("rb")
