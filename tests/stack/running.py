"""A stack of a test: the real command, with stand-ins for the services, on ports and in a home of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psutil

from shared.embedded.child import free_port
from tests.waiting import until

FAKE_UP = (sys.executable, str(Path(__file__).with_name("fake_up.py")))
REAL_UP = (sys.executable, "-c", "from services.cli import main; main()")
ROOT = Path(__file__).parents[2]
READY_WITHIN = timedelta(seconds=90)


class RunningStack:
    """One home; `up` may be started in it more than once."""

    def __init__(
        self,
        home: Path,
        *,
        command: tuple[str, ...] = FAKE_UP,
        services: tuple[str, ...] = ("greeter", "waver"),
        **settings: str,
    ) -> None:
        self.home = home
        self._command = command
        self.ports = {name: free_port() for name in services}
        self.environment = os.environ | {
            "NUXARI_HOME": str(home / "state"),
            "NUXARI_KAFKA_PORT": str(free_port()),
            "NUXARI_POSTGRES_PORT": str(free_port()),
            **{f"NUXARI_{name.upper()}_PORT": str(port) for name, port in self.ports.items()},
            "FAKE_PROGRAMS": " ".join(f"{name}={port}" for name, port in self.ports.items()),
            **settings,
        }
        self.out = home / "out"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def kafka(self) -> str:
        return f"127.0.0.1:{self.environment['NUXARI_KAFKA_PORT']}"

    def up(self) -> None:
        """As from a terminal: in a process group of its own, which Ctrl-C reaches."""
        with self.out.open("wb") as out, (self.home / "err").open("wb") as err:
            self.process = subprocess.Popen(  # noqa: S603 - our own script
                [*self._command, "up"],
                cwd=ROOT,
                env=self.environment,
                stdout=out,
                stderr=err,
                process_group=0,
            )

    def lines(self) -> list[str]:
        return self.out.read_text().splitlines()

    def errors(self) -> list[str]:
        return (self.home / "err").read_text().splitlines()

    async def is_up(self) -> None:
        await until(
            lambda: self.is_ready() or self.has_ended(), within=READY_WITHIN, what="a line that starts with ready"
        )
        assert self.is_ready(), self.errors()

    def is_ready(self) -> bool:
        return any(line.startswith("ready") for line in self.lines())

    async def says(self, text: str) -> None:
        await until(lambda: any(text in line for line in self.lines()), within=READY_WITHIN, what=text)

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def called(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own script
            [*self._command, *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def status(self) -> dict[str, dict[str, object]]:
        found = json.loads(self.called("status", "--json").stdout)
        return {process["name"]: process for process in found["processes"]}

    def pids(self) -> dict[str, int]:
        state = json.loads((self.home / "state" / "stack.json").read_text())
        return {process["name"]: process["pid"] for process in state["processes"]}

    def kill(self, name: str) -> None:
        os.kill(self.pids()[name], signal.SIGKILL)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(60)

    def ctrl_c(self) -> int:
        """What the terminal does: the signal goes to the whole process group."""
        assert self.process is not None
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(60)

    def left_running(self) -> list[str]:
        """What still has this home in its command line or environment."""
        return [
            " ".join(one.cmdline())[:80] for one in psutil.process_iter() if one.pid != os.getpid() and self._has(one)
        ]

    def _has(self, process: psutil.Process) -> bool:
        try:
            told = [*process.cmdline(), process.environ().get("NUXARI_HOME", "")]
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return False
        return any(str(self.home) in text for text in told)
