"""`nuxari-security alerts`: after this, a person or a script sees each alert the moment it is announced."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated

import typer
from nuxari_events.envelope import Event

from services.cli.alert_table import AlertTable
from services.cli.connection import alert_stream
from services.cli.options import tenant_id
from services.cli.screen import NOTES, OUTPUT


def tail(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one CloudEvent (JSON) per line.")] = False,
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Begin with the oldest alert that is kept.")
    ] = False,
    idle_exit: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="End when no alert came for so long.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(parser=tenant_id, help="Only this tenant's alerts.")] = None,
) -> None:
    """Print alerts as they come, until Ctrl-C or until none came for --idle-exit seconds.

    Each announcement is a line: an alert is raised once, updated while its episode goes on, and closed.
    """
    show = _show_json if as_json else AlertTable(OUTPUT).add
    idle = None if idle_exit is None else timedelta(seconds=idle_exit)
    try:
        asyncio.run(_tail(show, from_beginning=from_beginning, idle_exit=idle, tenant=tenant))
    except KeyboardInterrupt:
        raise typer.Exit from None  # it is how a reader says that they have seen enough


def _show_json(event: Event) -> None:
    print(event.model_dump_json(exclude_none=True), flush=True)


async def _tail(
    show: Callable[[Event], None], *, from_beginning: bool, idle_exit: timedelta | None, tenant: str | None
) -> None:
    async with alert_stream(from_beginning=from_beginning, idle_exit=idle_exit) as alerts:
        async for event in alerts:
            if tenant in {None, event.tenantid}:
                show(event)
        if skipped := alerts.malformed + alerts.unknown:
            NOTES.print(f"{skipped} messages are no alerts of this version and were skipped")


def register(app: typer.Typer) -> None:
    """Add the group of commands."""
    group = typer.Typer(help="Read the alerts that monitoring announces.", no_args_is_help=True)
    group.command()(tail)
    group.callback()(_group)
    app.add_typer(group, name="alerts")


def _group() -> None:
    """Read the alerts that monitoring announces."""
