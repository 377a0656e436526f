"""A relay in a process of its own, to be killed; CRASH=after-send makes it die between the send and the deletion."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from shared.persistence import relay
from shared.persistence.relay import Relay
from tests.messaging.stage import SERVICE, Stage

_deliver = relay._deliver


async def _deliver_and_die(*arguments: object) -> None:
    await _deliver(*arguments)  # type: ignore[arg-type]
    os._exit(9)


async def main() -> None:
    stage = Stage.from_environment()
    if os.environ.get("CRASH") == "after-send":
        relay._deliver = _deliver_and_die  # type: ignore[assignment]
    await Relay(dsn=stage.relay_dsn, bootstrap_servers=stage.bootstrap_servers, service=SERVICE).run()


asyncio.run(main())
