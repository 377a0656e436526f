"""The composition root: everything the service consists of, built without touching the network."""

from __future__ import annotations

from nuxari_events import asyncapi

from services.monitoring import api, handlers
from services.monitoring.service.programs import of_pack
from shared.access.tokens import TokenVerifier, Watermarks, keys_at
from shared.clock import Clock, SystemClock
from shared.messaging.broker import make_broker
from shared.messaging.watermark_feed import follow_watermarks
from shared.persistence.database import Database
from shared.persistence.relay import Relay
from shared.running import Parts, standard_checks
from shared.settings import ServiceSettings
from shared.web.app import build_app

NAME = "monitoring"


def build(settings: ServiceSettings, clock: Clock | None = None) -> Parts:
    """Return the service's parts."""
    clock = clock or SystemClock()
    database = Database(settings.database_dsn.get_secret_value(), name=NAME)
    broker = make_broker(settings.kafka_bootstrap_servers, client_id=NAME)
    marks = Watermarks()
    watermarks = follow_watermarks(broker, marks, service=NAME)
    subscription, correlation = handlers.register(broker, database=database, clock=clock, programs=lambda _: of_pack())
    subscriptions = [subscription]
    relay = Relay(
        dsn=settings.relay_dsn.get_secret_value(), bootstrap_servers=settings.kafka_bootstrap_servers, service=NAME
    )
    app = build_app(
        title="Nuxari monitoring",
        routers=api.routers(database=database),
        verifier=TokenVerifier(keys_at(settings.identity_url), marks),
        clock=clock,
        checks=standard_checks(database=database, subscriptions=subscriptions, watermarks=watermarks, relay=relay),
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
        background={"correlation": correlation.run},
    )
