"""Routes about silences: alerts that are kept and told to nobody, for a time."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from nuxari_events.envelope import Timestamp
from nuxari_events.ids import uuid7

from services.monitoring.api import configuration_edge as edge
from services.monitoring.api import configuration_views as views
from services.monitoring.api.edge import IdInPath, Reason, UserId, acting
from services.monitoring.api.exceptions import Filter
from services.monitoring.domain.change_requests import Action
from services.monitoring.domain.configuration import Silence
from services.monitoring.service import intents
from services.monitoring.service.configuring import Intent
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.store import configurations as store
from shared.clock import Clock
from shared.persistence.database import Database, Transaction
from shared.web.bodies import RequestModel
from shared.web.idempotency import once
from shared.web.problems import Problem


class SilenceRequest(RequestModel):
    """Which alerts shall be told to nobody: of a detection, about a user, under a condition, or several of these."""

    detection: edge.RuleName | None = None
    user_id: UserId | None = None
    condition: Filter | None = None
    owner: UserId
    reason: Reason
    ends_at: Timestamp


def router(prefix: str, database: Database, clock: Clock, rulebooks: Rulebooks) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/silences", tags=["silences"])

    @routes.get("")
    async def listed(caller: edge.Viewer) -> dict[str, Any]:
        """Return the silences whose time is not over."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.current(transaction)
        book = await rulebooks.as_far_as_readable(found.own_rules)
        return {"items": [views.SilenceView.of(one, book) for one in found.without_ended(clock.now()).silences]}

    @routes.post("", status_code=202, response_model=views.OutcomeView)
    async def add(request: Request, caller: edge.Manager, body: SilenceRequest) -> Response:
        """Ask another person for a silence; one about yourself is shown as such to whoever decides."""

        async def act(transaction: Transaction) -> views.OutcomeView | Problem:
            at = clock.now()
            wanted = Silence(
                id=uuid7(),
                rule=body.detection,
                user_id=body.user_id,
                condition=body.condition,
                owner=body.owner,
                reason=body.reason,
                begins_at=at,
                ends_at=body.ends_at,
            )
            intent = Intent(action=Action.SILENCE, make=intents.silence(wanted), reason=body.reason)
            return await edge.changed(transaction, intent, rulebooks=rulebooks, acting=acting(request, caller), at=at)

        return await once(request, database=database, caller=caller, act=act, status=202)

    @routes.delete("/{silence_id}")
    async def lift(
        request: Request, caller: edge.Manager, silence_id: IdInPath, response: Response
    ) -> views.OutcomeView:
        """Have the alerts told again, at once."""
        intent = Intent(action=Action.LIFT, make=intents.lift_silence(silence_id), reason="lifted")
        async with database.transaction(caller.tenant_id) as transaction:
            found = await edge.changed(
                transaction, intent, rulebooks=rulebooks, acting=acting(request, caller), at=clock.now()
            )
        return edge.answered(found, response)

    return routes
