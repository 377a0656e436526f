"""Routes about changes that weaken detections: what waits for another person, and what that person decides."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from services.monitoring.api import configuration_edge as edge
from services.monitoring.api import configuration_views as views
from services.monitoring.api.edge import IdInPath, Reason, acting
from services.monitoring.domain.change_requests import ChangeRequest, State
from services.monitoring.domain.errors import Refusal
from services.monitoring.service import deciding
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.store import change_requests as store
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.clock import Clock
from shared.persistence.database import Database, Transaction
from shared.web.bodies import RequestModel
from shared.web.guards import Requires
from shared.web.idempotency import once
from shared.web.paging import Cursor, Limit, decode_cursor, page
from shared.web.problems import Problem, not_found

Reader = Annotated[Caller, Depends(Requires(Permission.DECIDE_APPROVAL, fresh_mfa=False))]
"""Whoever may decide may read what it is about, with or without a second factor."""


class DecisionRequest(RequestModel):
    """Why it is decided so."""

    reason: Reason


def router(prefix: str, database: Database, clock: Clock, rulebooks: Rulebooks) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/change-requests", tags=["change requests"])

    async def shown(request: ChangeRequest) -> views.ChangeRequestView:
        return views.ChangeRequestView.of(request, await rulebooks.as_far_as_readable(request.wanted.own_rules))

    async def decided(
        request: Request, caller: Caller, decide: Callable[[Transaction], Awaitable[deciding.Decision]]
    ) -> Response:
        async def act(transaction: Transaction) -> views.ChangeRequestView | Problem:
            decision = await decide(transaction)
            return edge.problem(decision) if isinstance(decision, Refusal) else await shown(decision)

        return await once(request, database=database, caller=caller, act=act, status=200)

    @routes.get("")
    async def listed(
        caller: edge.Viewer, state: State | None = None, limit: Limit = 50, cursor: Cursor = None
    ) -> dict[str, Any]:
        """Return requests, the newest first."""
        before = decode_cursor(cursor)
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.page(transaction, state=state, before=before[0] if before else None, limit=limit + 1)
        return page([await shown(one) for one in found], limit=limit, key=lambda one: one.change_id)

    @routes.get("/{change_id}")
    async def one(caller: Reader, change_id: IdInPath) -> views.ChangeRequestView:
        """Return one request, for whoever may decide on it."""
        async with database.transaction(caller.tenant_id) as transaction:
            found = await store.by_id(transaction, change_id)
        if found is None:
            raise not_found("change request")
        return await shown(found)

    @routes.post("/{change_id}/approve", response_model=views.ChangeRequestView)
    async def approve(request: Request, caller: edge.Decider, change_id: IdInPath, body: DecisionRequest) -> Response:
        """Let the change be made, as another person than who asked for it."""
        return await decided(
            request,
            caller,
            lambda transaction: deciding.approve(
                transaction,
                change_id,
                rulebooks=rulebooks,
                reason=body.reason,
                acting=acting(request, caller),
                at=clock.now(),
            ),
        )

    @routes.post("/{change_id}/deny", response_model=views.ChangeRequestView)
    async def deny(request: Request, caller: edge.Decider, change_id: IdInPath, body: DecisionRequest) -> Response:
        """Let the change not be made, as another person than who asked for it."""
        return await decided(
            request,
            caller,
            lambda transaction: deciding.deny(
                transaction, change_id, reason=body.reason, acting=acting(request, caller), at=clock.now()
            ),
        )

    @routes.post("/{change_id}/withdraw", response_model=views.ChangeRequestView)
    async def withdraw(request: Request, caller: edge.Manager, change_id: IdInPath) -> Response:
        """Take an own request back."""
        return await decided(
            request,
            caller,
            lambda transaction: deciding.withdraw(
                transaction, change_id, acting=acting(request, caller), at=clock.now()
            ),
        )

    return routes
