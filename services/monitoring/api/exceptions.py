"""Routes about exceptions: events that a detection does not count, for a time, with somebody who answers for it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from nuxari_events.envelope import Timestamp
from nuxari_events.ids import uuid7
from pydantic import StringConstraints

from services.monitoring.api import configuration_edge as edge
from services.monitoring.api import configuration_views as views
from services.monitoring.api.edge import IdInPath, Reason, UserId, acting
from services.monitoring.domain.change_requests import Action
from services.monitoring.domain.configuration import ExceptionRule
from services.monitoring.service import intents
from services.monitoring.service.configuring import Intent
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.sigma.filters import LONGEST
from services.monitoring.store import configurations as store
from shared.clock import Clock
from shared.persistence.database import Database, Transaction
from shared.web.bodies import RequestModel
from shared.web.idempotency import once
from shared.web.problems import Problem

Filter = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST)]

DetectionFilter = Annotated[
    str | None, Query(pattern=r"^[^\x00-\x1f\x7f]{1,256}$", description="Only of this detection, by name.")
]


class ExceptionRequest(RequestModel):
    """What shall not be counted: a Sigma filter, whose condition says what still counts (`not selection`)."""

    detection: edge.RuleName
    filter: Filter
    owner: UserId
    reason: Reason
    ends_at: Timestamp


def router(prefix: str, database: Database, clock: Clock, rulebooks: Rulebooks) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/exceptions", tags=["exceptions"])

    @routes.get("")
    async def listed(caller: edge.Viewer, detection: DetectionFilter = None) -> dict[str, Any]:
        """Return the exceptions whose time is not over."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.current(transaction)
        book = await rulebooks.as_far_as_readable(found.own_rules)
        shown = [views.ExceptionView.of(one, book) for one in found.without_ended(clock.now()).exceptions]
        return {"items": [one for one in shown if detection in (None, one.detection)]}

    @routes.post("", status_code=202, response_model=views.OutcomeView)
    async def add(request: Request, caller: edge.Manager, body: ExceptionRequest) -> Response:
        """Ask another person for an exception."""

        async def act(transaction: Transaction) -> views.OutcomeView | Problem:
            at = clock.now()
            exception = ExceptionRule(
                id=uuid7(),
                rule=body.detection,
                filter=body.filter,
                owner=body.owner,
                reason=body.reason,
                begins_at=at,
                ends_at=body.ends_at,
            )
            intent = Intent(action=Action.EXCEPTION, make=intents.except_(exception), reason=body.reason)
            return await edge.changed(transaction, intent, rulebooks=rulebooks, acting=acting(request, caller), at=at)

        return await once(request, database=database, caller=caller, act=act, status=202)

    @routes.delete("/{exception_id}")
    async def lift(
        request: Request, caller: edge.Manager, exception_id: IdInPath, response: Response
    ) -> views.OutcomeView:
        """Have the detection count everything again, at once."""
        intent = Intent(action=Action.LIFT, make=intents.lift_exception(exception_id), reason="lifted")
        async with database.transaction(caller.tenant_id) as transaction:
            found = await edge.changed(
                transaction, intent, rulebooks=rulebooks, acting=acting(request, caller), at=clock.now()
            )
        return edge.answered(found, response)

    return routes
