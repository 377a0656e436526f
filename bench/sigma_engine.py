"""Ten Sigma rules over half a million lines: our engine beside rsigma, the same files, CPU seconds of each process."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench.result import Result, agree
from bench.sigma_events import Traffic

EVENTS = 500_000
ROUNDS = 3
RSIGMA = "0.23.0"

_HERE = Path(__file__).parent
_BUILT = _HERE.parent / "build" / "rsigma"
_RULES = _HERE / "sigma_rules.yml"

Group = tuple[str, str]
"""Title of a correlation, and what it groups by."""


def run() -> Result:
    rsigma = _rsigma()
    with tempfile.TemporaryDirectory(prefix="nuxari-bench-") as directory:
        sorted_lines, shuffled_lines = Path(directory, "sorted.jsonl"), Path(directory, "shuffled.jsonl")
        lines, planned = _write(sorted_lines, shuffled_lines)
        ours, theirs = _Side(_our_command()), _Side(_rsigma_command(rsigma), reads_input=True)
        for _ in range(ROUNDS):
            ours.measure(sorted_lines)
            theirs.measure(sorted_lines)
        agree("the groups that are found", _ours_found(ours.output), _theirs_found(theirs.output))
        agree("the groups and the planned attacks", _ours_found(ours.output), planned)
        straight = ours.output
        shuffled, misled = _Side(ours.command), _Side(theirs.command, reads_input=True)
        shuffled.measure(shuffled_lines)
        misled.measure(shuffled_lines)
        agree("what is found in lines of any order", sorted(straight), sorted(shuffled.output))
        command = _Side(_whole_command())
        command.measure(sorted_lines)
    return Result(
        name="sigma_engine",
        value=lines / ours.cpu_seconds,
        unit="events per CPU second",
        against=lines / theirs.cpu_seconds,
        against_what=f"rsigma {RSIGMA}, `engine eval`, in one process on the same files",
        aim="2x",
        details={
            "events": lines,
            "bytes_per_event": round(ours.bytes / lines),
            "rules": "5 of single events, 5 correlations",
            "groups_found_by_both": len(planned),
            "ours": ours.numbers(),
            "rsigma": theirs.numbers(),
            "ours_as_the_command_rules_run": command.numbers(),
            "groups_found_in_shuffled_lines": {
                "ours": len(_ours_found(shuffled.output)),
                "rsigma": len(_theirs_found(misled.output) & planned),
                "rsigma_that_are_none": len(_theirs_found(misled.output) - planned),
            },
        },
    )


def _write(in_order: Path, shuffled: Path) -> tuple[int, set[Group]]:
    traffic = Traffic(EVENTS)
    lines = list(traffic.lines())
    in_order.write_text("".join(lines))
    random.Random(1).shuffle(lines)  # noqa: S311 - an order, no secret
    shuffled.write_text("".join(lines))
    return len(lines), set(traffic.planned)


@dataclass
class _Side:
    """One of the two engines: how it is called, what it printed, the least that a run of it cost."""

    command: list[str]
    reads_input: bool = False
    output: tuple[str, ...] = ()
    cpu_seconds: float = float("inf")
    wall_seconds: float = float("inf")
    bytes: int = 0

    def measure(self, events: Path) -> None:
        """Run it once; of several runs the one that cost least counts, as whatever else runs only adds."""
        with tempfile.TemporaryFile() as printed, events.open("rb") as file:
            arguments = self.command if self.reads_input else [*self.command, str(events)]
            begun = time.perf_counter()
            child = subprocess.Popen(  # noqa: S603 - commands of this file
                arguments, stdin=file if self.reads_input else None, stdout=printed, stderr=subprocess.DEVNULL
            )
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            self.wall_seconds = min(self.wall_seconds, time.perf_counter() - begun)
            self.cpu_seconds = min(self.cpu_seconds, used.ru_utime + used.ru_stime)
            if child.returncode:
                raise RuntimeError(f"{' '.join(arguments)} ended with {child.returncode}")
            printed.seek(0)
            self.output = tuple(printed.read().decode().splitlines())
        self.bytes = events.stat().st_size

    def numbers(self) -> dict[str, float]:
        return {"cpu_seconds": round(self.cpu_seconds, 3), "wall_seconds": round(self.wall_seconds, 3)}


def _our_command() -> list[str]:
    return [sys.executable, "-m", "bench.sigma_run", str(_RULES)]


def _whole_command() -> list[str]:
    program = "from services.cli import main; main()"
    return [sys.executable, "-c", program, "rules", "run", str(_RULES), "--time-field", "time", "--json", "--events"]


def _rsigma_command(rsigma: Path) -> list[str]:
    """Event time is that of the field, without which it would take the clock's."""
    options = ["--output-format", "ndjson", "--timestamp-field", "time", "--no-detections", "--input-format", "json"]
    return [str(rsigma), "engine", "eval", "-r", str(_RULES), *options]


def _ours_found(lines: tuple[str, ...]) -> set[Group]:
    found = map(json.loads, lines)
    return {(one["title"], value) for one in found for value in one["group"].values()}


def _theirs_found(lines: tuple[str, ...]) -> set[Group]:
    found = (one for one in map(json.loads, lines) if "correlation_type" in one)
    return {(one["rule_title"], value) for one in found for _, value in one["group_key"]}


def _rsigma() -> Path:
    """Return the program: from PATH, or built once into `build/rsigma`.

    Raises:
        RuntimeError: it is not there and cannot be built.
    """
    found = next((path for path in (shutil.which("rsigma"), _BUILT / "bin" / "rsigma") if path and _is_it(path)), None)
    if found is not None:
        return Path(found)
    cargo = shutil.which("cargo")
    if cargo is None:
        raise RuntimeError(f"the comparison needs rsigma {RSIGMA} on PATH, or cargo to build it into {_BUILT}")
    print(f"building rsigma {RSIGMA} into {_BUILT}, once, some minutes", file=sys.stderr)
    subprocess.run(  # noqa: S603 - cargo
        [cargo, "install", "rsigma", "--version", RSIGMA, "--locked", "--quiet", "--root", str(_BUILT)], check=True
    )
    return _BUILT / "bin" / "rsigma"


def _is_it(path: str | Path) -> bool:
    if not Path(path).exists():
        return False
    said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 - found above
    return RSIGMA in said.stdout.split()
