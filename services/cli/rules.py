"""`nuxari-security rules`, and of it `run` and `lint`: Sigma rules over anybody's events, without Kafka or database."""

from __future__ import annotations

import gc
import gzip
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated, Any

import typer

from services.cli.rules_files import texts_of, time_text
from services.cli.screen import NOTES, OUTPUT, fail, print_json
from services.monitoring.domain.evaluation import Evaluation
from services.monitoring.domain.findings import Evidence, Finding
from services.monitoring.sigma.loading import RulesError, load
from services.monitoring.sigma.running import Feed

_Rules = Annotated[list[Path], typer.Argument(exists=True, help="Sigma files, or directories of them.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON: one alert a line.")]

_QUICK = (["rules", "run"], ["rules", "lint"])
"""Commands that need no contract, called in a loop by whoever writes rules."""


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Sigma rules and correlations.", no_args_is_help=True)
    group.command()(run)
    group.command()(lint)
    if sys.argv[1:3] not in _QUICK:
        _add_the_others(group)
    group.callback()(_group)
    app.add_typer(group, name="rules")


def _add_the_others(group: typer.Typer) -> None:
    from services.cli.rules_backtest import backtest  # noqa: PLC0415 - reading the contract costs half a second
    from services.cli.rules_catalogue import list_rules, show  # noqa: PLC0415 - as above
    from services.cli.rules_explaining import explain  # noqa: PLC0415 - as above
    from services.cli.rules_stories import try_stories  # noqa: PLC0415 - as above

    group.command("list")(list_rules)
    group.command()(show)
    group.command("test")(try_stories)
    group.command()(explain)
    group.command()(backtest)


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
    loaded = load(texts_of(rules))
    evaluation = Evaluation(loaded)
    feed = Feed(loaded, evaluation, time_field=time_field)
    with _without_collector(), _opened(events) as file:
        feed.take(file)
        found = evaluation.findings()
        if as_json:
            sys.stdout.writelines(json.dumps(_document(one)) + "\n" for one in found)
            sys.stdout.flush()
        else:
            _print_table(found)
    _say_left_out(feed, evaluation)


def lint(rules: _Rules, *, as_json: _Json = False) -> None:
    """Load the rules and say of each fault in which line it is; a failure if there is one."""
    try:
        loaded = load(texts_of(rules))
    except RulesError as error:
        for fault in error.faults:
            if as_json:
                print_json({"file": fault.file, "line": fault.line, "reason": fault.reason})
            else:
                NOTES.print(str(fault), highlight=False, soft_wrap=True, markup=False)
        fail(f"nuxari-security: {len(error.faults)} faults")
    said = {"rules": len(loaded.selections), "correlations": len(loaded.correlations)}
    if as_json:
        print_json(said)
    else:
        OUTPUT.print(f"{said['rules']} rules and {said['correlations']} correlations are in order", highlight=False)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open the file, unpacked, with a bar on a terminal."""
    with _progress(path) as raw:
        if path.suffix != ".gz":
            yield raw
            return
        with gzip.open(raw) as unpacked:
            yield unpacked  # type: ignore[misc]


@contextmanager
def _progress(path: Path) -> Iterator[IO[bytes]]:
    if not NOTES.is_terminal or path.stat().st_size == 0:
        with path.open("rb", buffering=0) as raw:
            yield raw
        return
    from rich.progress import Progress  # noqa: PLC0415 - nobody waits for it where there is no terminal

    with Progress(console=NOTES, transient=True) as bar, bar.open(path, "rb", description="evaluating") as file:
        yield file


@contextmanager
def _without_collector() -> Iterator[None]:
    """Matches refer to each other in no circle: looking for circles among millions of them would find nothing."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _say_left_out(feed: Feed, evaluation: Evaluation) -> None:
    for reason, count in feed.rejected.items():
        NOTES.print(f"{count} lines were not evaluated: {reason}", highlight=False)
    for name, said in (
        ("duplicates", "matches are of events that were there before"),
        ("untimed", "matches have no time and were not correlated"),
        ("unkeyed", "matches lack a field to group by and were put together with nobody"),
    ):
        if count := evaluation.counters[name]:
            NOTES.print(f"{count} {said}", highlight=False)


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
        "window": {"after": time_text(finding.after_ms), "until": time_text(finding.until_ms)},
        "first_seen": time_text(finding.first_seen_ms),
        "last_seen": time_text(finding.last_seen_ms),
        "events": finding.events_count,
        "evidence": [_evidence(one) for one in finding.evidence],
    }


def _evidence(one: Evidence) -> dict[str, Any]:
    return {"line": one.place, "time": time_text(one.time_ms), "rule_id": one.rule, "source": one.source, "id": one.id}


def _print_table(found: list[Finding]) -> None:
    from rich.table import Table  # noqa: PLC0415 - a script that reads JSON does not wait for it
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table("until", "level", "rule", "group", "value", "events")
    for one in found:
        group = ", ".join(f"{name}={value}" for name, value in one.group.items())
        bound = f" {one.condition.operator} {one.condition.number:g}" if one.condition else ""
        cells = (time_text(one.until_ms) or "", one.head.level, one.head.title, group, f"{one.value:g}{bound}")
        table.add_row(*map(Text, (*cells, str(one.events_count))))
    OUTPUT.print(table)
