"""HTTP in: the alerts of a tenant, what people make of them, and the detections that raise them."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from services.monitoring.api import (
    alerts,
    change_requests,
    configuration,
    detections,
    exceptions,
    incidents,
    notifications,
    own_rules,
    risk,
    silences,
    stream,
    versions,
    webhooks,
)
from services.monitoring.api.targets import Office
from services.monitoring.domain.program import Program
from services.monitoring.sending.means import Means
from services.monitoring.service.configurations import Configurations
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.store.feed import Feed
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web.audit_log import audit_routes

PREFIX = "/v1/tenants/{tenant_id}"


def routers(
    *,
    database: Database,
    clock: Clock,
    feed: Feed,
    rulebooks: Rulebooks,
    configurations: Configurations[Program],
    means: Means,
) -> Sequence[APIRouter]:
    """Return every router of the service."""
    office = Office(database=database, clock=clock, means=means)
    return [
        stream.router(f"{PREFIX}/alerts", database, feed),
        alerts.router(f"{PREFIX}/alerts", database, clock),
        incidents.router(f"{PREFIX}/incidents", database, clock),
        risk.router(f"{PREFIX}/risk", database, clock),
        *of_configuration(database=database, clock=clock, rulebooks=rulebooks, configurations=configurations),
        webhooks.router(f"{PREFIX}/webhooks", office),
        notifications.router(f"{PREFIX}/notification-targets", office),
        audit_routes(f"{PREFIX}/monitoring", database),
    ]


def of_configuration(
    *, database: Database, clock: Clock, rulebooks: Rulebooks, configurations: Configurations[Program]
) -> Sequence[APIRouter]:
    """Return the routers about what a tenant sets for its detections."""
    modules = (configuration, versions, exceptions, silences, own_rules, change_requests)
    return [
        detections.router(PREFIX, database, clock, rulebooks, configurations),
        *(module.router(PREFIX, database, clock, rulebooks) for module in modules),
    ]
