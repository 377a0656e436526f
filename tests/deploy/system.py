"""The whole system in containers, for tests: a project of its own, on free ports, with secrets of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from shared.embedded.child import free_port
from shared.settings import SERVICES
from tests.containers import KAFKA_IMAGE, POSTGRES_IMAGE
from tests.deploy.delivery import ROOT, make_secrets

IMAGES = (KAFKA_IMAGE, POSTGRES_IMAGE, "python:3.11-slim-bookworm")
_LONGEST_SECONDS = 600
"""The first build installs everything."""


def reason_to_skip() -> str | None:
    """Why the system cannot be started in containers here; None if it can."""
    if os.environ.get("NUXARI_TEST_STACK") == "embedded":
        return "NUXARI_TEST_STACK=embedded asks for no containers"
    if _fails("docker", "compose", "version"):
        return "no Docker Compose here"
    if _fails("docker", "info"):
        return "no Docker engine answers here"
    missing = [image for image in IMAGES if _fails("docker", "image", "inspect", image)]
    return f"the engine does not hold {', '.join(missing)}" if missing else None


def _fails(*command: str) -> bool:
    try:
        done = subprocess.run(command, check=False, capture_output=True, timeout=30)  # noqa: S603 - our own arguments
    except (OSError, subprocess.TimeoutExpired):
        return True
    return done.returncode != 0


class System:
    """One project of Compose."""

    def __init__(self, home: Path) -> None:
        names = ("KAFKA", *(service.upper() for service in SERVICES))
        ports = {f"NUXARI_{name}_PORT": str(free_port()) for name in names}
        self.project = f"nuxari-test-{uuid4().hex[:8]}"
        self.secrets = make_secrets(home / "secrets")
        self.environment = os.environ | {
            **ports,
            "COMPOSE_PROJECT_NAME": self.project,
            "NUXARI_COMPOSE_SECRETS": str(self.secrets),
            "NUXARI_IMAGE": f"{self.project}:latest",
            "NUXARI_BUILD_NETWORK": "host",
            "NUXARI_HOME": str(home),
        }
        self.kafka = f"127.0.0.1:{ports['NUXARI_KAFKA_PORT']}"

    def compose(self, *arguments: str) -> str:
        """Run Compose and return what it printed; fail with what it said."""
        return self._run("docker", "compose", "--ansi=never", *arguments)

    def up(self, *arguments: str) -> None:
        """Have it all running and ready."""
        self.compose("up", "--wait", *arguments)

    def remove(self) -> None:
        """Leave nothing but the images that others made."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "30")
        _fails("docker", "image", "rm", "--force", self.environment["NUXARI_IMAGE"])

    def container(self, service: str) -> dict[str, Any]:
        """What the engine says of the service's container, running or not."""
        return self._inspected(self.compose("ps", "--all", "--quiet", service).split())[0]

    def containers(self) -> list[dict[str, Any]]:
        """What the engine says of all of them."""
        return self._inspected(self.compose("ps", "--all", "--quiet").split())

    def crash(self, service: str) -> None:
        """Kill what runs in the container from inside, so that nobody asked the engine for its end."""
        subprocess.run(  # noqa: S603 - our own container
            ["docker", "exec", self.container(service)["Id"], "sh", "-c", "kill -9 -1"],  # noqa: S607 - found on PATH
            check=False,
            capture_output=True,
        )

    def _inspected(self, ids: list[str]) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self._run("docker", "inspect", *ids))
        return found

    def _run(self, *command: str) -> str:
        done = subprocess.run(  # noqa: S603 - our own arguments
            command,
            cwd=ROOT,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout[-2000:]}{done.stderr[-2000:]}"
        return done.stdout


@contextmanager
def running_system(home: Path) -> Iterator[System]:
    """Build it, bring it up, and remove every trace of it."""
    system = System(home)
    try:
        system.up("--build", "--quiet-pull")
        yield system
    finally:
        system.remove()
