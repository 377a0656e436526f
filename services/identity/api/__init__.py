"""HTTP in: sign in, and administer users and their roles."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter

from services.identity.api import doors, factors, invitations, own, published_keys, roles, users
from services.identity.api.edge import Edge
from services.identity.keys import Seal, SigningKeys
from services.identity.passwords import Passwords
from shared.access.tokens import TokenIssuer
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web.audit_log import audit_routes

PREFIX = "/v1/tenants/{tenant_id}"


def routers(*, database: Database, clock: Clock, keys: SigningKeys, seal: Seal) -> Sequence[APIRouter]:
    """Return every router of the service."""
    edge = Edge(database=database, clock=clock, seal=seal, passwords=Passwords(), issuer=TokenIssuer(keys.signing))
    guarded = [module.router(PREFIX, edge) for module in (users, invitations, roles, own, factors)]
    return [*guarded, doors.router(edge), published_keys.router(keys), audit_routes(f"{PREFIX}/identity", database)]
