"""`nuxari-security ingest`: after this, another product's log files are events, and every record is accounted for."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import IO, Annotated, Self

import typer
from nuxari_events.adapters import cloudtrail
from nuxari_events.adapters.conversion import Conversion, Unread
from nuxari_events.client import BrokerUnavailableError, EventPublisher
from nuxari_events.envelope import Event

from services.cli.connection import home, publisher
from services.cli.conversion_report import Report
from services.cli.options import tenant_id
from services.cli.record_files import BadFileError, Entry, RecordFile, files_in, in_order_of_time, surveyed
from services.cli.screen import OUTPUT, fail, print_json, progress_bar
from shared.clock import SystemClock

BATCH = 500
"""So many events are sent and awaited together."""


class Format(StrEnum):
    """The formats that can be read."""

    CLOUDTRAIL = "cloudtrail"


Convert = Callable[[Mapping[str, object], str | None], Conversion | Unread]


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or directories with files.")],
    *,
    source: Annotated[Format, typer.Option("--from", help="What wrote the files.")],
    tenant: Annotated[
        str | None,
        typer.Option(parser=tenant_id, help="The tenant of every event; without it, aws-<account id> of each record."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Turn log files into access.activity events and publish them in order of time.

    Files hold an array of records, an object with `Records`, or one record per line; gzip is read too. A record that
    is not understood is never guessed at: it is counted by reason and kept under NUXARI_HOME/unread (readable by you
    alone). The exit code is 1 if a file could not be read at all.
    """
    try:
        files = files_in(paths)
    except FileNotFoundError as error:
        fail(f"ingest: {error}")
    report = asyncio.run(_ingest(files, source, tenant, SystemClock().now()))
    if as_json:
        print_json(report.as_json())
    else:
        OUTPUT.print(report.as_tables())
    if report.bad_files:
        names = ", ".join(str(error) for error in report.bad_files)
        fail(f"ingest: {len(report.bad_files)} of {report.files} files could not be read: {names}")


def _converter(source: Format) -> tuple[str, Convert]:
    """The name of the field that holds a record's time, and what reads a record."""
    match source:
        case Format.CLOUDTRAIL:
            return "eventTime", lambda record, tenant: cloudtrail.convert(record, tenant_id=tenant)


async def _ingest(files: list[Path], source: Format, tenant: str | None, at: datetime) -> Report:
    report = Report(files=len(files))
    time_field, convert = _converter(source)
    with _Kept(home() / "unread", f"{source}-{at:%Y%m%dT%H%M%S%f}") as kept, progress_bar() as bar:
        task = bar.add_task("files surveyed", total=len(files))
        known = []
        for path in files:
            known += _surveyed_or_report(path, time_field, report)
            bar.advance(task)
        async with publisher() as sender:
            outbox = _Outbox(sender)
            task = bar.add_task("records", total=None)
            entries = in_order_of_time(known, time_of=_time_of(time_field), bad=report.bad_files.append)
            for entry in entries:
                await outbox.take(_convert(entry, convert, tenant, report, kept))
                bar.advance(task)
            await outbox.flush()
    report.unread_file = kept.path
    return report


def _surveyed_or_report(path: Path, time_field: str, report: Report) -> list[RecordFile]:
    try:
        return [surveyed(path, time_field=time_field)]
    except BadFileError as error:
        report.bad_files.append(error)
        return []


def _time_of(time_field: str) -> Callable[[Entry], str]:
    def time_of(entry: Entry) -> str:
        time = (entry.record or {}).get(time_field)
        return time if isinstance(time, str) else ""

    return time_of


def _convert(entry: Entry, convert: Convert, tenant: str | None, report: Report, kept: _Kept) -> tuple[Event, ...]:
    result = (
        Unread(code="not-a-record", detail="a JSON object is needed")
        if entry.record is None
        else convert(entry.record, tenant)
    )
    if isinstance(result, Unread):
        report.note_unread(result)
        kept.add(entry, result)
        return ()
    report.note_conversion(result)
    return result.events


class _Outbox:
    """Sends events in batches, in order."""

    def __init__(self, sender: EventPublisher) -> None:
        self._sender = sender
        self._events: list[Event] = []

    async def take(self, events: tuple[Event, ...]) -> None:
        self._events.extend(events)
        if len(self._events) >= BATCH:
            await self.flush()

    async def flush(self) -> None:
        try:
            await self._sender.publish_many(self._events)
        except BrokerUnavailableError as error:
            fail(f"ingest: {error}; the same command again publishes the same events under the same ids")
        self._events.clear()


class _Kept:
    """A file of unread records, made when the first one comes; nobody else may read it, as records can hold secrets."""

    def __init__(self, directory: Path, name: str) -> None:
        self._wanted = directory / f"{name}.jsonl"
        self._file: IO[str] | None = None
        self.path: Path | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, entry: Entry, why: Unread) -> None:
        """Keep one record with its place and the reason."""
        if self._file is None:
            self._wanted.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._wanted, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            self._file, self.path = os.fdopen(descriptor, "w", encoding="utf-8"), self._wanted
        record = entry.record if entry.record is not None else entry.text
        place = {"file": str(entry.path), "number": entry.number}
        self._file.write(json.dumps(place | {"code": why.code, "detail": why.detail, "record": record}) + "\n")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(ingest)
