"""HTTP in: the alerts of a tenant and the detections that raise them."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from services.monitoring.api import alerts, detections
from shared.persistence.database import Database

PREFIX = "/v1/tenants/{tenant_id}"


def routers(*, database: Database) -> Sequence[APIRouter]:
    """Return every router of the service."""
    return [alerts.router(f"{PREFIX}/alerts", database), detections.router(f"{PREFIX}/detections")]
