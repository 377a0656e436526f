"""Files of foreign records: after this, arrays, lists in objects, one per line and gzip are one stream of records."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from services.cli.record_text import BrokenTextError, TextStream

MAX_FILE_BYTES = 16 * 1024 * 1024 * 1024
"""Uncompressed. Nobody writes a larger log file in one piece: it is a decompression bomb."""

SUFFIXES = (".json", ".jsonl", ".ndjson", ".log", ".json.gz", ".jsonl.gz", ".ndjson.gz", ".log.gz")
"""Files that are read from a directory; a file named outright is read whatever its name."""

LISTS = ("Records", "records", "value")
"""Fields under which a file lists its records: CloudTrail's, Azure Monitor's, and Microsoft Graph's."""

_CHUNK = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"


class BadFileError(Exception):
    """A file that cannot be read, or not to its end; the text says why."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One record and where it was found."""

    path: Path
    number: int
    """From 1: its place in the file, or its line."""
    text: str
    """As it is written in the file."""
    record: Mapping[str, object] | None
    """None where the text is no JSON object."""


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


def entries_of(path: Path, *, on_read: Callable[[int], object] = int) -> Iterator[Entry]:
    """Yield a file's records, holding no more than one of them in memory.

    `on_read` is told how many more bytes of the file were read, compressed as they lie there.

    A file is one or more JSON documents, each an array of records, an object with a list of them (`LISTS`), or one
    record; or it has one record per line, of which a broken one does not end it.

    Raises:
        BadFileError: it is none of these, or ends in the middle; what was read before was yielded.
    """
    stream = TextStream(_chunks(path, on_read))
    try:
        if _is_record(_loaded(stream.first_line())):
            yield from _by_line(path, stream)
        else:
            yield from _by_document(path, stream)
    except BrokenTextError as error:
        raise BadFileError(path, str(error)) from None


def _is_record(value: Any) -> bool:  # noqa: ANN401 - whatever JSON holds
    return isinstance(value, Mapping) and _listed(value) is None


def _listed(value: Mapping[str, Any]) -> list[Any] | None:
    """The list of an object that is no record but holds records."""
    return next((value[name] for name in LISTS if isinstance(value.get(name), list)), None)


def _loaded(text: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _by_line(path: Path, stream: TextStream) -> Iterator[Entry]:
    while (found := stream.line()) is not None:
        number, text = found
        if text.strip():
            yield from _entries_of_line(path, number, text.strip())


def _entries_of_line(path: Path, number: int, text: str) -> Iterator[Entry]:
    value = _loaded(text)
    below = _listed(value) if isinstance(value, Mapping) else value if isinstance(value, list) else None
    if below is None:
        yield _entry(path, number, value, text)
    for one in below or ():
        yield _entry(path, number, one, json.dumps(one))


def _entry(path: Path, number: int, value: Any, text: str) -> Entry:  # noqa: ANN401 - whatever JSON holds
    return Entry(path=path, number=number, text=text, record=value if isinstance(value, Mapping) else None)


def _by_document(path: Path, stream: TextStream) -> Iterator[Entry]:
    number, found = 0, False
    while opening := stream.next_character():
        if opening not in "[{":
            raise BadFileError(
                path, "neither a list of records nor an object with one" if not found else _after(stream)
            )
        for value, text in _array(stream) if opening == "[" else _object(stream):
            number += 1
            yield _entry(path, number, value, text)
        found = True
    if not found:
        raise BadFileError(path, "not JSON: it is empty")


def _after(stream: TextStream) -> str:
    """What is wrong with text that follows a document."""
    try:
        stream.expect("[{")
    except BrokenTextError as error:
        return str(error)
    return ""


def _array(stream: TextStream) -> Iterator[tuple[Any, str]]:
    stream.expect("[")
    if stream.next_character() == "]":
        stream.expect("]")
        return
    while True:
        yield stream.value()
        if stream.expect(",]") == "]":
            return


def _object(stream: TextStream) -> Iterator[tuple[Any, str]]:
    """One record; or, of an object that is too large for one or lists records, what it lists."""
    try:
        value, text = stream.value()
    except BrokenTextError:
        yield from _members(stream)
        return
    below = _listed(value)
    if below is None:
        yield value, text
    for one in below or ():
        yield one, json.dumps(one)


def _members(stream: TextStream) -> Iterator[tuple[Any, str]]:
    """The records of an object that is read member by member, up to where it breaks."""
    stream.expect("{")
    while True:
        name, _ = stream.value()
        stream.expect(":")
        if name in LISTS and stream.next_character() == "[":
            yield from _array(stream)
        else:
            stream.value()
        if stream.expect(",}") == "}":
            return


def _chunks(path: Path, on_read: Callable[[int], object]) -> Iterator[bytes]:
    try:
        with path.open("rb") as file, _uncompressed(file) as stream:
            read, place = 0, 0
            while chunk := stream.read(_CHUNK):
                read += len(chunk)
                if read > MAX_FILE_BYTES:
                    raise BadFileError(path, f"larger than {MAX_FILE_BYTES // 1024**2} MiB uncompressed")
                on_read(file.tell() - place)
                place = file.tell()
                yield chunk
    except (OSError, EOFError, zlib.error) as error:
        raise BadFileError(path, f"cannot be read: {error}") from None


def _uncompressed(file: BinaryIO) -> IO[bytes] | gzip.GzipFile:
    """The file's contents; gzip is known by its first bytes, as downloads lose their suffix."""
    is_gzip = file.read(2) == _GZIP_MAGIC
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if is_gzip else file
