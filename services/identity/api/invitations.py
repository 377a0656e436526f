"""Routes about invitations: a user begins with a one-time link."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from nuxari_events.roles import Role
from pydantic import Field, StringConstraints

from services.identity.api import edge
from services.identity.api.edge import Edge
from services.identity.api.views import InvitationView
from services.identity.domain.errors import Refusal
from services.identity.service import invitations as service
from shared.access.permissions import Permission, needed_to_assign
from shared.access.tokens import Caller
from shared.persistence.database import Transaction
from shared.web.bodies import RequestModel
from shared.web.guards import Requires, require, require_fresh_mfa
from shared.web.idempotency import once

Administrator = Annotated[Caller, Depends(Requires(Permission.MANAGE_USERS))]


class InviteRequest(RequestModel):
    """Who is invited, and the roles they will hold once they accept."""

    email: Annotated[str, StringConstraints(max_length=320)]
    roles: Annotated[frozenset[Role], Field(min_length=1, max_length=len(Role))]


def router(prefix: str, tools: Edge) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/users", tags=["invitations"])

    @routes.post("", status_code=201, response_model=InvitationView)
    async def invite(request: Request, tenant_id: str, body: InviteRequest, caller: Administrator) -> Response:
        """Invite somebody; the answer has the one-time token, shown once."""
        del tenant_id
        for role in body.roles:
            require(caller, needed_to_assign(role))
        if any(role.is_administrative for role in body.roles):
            require_fresh_mfa(caller, tools.clock.now())

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            at = tools.clock.now()
            decision = await service.invite(
                transaction,
                email=body.email,
                roles_given=sorted(body.roles),
                acting=edge.acting(request, caller),
                at=at,
            )
            return edge.problem(decision) if isinstance(decision, Refusal) else InvitationView.of(decision, at=at)

        return await once(request, database=tools.database, caller=caller, act=act, secret=True)

    @routes.post("/{user_id}/invitation", status_code=201, response_model=InvitationView)
    async def invite_again(request: Request, tenant_id: str, user_id: edge.IdInPath, caller: Administrator) -> Response:
        """Give somebody who has not accepted a new link; it takes what giving the user's roles takes."""
        del tenant_id

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            at = tools.clock.now()
            decision = await service.invite_again(
                transaction,
                user_id,
                has_fresh_mfa=caller.has_fresh_mfa(at),
                acting=edge.acting(request, caller),
                at=at,
            )
            return edge.problem(decision) if isinstance(decision, Refusal) else InvitationView.of(decision, at=at)

        return await once(request, database=tools.database, caller=caller, act=act, secret=True)

    return routes
