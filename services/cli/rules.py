"""`nuxari-security rules`: Sigma rules over anybody's events, without Kafka and without a database."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.progress import Progress
from rich.table import Table

from services.cli.screen import NOTES, OUTPUT, fail, print_json
from services.monitoring.domain.evaluation import Evaluation, Evidence, Finding
from services.monitoring.domain.sigma import Bound, RuleSet
from services.monitoring.sigma.loading import RulesError, load
from services.monitoring.sigma.running import Feed

_Rules = Annotated[list[Path], typer.Argument(exists=True, help="Sigma files, or directories of them.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON: one alert a line.")]


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Sigma rules and correlations.", no_args_is_help=True)
    group.command()(run)
    group.command()(lint)
    group.callback()(_group)
    app.add_typer(group, name="rules")


def _group() -> None:
    """Sigma rules and correlations."""


def run(
    rules: _Rules,
    *,
    events: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="JSON lines, .gz too.")],
    time_field: Annotated[str | None, typer.Option(metavar="FIELD", help="Where a line has its time.")] = None,
    as_json: _Json = False,
) -> None:
    """Run the rules over the events in event time, whatever order they stand in, and print what they find."""
    evaluation = Evaluation(_loaded(rules))
    feed = Feed(evaluation, time_field=time_field)
    with _progress(events) as progress, progress.open(events, "rb", description="evaluating") as file:
        feed.take(_lines(file, events))
    found = evaluation.findings()
    if as_json:
        for one in found:
            print_json(_document(one))
    else:
        OUTPUT.print(_table(found))
    _say_rejected(feed, evaluation)


def lint(rules: _Rules, *, as_json: _Json = False) -> None:
    """Load the rules and say of each fault in which line it is; a failure if there is one."""
    try:
        loaded = load(_texts(rules))
    except RulesError as error:
        for fault in error.faults:
            if as_json:
                print_json({"file": fault.file, "line": fault.line, "reason": fault.reason})
            else:
                NOTES.print(str(fault), highlight=False, soft_wrap=True)
        fail(f"nuxari-security: {len(error.faults)} faults")
    said = {"rules": len(loaded.selections), "correlations": len(loaded.correlations)}
    if as_json:
        print_json(said)
    else:
        OUTPUT.print(f"{said['rules']} rules and {said['correlations']} correlations are in order", highlight=False)


def _loaded(paths: list[Path]) -> RuleSet:
    return load(_texts(paths))


def _texts(paths: list[Path]) -> dict[str, str]:
    files = [file for path in paths for file in (sorted(path.rglob("*.y*ml")) if path.is_dir() else [path])]
    if not files:
        raise FileNotFoundError("there is no .yml file")
    return {str(file): file.read_text() for file in files}


def _progress(events: Path) -> Progress:
    return Progress(console=NOTES, transient=True, disable=not NOTES.is_terminal or events.stat().st_size == 0)


def _lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    if path.suffix != ".gz":
        yield from file
        return
    unpacked: AbstractContextManager[Any] = gzip.open(file)  # noqa: SIM115 - closed below
    with unpacked as lines:
        yield from lines


def _say_rejected(feed: Feed, evaluation: Evaluation) -> None:
    for reason, count in (*feed.rejected.items(), ("duplicate", evaluation.counters["duplicates"])):
        if count:
            NOTES.print(f"{count} lines were not evaluated: {reason}", highlight=False)
    if count := evaluation.counters["unkeyed"]:
        NOTES.print(f"{count} matches lack a field to group by and were put together with nobody", highlight=False)


def _document(finding: Finding) -> dict[str, Any]:
    head, bound = finding.head, finding.condition
    return {
        "rule_id": head.id,
        "rule_name": head.name,
        "title": head.title,
        "level": head.level,
        "tags": list(head.tags),
        "group": dict(finding.group),
        "value": finding.value,
        "threshold": bound.number if bound else None,
        "operator": bound.operator if bound else None,
        "window": {"after": _time(finding.after_ms), "until": _time(finding.until_ms)},
        "first_seen": _time(finding.first_seen_ms),
        "last_seen": _time(finding.last_seen_ms),
        "events": finding.events_count,
        "evidence": [_evidence(one) for one in finding.evidence],
    }


def _evidence(one: Evidence) -> dict[str, Any]:
    return {"line": one.place, "time": _time(one.time_ms), "rule_id": one.rule, "source": one.source, "id": one.id}


def _table(found: list[Finding]) -> Table:
    table = Table("until", "level", "rule", "group", "value", "events")
    for one in found:
        group = ", ".join(f"{name}={value}" for name, value in one.group.items())
        value = f"{one.value:g}" + (f" {one.condition.operator} {one.condition.number:g}" if _has_bound(one) else "")  # type: ignore[union-attr]
        table.add_row(_time(one.until_ms), one.head.level, one.head.title, group, value, str(one.events_count))
    return table


def _has_bound(one: Finding) -> bool:
    return isinstance(one.condition, Bound)


def _time(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
