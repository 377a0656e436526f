"""`nuxari-security up` and `status`: the whole stack with one command, and what of it runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from services.cli.screen import NOTES, OUTPUT, fail, print_json
from services.stack import state
from services.stack.servers import Program, is_ready, programs_of
from services.stack.state import State
from shared.embedded import kafka, postgres
from shared.embedded.child import StartError
from shared.settings import StackSettings

_ANSWERS: dict[str, Callable[[str], bool]] = {"kafka": kafka.is_answering, "postgres": postgres.is_answering}
"""How those are asked that have no /ready."""


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(up)
    app.command()(status)


def up() -> None:
    """Start Kafka, PostgreSQL and the four services; run until Ctrl-C, then stop them all.

    The last line begins with `ready` and names every address. A process that dies is started again.
    """
    settings = StackSettings()
    bring_up(settings, programs=programs_of(settings))


def bring_up(settings: StackSettings, *, programs: Sequence[Program]) -> None:
    """Run a stack of these services in the settings' home until Ctrl-C or SIGTERM.

    Raises:
        typer.Exit: with 1: another stack runs there, or something did not come up; said in one line.
    """
    from services.stack.stack import Stack  # noqa: PLC0415 - half a second that `status` does not need

    with contextlib.ExitStack() as held:
        lock = state.lock(settings.home)
        if lock is None:
            fail(f"up: {_what_runs(settings)}")
        held.enter_context(lock)
        for process in state.end_leftovers(settings.home):
            NOTES.print(f"ended {process.name} (pid {process.pid}), left by a stack that was killed", highlight=False)
        try:
            Stack(settings, programs=programs, say=_say, step=_step).run()
        except StartError as error:
            fail(f"up: {error}")


def status(*, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """Say which processes run, where, and whether they do their work.

    The exit code is 1 if nothing runs.
    """
    settings = StackSettings()
    found = state.load(settings.home)
    if found is None or not any(process.found() for process in found.processes):
        fail(f"status: nothing runs in {settings.home.absolute()}; start it with `nuxari-security up`")
    processes = _described(found)
    if as_json:
        addresses = {"kafka": found.kafka, "postgres": found.postgres, "home": str(settings.home.absolute())}
        print_json({"processes": processes, **addresses, "pid": found.pid})
    else:
        OUTPUT.print(_table(processes))


def _described(found: State) -> list[dict[str, Any]]:
    described = []
    for process in found.processes:
        answers = _ANSWERS.get(process.name, is_ready)
        runs = process.found() is not None
        described.append(
            {
                "name": process.name,
                "pid": process.pid if runs else None,
                "url": process.url,
                "ready": runs and answers(process.url),
            }
        )
    return described


def _table(processes: list[dict[str, Any]]) -> Table:
    table = Table("process", "pid", "url", "ready")
    for process in processes:
        ready = "[green]yes" if process["ready"] else "[red]no"
        table.add_row(process["name"], str(process["pid"] or "-"), process["url"], ready)
    return table


def _what_runs(settings: StackSettings) -> str:
    found = state.load(settings.home)
    where = ", ".join(f"{process.name} {process.url}" for process in found.processes) if found else ""
    owner = f"pid {found.pid}" if found else "pid unknown"
    return f"a stack runs in {settings.home.absolute()} already ({owner}): {where or 'it is still starting'}"


def _say(text: str) -> None:
    """One line at once: whoever waits for it may read from a pipe, and may have stopped reading."""
    with contextlib.suppress(BrokenPipeError):
        print(text, flush=True)


@contextlib.contextmanager
def _step(what: str) -> Iterator[None]:
    began = time.monotonic()
    with NOTES.status(what):
        yield
    NOTES.print(f"[green]done[/] {what} [dim]{time.monotonic() - began:.1f} s", highlight=False, soft_wrap=True)
