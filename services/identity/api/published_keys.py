"""The public keys that tokens are checked with (RFC 7517)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends

from services.identity.keys import SigningKeys
from shared.web.guards import Public


def router(keys: SigningKeys) -> APIRouter:
    """Return the route."""
    routes = APIRouter(tags=["keys"], dependencies=[Depends(Public())])
    document = keys.document()

    @routes.get("/.well-known/jwks.json")
    async def published() -> dict[str, Any]:
        """Return every key whose signature counts."""
        return document

    return routes
