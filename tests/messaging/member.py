"""One member of a consumer group in a process of its own, to be killed; CRASH=before-commit makes it die by itself."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from shared.messaging.broker import make_broker
from shared.messaging.subscription import Subscription
from shared.messaging.transactional import subscribe
from shared.persistence.database import Database
from tests.messaging.stage import Stage, note


async def _die(*_: object) -> None:
    os._exit(9)


async def main() -> None:
    stage = Stage.from_environment()
    if os.environ.get("CRASH") == "before-commit":
        Subscription._commit = _die  # type: ignore[method-assign]
    database = Database(stage.dsn, name="member")
    await database.open()
    broker = make_broker(stage.bootstrap_servers, client_id="member")
    subscribe(broker, topics=[stage.topic], consumer=stage.group, database=database, apply=note)
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await broker.start()
    print("started", flush=True)  # noqa: T201 - the test waits for it
    await stop.wait()
    await broker.stop()
    await database.close()


asyncio.run(main())
