"""`nuxari-security ingest`: after this, another product's log files are events, and every record is accounted for."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from nuxari_events.adapters import ADAPTERS, Adapter, Unread
from nuxari_events.client import BrokerUnavailableError, EventPublisher
from nuxari_events.envelope import Event
from rich.progress import Progress

from services.cli.connection import home, publisher
from services.cli.conversion_report import Report
from services.cli.ingest_kept import KeptRecords
from services.cli.ingest_order import TimeOrder
from services.cli.options import tenant_id
from services.cli.record_files import BadFileError, Entry, entries_of, files_in
from services.cli.screen import OUTPUT, fail, print_json, progress_bar
from shared.clock import SystemClock

BATCH = 500
"""So many events are sent and awaited together."""

MOST_REMEMBERED = 100_000
"""So many events are recognised when they come again; they come in order of time, so a duplicate follows soon."""


_KIB = 1024


class Format(StrEnum):
    """The formats that can be read: the names of `nuxari_events.adapters.ADAPTERS`."""

    CLOUDEVENTS = "cloudevents"
    CLOUDTRAIL = "cloudtrail"
    ENTRA = "entra"
    KEYCLOAK = "keycloak"
    OKTA = "okta"


def ingest(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or directories with files.")],
    *,
    source: Annotated[Format, typer.Option("--from", help="What wrote the files.")],
    tenant: Annotated[
        str | None,
        typer.Option(parser=tenant_id, help="The tenant of every event; without it, the one that each record names."),
    ] = None,
    rejected: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the records that are not understood here, as they are."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Turn log files into access.activity events and publish them in order of time.

    Files hold one record per line, an array of records, or an object with a list of them (`Records`, `records`,
    `value`); gzip is read too. A record that is not understood is never guessed at: it is counted by reason and kept
    under NUXARI_HOME/unread (readable by you alone). The exit code is 1 if a file could not be read to its end.
    """
    try:
        files = files_in(paths)
    except FileNotFoundError as error:
        fail(f"ingest: {error}")
    if rejected is not None and rejected.resolve() in {path.resolve() for path in files}:
        fail(f"ingest: {rejected}: it is one of the files to read; name another one for the rejected records")
    report = asyncio.run(_ingest(files, source, tenant, rejected, SystemClock().now()))
    if as_json:
        print_json(report.as_json())
    else:
        OUTPUT.print(report.as_tables())
    if report.bad_files:
        names = ", ".join(str(error) for error in report.bad_files)
        fail(f"ingest: {len(report.bad_files)} of {report.files} files could not be read: {names}")


async def _ingest(files: list[Path], source: Format, tenant: str | None, rejected: Path | None, at: datetime) -> Report:
    report = Report(files=len(files), rejected_file=rejected)
    adapter = ADAPTERS[source]
    kept = _kept(home() / "unread" / f"{source}-{at:%Y%m%dT%H%M%S%f}.jsonl", rejected)
    with kept, TimeOrder(adapter.moment) as order, progress_bar() as bar:
        _read(files, order, report, bar)
        task = bar.add_task("records converted", total=order.taken)
        async with publisher() as sender:
            outbox = _Outbox(sender, report)
            for entry in order.entries():
                await outbox.take(_convert(entry, adapter, tenant, report, kept))
                bar.advance(task)
            await outbox.flush()
    report.unread_file = kept.reasons
    return report


def _kept(reasons: Path, rejected: Path | None) -> KeptRecords:
    if rejected is not None and not rejected.parent.is_dir():
        fail(f"ingest: {rejected}: its directory does not exist")
    return KeptRecords(reasons=reasons, rejected=rejected)


def _read(files: list[Path], order: TimeOrder, report: Report, bar: Progress) -> None:
    sizes = sum(path.stat().st_size for path in files)
    task = bar.add_task("KiB read", total=sizes // _KIB)
    for path in files:
        try:
            for entry in entries_of(path, on_read=lambda size: bar.advance(task, size / _KIB)):
                order.take(entry)
        except BadFileError as error:
            report.bad_files.append(error)


def _convert(
    entry: Entry, adapter: Adapter, tenant: str | None, report: Report, kept: KeptRecords
) -> tuple[Event, ...]:
    result = (
        Unread(code="not-a-record", detail="a JSON object is needed")
        if entry.record is None
        else adapter.convert(entry.record, tenant_id=tenant)
    )
    if isinstance(result, Unread):
        report.note_unread(result)
        kept.add(entry, result)
        return ()
    report.note_conversion(result)
    return result.events


class _Outbox:
    """Sends events in batches, in order, each once."""

    def __init__(self, sender: EventPublisher, report: Report) -> None:
        self._sender = sender
        self._report = report
        self._events: list[Event] = []
        self._recent: OrderedDict[tuple[str, str, str], None] = OrderedDict()

    async def take(self, events: Iterable[Event]) -> None:
        self._events.extend(event for event in events if not self._is_duplicate(event))
        if len(self._events) >= BATCH:
            await self.flush()

    def _is_duplicate(self, event: Event) -> bool:
        known = (event.tenantid, *event.identity)
        if known in self._recent:
            self._report.duplicates += 1
            return True
        self._recent[known] = None
        if len(self._recent) > MOST_REMEMBERED:
            self._recent.popitem(last=False)
        return False

    async def flush(self) -> None:
        try:
            await self._sender.publish_many(self._events)
        except BrokerUnavailableError as error:
            fail(f"ingest: {error}; the same command again publishes the same events under the same ids")
        self._report.published += len(self._events)
        self._events.clear()


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(ingest)
