"""The whole system, as `make up` starts it, once for all journeys."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from shared.embedded.child import free_port
from shared.settings import SERVICES
from tests.journey.system import COMMAND, System

STOPPED_WITHIN = 60


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    home = tmp_path_factory.mktemp("system")
    ports = {f"NUXARI_{name.upper()}_PORT": str(free_port()) for name in (*SERVICES, "kafka", "postgres")}
    environment = os.environ | {"NUXARI_HOME": str(home / "state"), **ports}
    with (home / "up").open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 - our own command
            [*COMMAND, "up"], env=environment, stdout=said, stderr=said
        )
    system = System(home, environment, process)
    try:
        system.await_ready()
        yield system
    finally:
        process.terminate()
        process.wait(STOPPED_WITHIN)
    assert process.returncode == 0, system.said()
