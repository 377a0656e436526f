"""`nuxari-security rules backtest`: what rules would have raised in the stored stream; nothing is written anywhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from services.cli.options import span, tenant_id
from services.cli.rules_catalogue import Rules
from services.cli.rules_files import rules_of, time_text
from services.cli.screen import NOTES, OUTPUT, print_json
from services.monitoring.domain.model import Alert
from services.monitoring.sigma.backtests import Backtest, Difference, changes_of, differences
from services.monitoring.sigma.chosen import narrowed
from services.monitoring.sigma.pack import Pack, pack
from shared.clock import SystemClock

_PACK = "pack"
"""Instead of a path: the detections that come with the service."""


@dataclass(frozen=True)
class _Found:
    new: list[Alert]
    old: list[Alert] | None
    left_out: dict[str, int]


def backtest(
    *,
    since: Annotated[str, typer.Option(metavar="24h|TIME", help="How far back, or since when (RFC 3339).")] = "24h",
    rules: Rules = None,
    tenant: Annotated[str | None, typer.Option(parser=tenant_id, help="Only this tenant's events.")] = None,
    against: Annotated[
        list[str] | None, typer.Option(metavar="PATH|pack", help="Other rules: print the difference of the alerts.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Run rules over the stored stream and print the alerts; nothing is published or written.

    With --against, print what differs: alerts of the other rules alone (only old), of these alone (only new), changed.
    """
    now = SystemClock().now()
    new = rules_of(rules)
    old = None if not against else _other(against, new)
    found = asyncio.run(_run(new, old, since=_since(since, now), now=now, tenant=tenant))
    if found.old is None:
        _print_alerts(found.new, as_json=as_json)
    else:
        _print_differences(differences(found.old, found.new), as_json=as_json)
    _say(found, as_json=as_json)


def _other(against: Sequence[str], new: Pack) -> Pack:
    """Return the rules to compare with; of the pack those that have a counterpart of the same name or id."""
    if list(against) != [_PACK]:
        missing = next((one for one in against if not Path(one).exists()), None)
        if missing is not None:
            raise typer.BadParameter(f"{missing}: no such file or directory, nor 'pack'")
        return rules_of([Path(one) for one in against])
    names = {name for head in new.raising.values() for name in (head.id, head.name)}
    return narrowed(pack(), (one.id for one in pack().raising.values() if {one.id, one.name} & names))


def _since(text: str, now: datetime) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return now - span(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _run(new: Pack, old: Pack | None, *, since: datetime, now: datetime, tenant: str | None) -> _Found:
    from services.cli.stored_stream import StoredStream  # noqa: PLC0415 - the other commands do not wait for it
    from services.monitoring.domain.derived import Derivation  # noqa: PLC0415 - as above
    from services.monitoring.geo import of_settings  # noqa: PLC0415 - as above
    from shared.settings import EnrichmentSettings, StackSettings  # noqa: PLC0415 - as above

    derivation = Derivation(databases=of_settings(EnrichmentSettings()))
    stream = StoredStream(StackSettings().kafka, since=since, tenant=tenant)
    tests = [Backtest(rules, derivation) for rules in (new, old) if rules is not None]
    partition = None
    async for fact in stream.facts():
        if fact.partition != partition:
            partition = fact.partition
            for test in tests:
                test.begin()
        for test in tests:
            test.take(fact)
    now_ms = round(now.timestamp() * 1000)
    alerts = [test.end(now_ms=now_ms) for test in tests]
    return _Found(alerts[0], alerts[1] if old is not None else None, dict(stream.counters))


def _print_alerts(alerts: Sequence[Alert], *, as_json: bool) -> None:
    if as_json:
        for one in alerts:
            print_json(_described(one))
        return
    table = Table("first seen", "severity", "no.", "rule", "tenant", "summary")
    for one in alerts:
        table.add_row(*map(Text, _cells(one)))
    OUTPUT.print(table)


def _print_differences(found: Sequence[Difference], *, as_json: bool) -> None:
    if as_json:
        for one in found:
            before = None if one.old is None or one.new is None else _described(one.old)
            print_json({"difference": one.kind.replace(" ", "_"), **_described(one.alert), "before": before})
        return
    table = Table("difference", "first seen", "severity", "no.", "rule", "tenant", "summary")
    for one in found:
        *cells, summary = _cells(one.alert)
        table.add_row(*map(Text, (one.kind, *cells, f"{summary}{_changes(one)}")))
    OUTPUT.print(table)


def _changes(one: Difference) -> str:
    if one.old is None or one.new is None:
        return ""
    before, after = _described(one.old), _described(one.new)
    return "".join(f"\n{name}: {before[name]} -> {after[name]}" for name in changes_of(one.old, one.new))


def _cells(one: Alert) -> tuple[str, ...]:
    at = (time_text(one.first_seen_ms) or "")[:19].replace("T", " ")
    return at, one.severity, str(one.rule_number or ""), one.rule_id, one.tenant, one.summary


def _described(one: Alert) -> dict[str, Any]:
    return {
        "tenant": one.tenant,
        "rule": one.rule_id,
        "number": one.rule_number or None,
        "severity": one.severity,
        "title": one.rule_title,
        "summary": one.summary,
        "group": one.group,
        "value": one.value,
        "threshold": one.threshold,
        "first_seen": time_text(one.first_seen_ms),
        "last_seen": time_text(one.last_seen_ms),
        "related_events_count": one.related_events_count,
    }


def _say(found: _Found, *, as_json: bool) -> None:
    read = found.left_out.pop("read", 0)
    if not as_json:
        old = "" if found.old is None else f", {len(found.old)} of the other rules"
        NOTES.print(f"{read} events were read; {len(found.new)} alerts{old}", highlight=False)
    for name, count in found.left_out.items():
        NOTES.print(f"{count} records were left out: {name}", highlight=False)
