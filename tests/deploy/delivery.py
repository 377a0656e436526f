"""The files of the container delivery as data: after this, a test asks what they say and parses nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
COMPOSE: dict[str, Any] = yaml.safe_load(COMPOSE_FILE.read_text())
CONTAINERS: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVERS = {"kafka", "postgres"}
ONE_SHOT = {"provision"}


def secrets_of(container: str) -> dict[str, str]:
    """What the container is given: the file's name inside it, and the secret."""
    given = CONTAINERS[container].get("secrets", [])
    named = (one if isinstance(one, dict) else {"source": one, "target": one} for one in given)
    return {one["target"]: one["source"] for one in named}


def dockerfile() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, each on one line."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    parts = (line.split(maxsplit=1) for line in lines if line and not line.startswith("#"))
    return [(name.upper(), argument) for name, argument in parts]


def make_secrets(directory: Path, **settings: str) -> Path:
    """Call the command as a person does, and return where the secrets are."""
    environment = {"PATH": os.environ["PATH"], **settings}
    command = ["sh", ROOT / "deploy" / "make-secrets", directory]
    subprocess.run(command, check=True, env=environment, capture_output=True)  # noqa: S603 - our own script
    return directory
