"""What runs in a home directory: one stack at most, known by process id and start time, found again after a crash."""

from __future__ import annotations

import contextlib
import fcntl
import json
import signal
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from services.stack.servers import Server

if TYPE_CHECKING:
    import psutil

_FILE = "stack.json"
_LOCK = "stack.lock"
_GRACE_SECONDS = 25

_POLL_SECONDS = 0.05

_SAME_START_SECONDS = 2.0
"""The kernel's word on when a process began moves this much when the clock is set; a reused id is further off."""

_SERVERS = ("kafka", "postgres")
"""What the services need is ended after them, in this order."""


@dataclass(frozen=True)
class Process:
    """One process of the stack."""

    name: str
    pid: int
    started: float
    """Seconds since the epoch: a process id alone may have been given to somebody else since."""
    url: str
    stop_signal: int = signal.SIGTERM

    @classmethod
    def of(cls, server: Server) -> Process | None:
        """Describe a server of ours; None if it does not run."""
        import psutil  # noqa: PLC0415 - only a machine that runs a stack has it

        pid = server.child.pid
        if pid is None:
            return None
        return cls(server.name, pid, psutil.Process(pid).create_time(), server.url, server.stop_signal)

    def found(self) -> psutil.Process | None:
        """Return this very process if it still runs."""
        import psutil  # noqa: PLC0415 - as above

        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started) < _SAME_START_SECONDS
            return process if is_same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def send(self, number: signal.Signals) -> None:
        """Send it a signal; nothing happens if it has ended."""
        import psutil  # noqa: PLC0415 - as above

        if process := self.found():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)


@dataclass(frozen=True)
class State:
    """What a stack wrote down about itself."""

    pid: int
    """Of the command that owns it."""
    kafka: str
    postgres: str
    """Both `host:port`, without a password."""
    processes: tuple[Process, ...] = field(default=())

    def save(self, home: Path) -> None:
        """Write it down, whole or not at all."""
        part = home / f"{_FILE}.part"
        part.write_text(json.dumps(asdict(self), indent=1))
        part.replace(home / _FILE)


def load(home: Path) -> State | None:
    """Return what the stack of this home wrote down last; None if there never was one."""
    try:
        found: dict[str, Any] = json.loads((home / _FILE).read_text())
    except FileNotFoundError:
        return None
    processes = tuple(Process(**process) for process in found.pop("processes"))
    return State(**found, processes=processes)


def forget(home: Path) -> None:
    """Note that nothing runs any more."""
    (home / _FILE).unlink(missing_ok=True)


def lock(home: Path) -> IO[str] | None:
    """Take this home for one stack, until the file is closed or the process ends; None if another has it."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = (home / _LOCK).open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file


def end_leftovers(home: Path) -> list[Process]:
    """End what a stack that was killed left running: services, then Kafka, then PostgreSQL; return what there was."""
    state = load(home)
    leftovers = [one for one in state.processes if one.found()] if state else []
    _end([one for one in leftovers if one.name not in _SERVERS])
    for name in _SERVERS:
        _end([one for one in leftovers if one.name == name])
    return leftovers


def _end(processes: Sequence[Process]) -> None:
    """Ask them all to end, wait, and kill who does not."""
    for process in processes:
        process.send(signal.Signals(process.stop_signal))
    deadline = time.monotonic() + _GRACE_SECONDS
    while any(process.found() for process in processes) and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    for process in processes:
        process.send(signal.SIGKILL)
    while any(process.found() for process in processes):
        time.sleep(_POLL_SECONDS)
