"""`nuxari-security publish`: after this, the good lines of a file are on their topics and the bad ones are named."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from nuxari_events.client import BrokerUnavailableError, EventPublisher, NotPublishedError
from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7
from nuxari_events.topics import BY_EVENT_TYPE

from services.cli.connection import publisher
from services.cli.event_lines import Defaults, Line, Refusal, lines_of, moved, newest_time, read_event
from services.cli.options import tenant_id
from services.cli.screen import OUTPUT, fail, print_json, progress_bar
from shared.clock import SystemClock

BATCH = 500
"""So many events are read, sent and awaited together: what is in memory does not grow with the file."""

MOST_REFUSALS = 1000
"""So many refused lines are listed in the JSON result; all are counted."""


@dataclass(kw_only=True)
class Published:
    """The account of one file."""

    by_topic: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    refusals: list[Refusal] = field(default_factory=list)

    def note_refusal(self, refusal: Refusal) -> None:
        """Take in a line that is not published."""
        self.refused += 1
        if len(self.refusals) < MOST_REFUSALS:
            self.refusals.append(refusal)

    def as_json(self) -> dict[str, Any]:
        """Return the account as one JSON object."""
        return {
            "published": self.by_topic.total(),
            "refused": self.refused,
            "by_topic": dict(self.by_topic),
            "refusals": [{"line": one.line, "code": one.code, "detail": one.detail} for one in self.refusals],
        }


@dataclass(frozen=True, kw_only=True)
class Reading:
    """How lines become events."""

    defaults: Defaults
    moved_by: timedelta | None = None
    """Moved events are other events than those of the file: they get ids of their own. None leaves all as it is."""

    def event(self, line: Line) -> Event | Refusal:
        """Return the line's event or why there is none."""
        event = read_event(line, defaults=self.defaults)
        if isinstance(event, Refusal) or self.moved_by is None:
            return event
        try:
            return moved(event, by=self.moved_by).model_copy(update={"id": uuid7()})
        except OverflowError:
            return Refusal(line=line.number, code="bad-time", detail="time: too far from the newest event to be moved")


def publish(
    file: Annotated[str, typer.Argument(help="One CloudEvent (structured JSON) per line; - reads standard input.")],
    *,
    tenant: Annotated[
        str | None, typer.Option(parser=tenant_id, help="The tenant of every event, whatever its line says.")
    ] = None,
    now: Annotated[
        bool, typer.Option("--now", help="Move all times so that the newest event is now; ids are new then.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Publish events, each to the topic that its type belongs to.

    Every line is checked against its topic's contract. A bad line is named with its number, the place and what
    would be right; the good ones are published all the same, and the exit code is 1 if any line was bad. A line may
    leave out `specversion` (1.0), `id` (a new UUIDv7), `source` (/nuxari/cli/publish) and `time` (now).
    """
    if file != "-" and not Path(file).is_file():
        fail(f"publish: {file}: no such file")
    published = asyncio.run(_publish(file, _reading(file, tenant=tenant, now=now), quiet=as_json))
    if as_json:
        print_json(published.as_json())
    else:
        topics = ", ".join(f"{count} to {topic}" for topic, count in sorted(published.by_topic.items()))
        OUTPUT.print(f"published {published.by_topic.total()} events{': ' if topics else ''}{topics}", highlight=False)
    if published.refused:
        fail(f"publish: {published.refused} lines were refused, {published.by_topic.total()} events were published")


def _reading(file: str, *, tenant: str | None, now: bool) -> Reading:
    at = SystemClock().now()
    if not now:
        return Reading(defaults=Defaults(at=at, tenant_id=tenant))
    if file == "-":
        fail("publish: --now reads the file twice, so it needs a file and not standard input")
    newest = _newest(Path(file), tenant) or at
    return Reading(defaults=Defaults(at=newest, tenant_id=tenant), moved_by=at - newest)


def _newest(path: Path, tenant: str | None) -> datetime | None:
    """The newest time that is written in the file; events without one get it too."""
    never = datetime.min.replace(tzinfo=UTC)
    with path.open("rb") as stream:
        newest = newest_time(
            read_event(line, defaults=Defaults(at=never, tenant_id=tenant)) for line in lines_of(stream)
        )
    return None if newest == never else newest


async def _publish(file: str, reading: Reading, *, quiet: bool) -> Published:
    published = Published()
    async with publisher() as sender:
        with _opened(file) as stream, progress_bar() as bar:
            task = bar.add_task("bytes published", total=_size(file))
            for lines in _batches(lines_of(stream)):
                await _publish_batch(lines, reading=reading, sender=sender, published=published, quiet=quiet)
                bar.advance(task, sum(line.size for line in lines))
    return published


async def _publish_batch(
    lines: list[Line], *, reading: Reading, sender: EventPublisher, published: Published, quiet: bool
) -> None:
    read = {line.number: reading.event(line) for line in lines}
    events = {number: event for number, event in read.items() if isinstance(event, Event)}
    refusals = [one for one in read.values() if isinstance(one, Refusal)]
    refusals += await _send(events, sender=sender, published=published)
    for refusal in sorted(refusals, key=lambda one: one.line):
        published.note_refusal(refusal)
        if not quiet:
            OUTPUT.print(refusal.sentence, style="red", markup=False, highlight=False, soft_wrap=True)


async def _send(events: Mapping[int, Event], *, sender: EventPublisher, published: Published) -> list[Refusal]:
    """Publish the events of these lines; return what the broker refused. A broker that is away ends the command."""
    try:
        await sender.publish_many(events.values())
    except NotPublishedError as error:
        failed = {id(failure.event): str(failure.error) for failure in error.failures}
    except BrokerUnavailableError as error:
        sent = published.by_topic.total() + len(events) - len(error.failures)
        fail(f"publish: {error}; {sent} events were published, of {len(error.failures)} more it is not known")
    else:
        failed = {}
    published.by_topic.update(BY_EVENT_TYPE[one.type].name for one in events.values() if id(one) not in failed)
    return [
        Refusal(line=number, code="not-published", detail=failed[id(event)])
        for number, event in events.items()
        if id(event) in failed
    ]


def _size(file: str) -> int | None:
    return None if file == "-" else Path(file).stat().st_size


def _batches(lines: Iterator[Line]) -> Iterator[list[Line]]:
    batch: list[Line] = []
    for line in lines:
        batch.append(line)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


@contextmanager
def _opened(file: str) -> Iterator[IO[bytes]]:
    if file == "-":
        yield sys.stdin.buffer
    else:
        with Path(file).open("rb") as stream:
            yield stream


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(publish)
