"""Routes about roles: who holds which, assign, revoke; the matrix decides who may."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from nuxari_events.envelope import Timestamp
from nuxari_events.roles import Role

from services.identity.api import edge
from services.identity.api.edge import Edge
from services.identity.api.views import AssignmentView, Page
from services.identity.domain.errors import Refusal
from services.identity.domain.model import Assignment
from services.identity.service import roles as service
from services.identity.store import roles as store
from services.identity.store import users
from shared.access.permissions import Permission, needed_to_assign
from shared.access.tokens import Caller
from shared.persistence.database import Transaction
from shared.web.bodies import RequestModel
from shared.web.guards import Requires, require, require_fresh_mfa
from shared.web.idempotency import once
from shared.web.problems import not_found

Administrator = Annotated[Caller, Depends(Requires(Permission.ASSIGN_OTHER_ROLES))]
Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_AUDIT))]


class AssignRequest(RequestModel):
    """Which role, and when it ends by itself; without an end it is held for good."""

    role: Role
    ends_at: Timestamp | None = None


class RevokeRequest(RequestModel):
    """Why it is taken away."""

    reason: edge.Reason


def router(prefix: str, tools: Edge) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/users/{{user_id}}/roles", tags=["roles"])

    @routes.get("")
    async def held(tenant_id: str, user_id: edge.IdInPath, caller: Viewer) -> Page[AssignmentView]:
        """Return what the user holds now, and through what."""
        del caller
        at = tools.clock.now()
        async with tools.database.transaction(tenant_id) as transaction:
            if await users.found(transaction, user_id) is None:
                raise not_found("user")
            found = await store.held_by(transaction, user_id)
        return Page(items=[AssignmentView.of(one) for one in found if one.is_live(at)])

    @routes.post("", status_code=201, response_model=AssignmentView)
    async def assign(
        request: Request, tenant_id: str, user_id: edge.IdInPath, body: AssignRequest, caller: Administrator
    ) -> Response:
        """Give a role to somebody else; an administrative one takes fresh MFA."""
        del tenant_id
        require(caller, needed_to_assign(body.role))
        if body.role.is_administrative:
            require_fresh_mfa(caller, tools.clock.now())

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            decision = await service.assign(
                transaction,
                user_id,
                role=body.role,
                ends_at=body.ends_at,
                acting=edge.acting(request, caller),
                at=tools.clock.now(),
            )
            return _answer(decision)

        return await once(request, database=tools.database, caller=caller, act=act)

    @routes.post("/{role}/revoke", response_model=AssignmentView)
    async def revoke(
        request: Request, tenant_id: str, user_id: edge.IdInPath, role: Role, body: RevokeRequest, caller: Administrator
    ) -> Response:
        """Take a role away; the user's tokens are void at once and the next ones lack it."""
        del tenant_id
        require(caller, needed_to_assign(role))

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            decision = await service.revoke(
                transaction,
                user_id,
                role=role,
                reason=body.reason,
                acting=edge.acting(request, caller),
                at=tools.clock.now(),
            )
            return _answer(decision)

        return await once(request, database=tools.database, caller=caller, act=act, status=200)

    return routes


def _answer(decision: Assignment | Refusal) -> Any:  # noqa: ANN401 - a view or a problem
    return edge.problem(decision) if isinstance(decision, Refusal) else AssignmentView.of(decision)
