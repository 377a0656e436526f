"""What a command shows while it works: after this, results go to standard output and all else to standard error."""

from __future__ import annotations

import json
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

OUTPUT = Console()
"""Results, for a reader or a pipe."""

NOTES = Console(stderr=True)
"""Progress and remarks; nothing that a script reads."""


def progress_bar() -> Progress:
    """Return a bar that shows on a terminal only and leaves nothing behind."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=NOTES,
        transient=True,
        disable=not NOTES.is_terminal,
    )


def print_json(value: Any) -> None:  # noqa: ANN401 - whatever JSON holds
    """Print exactly one line of JSON, at once, also into a pipe."""
    print(json.dumps(value), flush=True)


def fail(reason: str) -> NoReturn:
    """End the command: one line on standard error, exit code 1."""
    NOTES.print(reason.replace("\n", " "), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(1)
