"""HTTP in: who may become privileged, who is, and what activating a role takes."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from services.pim.api import activations, eligibilities, own, role_settings
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web.audit_log import audit_routes

PREFIX = "/v1/tenants/{tenant_id}/pim"


def routers(*, database: Database, clock: Clock) -> Sequence[APIRouter]:
    """Return every router of the service."""
    modules = (eligibilities, activations, own, role_settings)
    return [*(module.router(PREFIX, database, clock) for module in modules), audit_routes(PREFIX, database)]
