"""Who and what is at risk, how much, and which alerts say so."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path

from services.monitoring.api import edge
from services.monitoring.domain.model import Entity
from services.monitoring.domain.risk import HALF_LIFE, faded, risk
from services.monitoring.store import entities
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web.paging import Limit

Kind = Annotated[str, Path(pattern=r"^[a-z]{1,32}$")]

_HALF_LIFE_HOURS = HALF_LIFE.total_seconds() / 3600


def router(prefix: str, database: Database, clock: Clock) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=prefix, tags=["risk"])

    @routes.get("")
    async def list_risks(caller: edge.Viewer, *, kind: edge.KindFilter = None, limit: Limit = 50) -> dict[str, Any]:
        """Return the entities with the highest risk now, highest first."""
        at = clock.now()
        async with database.transaction(caller.tenant_id) as transaction:
            found = await entities.riskiest(transaction, kind=kind, at=at, limit=limit)
        return {"at": at, "half_life_hours": _HALF_LIFE_HOURS, "items": found}

    @routes.get("/{kind}/{entity_id:path}")
    async def get_risk(caller: edge.Viewer, kind: Kind, entity_id: edge.IdInPath) -> dict[str, Any]:
        """Return the risk of one entity now with what each alert of the last seven days adds, newest first.

        Who has no alerts has no risk. What is shown as not counted was judged false or benign, or taken back.
        """
        at = clock.now()
        async with database.transaction(caller.tenant_id) as transaction:
            found = await entities.contributions(transaction, Entity(kind, entity_id), at=at)
        total = risk((entities.contribution_in(one) for one in found if one["counts"]), at=at)
        return {
            "at": at,
            "half_life_hours": _HALF_LIFE_HOURS,
            "kind": kind,
            "entity_id": entity_id,
            "score": total.score,
            "sum_24h": total.sum_24h,
            "tactics_7d": total.tactics_7d,
            "alerts": total.alerts,
            "contributions": [
                {**one, "faded": faded(one["points"], age=at - one["last_seen"]) if one["counts"] else 0.0}
                for one in found
            ],
        }

    return routes
