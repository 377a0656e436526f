"""Routes about roles that are effective for a while."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, StringConstraints

from services.pim.api import edge
from services.pim.api.views import ActivationView, HeldRoleView, Page, StepView
from services.pim.domain.errors import Refusal
from services.pim.domain.model import Activation
from services.pim.domain.rules import ActivationWish
from services.pim.service import activations as service
from services.pim.service import people
from services.pim.store import activations as store
from shared.access.permissions import Permission, may
from shared.access.tokens import Caller
from shared.clock import Clock
from shared.persistence.database import Database, Transaction
from shared.web.bodies import RequestModel
from shared.web.guards import Requires
from shared.web.idempotency import once
from shared.web.paging import Cursor, Limit, decode_cursor, page
from shared.web.problems import not_found

Activator = Annotated[Caller, Depends(Requires(Permission.REQUEST_ACCESS))]
Anybody = Annotated[Caller, Depends(Requires(Permission.OWN_PROFILE))]
Manager = Annotated[Caller, Depends(Requires(Permission.MANAGE_PIM, fresh_mfa=False))]
Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_AUDIT))]


class ActivateRequest(RequestModel):
    """Which own eligibility to activate, why and for how long; without a duration as long as is allowed."""

    eligibility_id: edge.UserId
    justification: Annotated[str, StringConstraints(max_length=2048, pattern=r"^[^\x00]*$")]
    duration_seconds: Annotated[int, Field(ge=1, le=86_400, strict=True)] | None = None


class RevokeRequest(RequestModel):
    """Why it is ended."""

    reason: edge.Reason


def router(prefix: str, database: Database, clock: Clock) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=prefix, tags=["activations"])
    _reading(routes, database, clock)
    _acting(routes, database, clock)
    return routes


def _reading(routes: APIRouter, database: Database, clock: Clock) -> None:
    @routes.get("/activations")
    async def listed(
        tenant_id: str,
        caller: Viewer,
        user_id: edge.UserFilter = None,
        role: edge.RoleFilter = None,
        live: Annotated[bool, Query(description="Only those that are effective now.")] = False,  # noqa: FBT002
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[ActivationView]:
        """Return who is or was active, newest first."""
        del caller
        after, at = decode_cursor(cursor), clock.now()
        async with database.transaction(tenant_id) as transaction:
            found = await store.page(
                transaction,
                user_id=user_id,
                role=role,
                live_at=at if live else None,
                after=after[0] if after else None,
                limit=limit + 1,
            )
        shown = page(found, limit=limit, key=lambda activation: activation.activation_id)
        return Page(items=[ActivationView.of(a, at=at) for a in shown["items"]], next=shown["next"])

    @routes.get("/activations/{activation_id}")
    async def one(tenant_id: str, activation_id: edge.IdInPath, caller: Anybody) -> ActivationView:
        """Return one activation, to its holder or to who may see the audit log."""
        async with database.transaction(tenant_id) as transaction:
            activation = await _visible(transaction, activation_id, caller)
        return ActivationView.of(activation, at=clock.now())

    @routes.get("/activations/{activation_id}/timeline")
    async def timeline(tenant_id: str, activation_id: edge.IdInPath, caller: Anybody) -> Page[StepView]:
        """Return what happened to an activation, in the order it was learnt here."""
        async with database.transaction(tenant_id) as transaction:
            activation = await _visible(transaction, activation_id, caller)
            steps = await store.timeline(transaction, activation.activation_id)
        return Page(items=[StepView.of(step) for step in steps])

    @routes.get("/users/{user_id}/roles")
    async def roles(tenant_id: str, user_id: edge.IdInPath, caller: Viewer) -> Page[HeldRoleView]:
        """Return what a user effectively holds now, and what grants it."""
        del caller
        at = clock.now()
        async with database.transaction(tenant_id) as transaction:
            held = await people.effective_roles(transaction, user_id, at=at)
        return Page(items=[HeldRoleView.of(role, at=at) for role in held])


def _acting(routes: APIRouter, database: Database, clock: Clock) -> None:
    @routes.post("/activations", status_code=201, response_model=ActivationView)
    async def activate(request: Request, tenant_id: str, body: ActivateRequest, caller: Activator) -> Response:
        """Make an own eligible role effective for a while."""
        del tenant_id
        wish = ActivationWish(
            user_id=caller.user_id,
            eligibility_id=body.eligibility_id,
            justification=body.justification,
            duration=None if body.duration_seconds is None else timedelta(seconds=body.duration_seconds),
        )

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            at = clock.now()
            fresh = caller.has_fresh_mfa(at)
            decision = await service.activate(
                transaction, wish, has_fresh_mfa=fresh, acting=edge.acting(request, caller), at=at
            )
            return edge.problem(decision) if isinstance(decision, Refusal) else ActivationView.of(decision, at=at)

        return await once(request, database=database, caller=caller, act=act)

    @routes.post("/activations/{activation_id}/withdraw", response_model=ActivationView)
    async def withdraw(request: Request, tenant_id: str, activation_id: edge.IdInPath, caller: Anybody) -> Response:
        """Give an own role back early."""
        del tenant_id

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            at = clock.now()
            decision = await service.withdraw(
                transaction, activation_id, user_id=caller.user_id, acting=edge.acting(request, caller), at=at
            )
            return edge.problem(decision) if isinstance(decision, Refusal) else ActivationView.of(decision, at=at)

        return await once(request, database=database, caller=caller, act=act, status=200)

    @routes.post("/activations/{activation_id}/revoke", response_model=ActivationView)
    async def revoke(
        request: Request, tenant_id: str, activation_id: edge.IdInPath, body: RevokeRequest, caller: Manager
    ) -> Response:
        """End somebody else's activation at once."""
        del tenant_id

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            at = clock.now()
            decision = await service.revoke(
                transaction, activation_id, reason=body.reason, acting=edge.acting(request, caller), at=at
            )
            return edge.problem(decision) if isinstance(decision, Refusal) else ActivationView.of(decision, at=at)

        return await once(request, database=database, caller=caller, act=act, status=200)


async def _visible(transaction: Transaction, activation_id: str, caller: Caller) -> Activation:
    """Return the activation if the caller may see it.

    Raises:
        Problem: 404; who may not see it learns nothing of it.
    """
    activation = await store.found(transaction, activation_id)
    is_own = activation is not None and activation.user_id == caller.user_id
    if activation is None or not (is_own or may(caller.roles, Permission.VIEW_AUDIT)):
        raise not_found("activation")
    return activation
