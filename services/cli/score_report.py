"""How a rehearsal went, for a reader and for a script: after this, a score is a table or one JSON object."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from services.cli.rehearsal import Rehearsal
from services.simulator.scoring import Finding, Score
from services.simulator.sightings import Sighting

_NAMES = {
    1: "brute force",
    2: "brute force, then success",
    12: "sign-in that avoids MFA",
    13: "MFA fatigue",
    33: "disabled identity used",
    34: "role assigned outside PIM",
    35: "privileged action outside an activation",
}
"""Of the detections that the simulator provokes."""


def score_as_json(rehearsal: Rehearsal, score: Score) -> dict[str, Any]:
    """Return the one object that scripts read; `found`, `missed` count attacks, `false_alerts` counts alerts."""
    scenario = rehearsal.simulation.scenario
    return {
        "tenant": scenario.tenant_id,
        "seed": scenario.seed,
        "events": rehearsal.sent,
        "attacks": len(rehearsal.simulation.attacks),
        "found": score.found,
        "missed": score.missed,
        "false_alerts": len(score.false_alerts),
        "repeated": score.repeated,
        "p50_ms": _rounded(score.percentile_ms(50)),
        "p99_ms": _rounded(score.percentile_ms(99)),
        "seconds": round(rehearsal.seconds, 3),
        "by_detection": {
            str(number): {
                "expected": tally.expected,
                "found": tally.found,
                "missed": tally.missed,
                "false_alerts": tally.false_alerts,
            }
            for number, tally in score.by_detection().items()
        },
        "missed_details": [_missed(finding) for finding in score.missed_alerts],
        "false_details": [_false(sighting) for sighting in score.false_alerts],
    }


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 1)


def _missed(finding: Finding) -> dict[str, Any]:
    attack = finding.attack
    return {
        "attack_id": attack.attack_id,
        "kind": attack.kind,
        "variant": attack.variant,
        "detection": finding.expected.number,
        "group": dict(finding.expected.group),
        "first_event_id": attack.events[0].id,
        "last_event_id": attack.events[-1].id,
    }


def _false(sighting: Sighting) -> dict[str, Any]:
    alert = sighting.alert
    return {
        "alert_id": alert.alert_id,
        "detection": alert.rule.number,
        "group": alert.group,
        "first_seen": alert.first_seen.isoformat(),
        "summary": alert.summary,
    }


def score_as_tables(rehearsal: Rehearsal, score: Score) -> RenderableType:
    """Return the comparison for a reader: by detection, then what was missed and what was raised for nothing."""
    shown = [_by_detection(score)]
    if score.missed_alerts:
        shown.append(_named("missed", [_missed(finding) for finding in score.missed_alerts], "kind", "variant"))
    if score.false_alerts:
        shown.append(_named("raised for nothing", [_false(one) for one in score.false_alerts], "alert_id", "summary"))
    return Group(*shown, Text(_sentence(rehearsal, score)))


def _by_detection(score: Score) -> Table:
    table = Table(title="by detection", title_justify="left")
    table.add_column("no.", justify="right")
    table.add_column("detection")
    for name in ("expected", "found", "missed", "false alerts"):
        table.add_column(name, justify="right")
    for number, tally in score.by_detection().items():
        counts = (tally.expected, tally.found, tally.missed, tally.false_alerts)
        table.add_row(str(number), _NAMES.get(number, ""), *(str(count) for count in counts))
    return table


def _named(title: str, rows: list[dict[str, Any]], *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    for name in ("detection", "group", *columns):
        table.add_column(name, overflow="fold")
    for row in rows:
        group = ", ".join(f"{name}={value}" for name, value in row["group"].items())
        table.add_row(*(Text(cell) for cell in (str(row["detection"]), group, *(str(row[name]) for name in columns))))
    return table


def _sentence(rehearsal: Rehearsal, score: Score) -> str:
    attacks, false_alerts = len(rehearsal.simulation.attacks), len(score.false_alerts)
    latency = "no latency"
    if score.latencies_ms:
        latency = f"publish to alert p50 {score.percentile_ms(50):.0f} ms, p99 {score.percentile_ms(99):.0f} ms"
    return (
        f"{rehearsal.sent} events in {rehearsal.seconds:.1f} s: {score.found} of {attacks} attacks found,"
        f" {score.missed} missed, {false_alerts} alerts raised for nothing; {latency}"
    )
