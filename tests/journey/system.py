"""A running system of a test: its commands, and a place to read what `up` said."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-c", "from services.cli import main; main()")
READY_WITHIN = 90
"""Seconds; on a machine that runs other tests too."""


class System:
    """Kafka, PostgreSQL and the services, on ports of their own."""

    def __init__(self, home: Path, environment: dict[str, str], process: subprocess.Popen[bytes]) -> None:
        self.home, self.environment = home, environment
        self._process = process

    def said(self) -> str:
        return (self.home / "up").read_text()

    def await_ready(self) -> None:
        """Block until the line that starts with `ready`."""
        deadline = time.monotonic() + READY_WITHIN
        while not any(line.startswith("ready") for line in self.said().splitlines()):
            assert self._process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            self._wait_a_moment()

    def command(self, *arguments: str, given: str = "") -> str:
        """Run a command of `nuxari-security` and return what it printed."""
        return self.run([*COMMAND, *arguments], given=given)

    def run(self, arguments: list[str], *, given: str = "") -> str:
        done = subprocess.run(  # noqa: S603 - our own commands
            arguments, env=self.environment, input=given, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def new_tenant(self, *, owner_email: str) -> dict[str, Any]:
        return json.loads(self.command("tenant", "create", "Acme", "--owner-email", owner_email, "--json"))

    def _wait_a_moment(self) -> None:
        try:
            self._process.wait(0.1)
        except subprocess.TimeoutExpired:
            return
