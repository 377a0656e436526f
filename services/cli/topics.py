"""`nuxari-security topics`: what topics there are, and having them as they should be."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from nuxari_events.topics import TOPICS
from rich.table import Table

from services.cli.screen import OUTPUT, print_json
from shared.messaging.provision import apply_topics
from shared.settings import StackSettings

_app = typer.Typer(help="The topics of the contract.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(_app, name="topics")


@_app.command("list")
def list_topics(*, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list.")] = False) -> None:
    """Show every topic: key, partitions, retention, who writes and who reads it."""
    rows = [
        {
            "name": topic.name,
            "key": topic.key_description,
            "partitions": topic.partitions,
            "retention": "for ever" if topic.retention is None else str(topic.retention),
            "cleanup": topic.cleanup,
            "producers": list(topic.producers),
            "consumers": list(topic.consumers),
            "types": sorted(topic.event_types),
        }
        for topic in TOPICS
    ]
    if as_json:
        print_json(rows)
        return
    table = Table("topic", "key", "partitions", "retention", "producers", "consumers")
    for topic in TOPICS:
        retention = "for ever" if topic.retention is None else str(topic.retention)
        producers, consumers = ", ".join(topic.producers), ", ".join(topic.consumers)
        table.add_row(topic.name, topic.key_description, str(topic.partitions), retention, producers, consumers)
    OUTPUT.print(table)


@_app.command()
def apply() -> None:
    """Create missing topics and set partitions and retention as the contract says; changes nothing that is right."""
    changed = asyncio.run(apply_topics(StackSettings().kafka))
    OUTPUT.print(f"{len(changed)} topics changed{': ' if changed else ''}{', '.join(changed)}", highlight=False)
