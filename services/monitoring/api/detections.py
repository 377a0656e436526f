"""The detections that run, as a security admin reads them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.monitoring.domain.pack import PACK
from services.monitoring.domain.rules import Rule
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.web.guards import Requires

_Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_SECURITY_EVENTS))]


def router(prefix: str) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=prefix, tags=["detections"])

    @routes.get("")
    async def list_detections(_: _Viewer) -> dict[str, Any]:
        """Return every detection with its number, severity and version."""
        return {"items": [_described(rule) for rule in PACK]}

    return routes


def _described(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "number": rule.number,
        "title": rule.title,
        "severity": rule.severity,
        "version": rule.version,
        "group_by": rule.group_by,
        "attack": [{"id": one.id, "version": one.version} for one in rule.attack],
        "event_types": sorted({match.type for match in rule.matches}),
    }
