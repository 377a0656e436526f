"""The composition root: everything the service consists of, built without touching the network."""

from __future__ import annotations

from nuxari_events import asyncapi

from services.identity import api, due, handlers
from services.identity.keys import Seal, SigningKeys
from shared.access.tokens import TokenVerifier, Watermarks
from shared.clock import Clock, SystemClock
from shared.messaging.broker import make_broker
from shared.messaging.watermark_feed import follow_watermarks
from shared.persistence.database import Database
from shared.persistence.relay import Relay
from shared.running import Parts, standard_checks
from shared.settings import ServiceSettings
from shared.web.app import build_app

NAME = "identity"


def build(settings: ServiceSettings, clock: Clock | None = None) -> Parts:
    """Return the service's parts. Its keys are read from the directory of secrets, and made there if there are none."""
    clock = clock or SystemClock()
    keys, seal = SigningKeys.kept_in(settings.secrets), Seal.kept_in(settings.secrets)
    database = Database(settings.database_dsn.get_secret_value(), name=NAME)
    broker = make_broker(settings.kafka_bootstrap_servers, client_id=NAME)
    marks = Watermarks()
    watermarks = follow_watermarks(broker, marks, service=NAME)
    subscriptions = [handlers.register(broker, database=database, clock=clock)]
    relay = Relay(
        dsn=settings.relay_dsn.get_secret_value(), bootstrap_servers=settings.kafka_bootstrap_servers, service=NAME
    )
    checks = standard_checks(database=database, subscriptions=subscriptions, watermarks=watermarks, relay=relay)
    app = build_app(
        title="Nuxari identity",
        routers=api.routers(database=database, clock=clock, keys=keys, seal=seal),
        verifier=TokenVerifier(keys.source(), marks),
        clock=clock,
        checks=checks,
        asyncapi=asyncapi.document(NAME),
    )
    return Parts(
        name=NAME,
        database=database,
        broker=broker,
        subscriptions=subscriptions,
        watermarks=watermarks,
        relay=relay,
        api=app,
        host=settings.host,
        port=settings.port,
        background={"due work": due.make_loop(database, clock=clock).run},
    )
