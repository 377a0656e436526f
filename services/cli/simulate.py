"""`nuxari-security simulate`: after this, it is known what the running system finds of a made-up tenant's attacks."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer

from services.cli.connection import alert_stream, home, publisher
from services.cli.options import span, tenant_id
from services.cli.rehearsal import Rehearsal, rehearse
from services.cli.score_report import score_as_json, score_as_tables
from services.cli.screen import OUTPUT, fail, print_json, progress_bar
from services.simulator.scenario import Scenario, ScenarioError
from services.simulator.simulation import Simulation, simulation
from services.simulator.truth import truth_lines
from shared.clock import SystemClock


def simulate(  # noqa: PLR0913 - the command's options
    *,
    tenant: Annotated[
        str | None, typer.Option(parser=tenant_id, help="Without it, a new one: sim-<seed>-<8 hex digits>.")
    ] = None,
    users: Annotated[int, typer.Option(min=1, help="People of the tenant.")] = 200,
    duration: Annotated[
        timedelta,
        typer.Option(parser=span, metavar="SPAN", show_default="4h", help="The span of event time, which ends now."),
    ] = timedelta(hours=4),
    rate: Annotated[float, typer.Option(min=0, help="Events published per second; 0: as fast as possible.")] = 500,
    seed: Annotated[int, typer.Option(min=0, help="The same seed makes the same story.")] = 1,
    attacks: Annotated[int, typer.Option(min=0, help="Injected among the ordinary traffic.")] = 28,
    truth: Annotated[
        Path | None, typer.Option(help="Where the truth goes; without it, NUXARI_HOME/simulations/<tenant>.jsonl.")
    ] = None,
    settle: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="End when no alert came for so long after the last event.")
    ] = 5,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 1 if an attack was missed or an alert raised for nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Publish a made-up tenant's traffic with attacks among it, and count what monitoring finds of them.

    Ordinary traffic comes close to every threshold and stays below. The truth is written, one JSON object per
    attack, before the first event is published. The latency is taken from the delivery of the event that completes
    an attack's pattern to the arrival of its alert.
    """
    simulated = _simulation(tenant or f"sim-{seed}-{uuid4().hex[:8]}", seed, duration, users, attacks)
    truth_file = _write_truth(simulated, truth)
    rehearsal = asyncio.run(_rehearse(simulated, rate=rate, settle=timedelta(seconds=settle)))
    _show(rehearsal, truth_file, as_json=as_json)
    score = rehearsal.score()
    if strict and (score.missed or score.false_alerts):
        fail(f"simulate: {score.missed} attacks missed, {len(score.false_alerts)} alerts raised for nothing")


def _simulation(tenant_id: str, seed: int, duration: timedelta, users: int, attacks: int) -> Simulation:
    try:
        return simulation(
            Scenario(
                tenant_id=tenant_id,
                seed=seed,
                until=SystemClock().now(),
                duration=duration,
                users=users,
                attacks=attacks,
            )
        )
    except ScenarioError as error:
        fail(f"simulate: {error}")


def _write_truth(simulated: Simulation, wanted: Path | None) -> Path:
    path = wanted or home() / "simulations" / f"{simulated.scenario.tenant_id}.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8") as file:
            file.writelines(truth_lines(simulated.attacks))
    except OSError as error:
        fail(f"simulate: the truth cannot be written: {error}")
    return path


async def _rehearse(simulated: Simulation, *, rate: float, settle: timedelta) -> Rehearsal:
    total = sum(1 for _ in simulated.events())
    with progress_bar() as bar:
        task = bar.add_task("events published", total=total)
        async with alert_stream(from_beginning=False) as alerts, publisher() as sender:
            return await rehearse(
                simulated,
                publisher=sender,
                alerts=alerts,
                rate=rate,
                settle=settle,
                on_sent=lambda sent: bar.update(task, completed=sent),
            )


def _show(rehearsal: Rehearsal, truth_file: Path, *, as_json: bool) -> None:
    score = rehearsal.score()
    if as_json:
        print_json(score_as_json(rehearsal, score) | {"truth": str(truth_file)})
    else:
        OUTPUT.print(score_as_tables(rehearsal, score))
        OUTPUT.print(f"truth: {truth_file}", markup=False, highlight=False, soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(simulate)
