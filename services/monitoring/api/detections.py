"""The detections that run, as a security admin reads them."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from services.monitoring.domain.program import Ready
from services.monitoring.service.programs import of_pack
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
        ready = (one for one in of_pack().ready if one.about is not None)
        return {"items": [_described(one) for one in sorted(ready, key=lambda one: (one.number, one.name))]}

    return routes


def _described(ready: Ready) -> dict[str, Any]:
    head = ready.rule.head
    return {
        "id": ready.name,
        "number": ready.number,
        "title": head.title,
        "description": head.description.strip(),
        "severity": ready.about.severity if ready.about else head.level,
        "version": ready.version,
        "group_by": [name.removeprefix("data.") for name in ready.rule.group_by],
        "attack": [{"id": one.id, "version": one.version} for one in ready.attack],
        "event_types": list(head.extensions.get("needs", ())),
        "false_positives": list(head.false_positives),
        "runbook": head.extensions.get("runbook"),
    }
