"""The command: `python -m bench [NAME...] [--json]`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module

from rich.console import Console
from rich.table import Table

from bench.result import Result
from shared.telemetry.logging import configure

NAMES = ("batch_subscription", "monitoring", "outbox_relay", "sigma_engine")


def main() -> int:
    """Run the benchmarks that are named, or all; a failure is one line and a non-zero exit."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Ratios against something run beside it.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--json", action="store_true", help="print one JSON object a benchmark")
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}")
    configure(level="error", form="json")
    notes = Console(stderr=True)
    table = Table("benchmark", "value", "against", "ratio", "aim")
    for name in asked.names or NAMES:
        with notes.status(f"{name} ..."):
            result = _run(name)
        if result is None:
            return 1
        result.keep()
        if asked.json:
            print(json.dumps(result.document()), flush=True)
        table.add_row(*_row(result))
    if not asked.json:
        Console().print(table)
    return 0


def _run(name: str) -> Result | None:
    run: Callable[[], Result] = import_module(f"bench.{name}").run
    try:
        return run()
    except Exception as error:  # noqa: BLE001 - said in one line
        print(f"bench: {name}: {type(error).__name__}: {' '.join(str(error).split())[:400]}", file=sys.stderr)
        return None


def _row(result: Result) -> tuple[str, ...]:
    value, against = (f"{number:,.0f} {result.unit}" for number in (result.value, result.against))
    return result.name, value, against, f"{result.ratio:.1f}x", result.aim


if __name__ == "__main__":
    sys.exit(main())
