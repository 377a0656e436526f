"""The composition root: everything the service consists of, built without touching the network."""

from __future__ import annotations

from nuxari_events import asyncapi

from services.monitoring import api, due, handlers
from services.monitoring.geo import of_settings
from services.monitoring.sending.dispatch import Dispatch
from services.monitoring.sending.means import means_of
from services.monitoring.service.configurations import Configurations
from services.monitoring.service.programs import maker
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.sigma.pack import pack
from services.monitoring.store.feed import Feed
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
    databases, rulebooks = of_settings(settings), Rulebooks(pack)
    configurations = Configurations(
        database, dsn=settings.database_dsn.get_secret_value(), make=maker(databases), rulebooks=rulebooks
    )
    subscription, correlation = handlers.register(broker, database=database, clock=clock, configurations=configurations)
    subscriptions = [subscription]
    relay = Relay(
        dsn=settings.relay_dsn.get_secret_value(), bootstrap_servers=settings.kafka_bootstrap_servers, service=NAME
    )
    means = means_of(settings)
    feed = Feed(settings.database_dsn.get_secret_value())
    app = build_app(
        title="Nuxari monitoring",
        routers=api.routers(
            database=database, clock=clock, feed=feed, rulebooks=rulebooks, configurations=configurations, means=means
        ),
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
        background={
            "correlation": correlation.run,
            "configurations": configurations.run,
            "databases of places": databases.run,
            "due work": due.make_loop(database, clock=clock, rulebooks=rulebooks).run,
            "feed of alerts": feed.run,
            "sending alerts": Dispatch(database, clock, means).run,
        },
    )
