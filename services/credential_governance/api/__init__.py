"""HTTP in: which credentials there are, and who answers for them."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from services.credential_governance.api import credentials
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web.audit_log import audit_routes

PREFIX = "/v1/tenants/{tenant_id}/credentials"
RECORDS = "/v1/tenants/{tenant_id}/credential-governance"
"""Not below `PREFIX`, where everything is the id of a credential."""


def routers(*, database: Database, clock: Clock) -> Sequence[APIRouter]:
    """Return every router of the service."""
    return [credentials.router(PREFIX, database, clock), audit_routes(RECORDS, database)]
