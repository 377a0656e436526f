"""A service with every part a service has, and a use case that writes a row, as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from shared.access.tokens import Watermarks
from shared.clock import SystemClock
from shared.messaging.broker import make_broker
from shared.messaging.transactional import subscribe
from shared.messaging.watermark_feed import follow_watermarks
from shared.persistence.database import Database
from shared.persistence.relay import Relay
from shared.running import Parts, run, standard_checks
from shared.telemetry import logging
from shared.web.app import build_app
from tests.access.credentials import a_key, a_verifier
from tests.messaging.stage import SERVICE, Stage, note


def build(stage: Stage, *, port: int) -> Parts:
    database = Database(stage.dsn, name=SERVICE)
    broker = make_broker(stage.bootstrap_servers, client_id=SERVICE)
    marks = Watermarks()
    watermarks = follow_watermarks(broker, marks, service=SERVICE)
    subscription = subscribe(broker, topics=[stage.topic], consumer=stage.group, database=database, apply=note)
    relay = Relay(dsn=stage.relay_dsn, bootstrap_servers=stage.bootstrap_servers, service=SERVICE)
    checks = standard_checks(database=database, subscriptions=[subscription], watermarks=watermarks, relay=relay)

    async def lose_the_group_when_told() -> None:
        """As aiokafka does after an error that it did not expect."""
        told = asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, told.set)
        await told.wait()
        subscription.consumer._coordinator._coordination_task.cancel()  # type: ignore[union-attr]
        await asyncio.Event().wait()

    return Parts(
        name=SERVICE,
        database=database,
        broker=broker,
        subscriptions=[subscription],
        watermarks=watermarks,
        relay=relay,
        api=build_app(
            title=SERVICE,
            routers=[],
            verifier=a_verifier(a_key(), watermarks=marks),
            clock=SystemClock(),
            checks=checks,
            asyncapi={},
        ),
        host="127.0.0.1",
        port=port,
        background={"sabotage": lose_the_group_when_told},
    )


if __name__ == "__main__":
    logging.configure()
    run(build(Stage.from_environment(), port=int(os.environ["PORT"])))
