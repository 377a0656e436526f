"""The alerts of a tenant, the one seen last first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from nuxari_events.alerts import Severity

from services.monitoring.store import alerts
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.persistence.database import Database
from shared.web.guards import Requires
from shared.web.paging import Cursor, Limit, decode_cursor, page
from shared.web.problems import Problem, not_found

_Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_SECURITY_EVENTS))]


def router(prefix: str, database: Database) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=prefix, tags=["alerts"])

    @routes.get("")
    async def list_alerts(
        caller: _Viewer,
        *,
        status: Literal["open", "closed"] | None = None,
        severity: Severity | None = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """Return a page of alerts; `next` is the cursor of the page after it."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await alerts.page(
                transaction,
                caller.tenant_id,
                status=status,
                severity=severity,
                before=_before(cursor),
                limit=limit + 1,
            )
        return page(found, limit=limit, key=lambda alert: (alert["last_seen"], alert["alert_id"]))

    @routes.get("/{alert_id}")
    async def get_alert(caller: _Viewer, alert_id: str) -> dict[str, Any]:
        """Return one alert with its evidence."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await alerts.by_id(transaction, caller.tenant_id, alert_id)
        if found is None:
            raise not_found("alert")
        return found

    return routes


def _before(cursor: str | None) -> tuple[datetime, str] | None:
    key = decode_cursor(cursor, parts=2)
    if key is None:
        return None
    try:
        return datetime.fromisoformat(key[0]), key[1]
    except ValueError:
        raise Problem(400, "bad-cursor", "`cursor` must be `next` of an earlier page of this list") from None
