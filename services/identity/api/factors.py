"""Routes about the own second factor: enrol an authenticator, and show it again where fresh MFA is needed."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request

from services.identity.api import edge
from services.identity.api.edge import Edge
from services.identity.api.views import EnrolmentView, RecoveryCodesView, TokenView
from services.identity.domain.errors import Refusal
from services.identity.service import factors as service
from services.identity.service import sessions
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.web.bodies import RequestModel
from shared.web.guards import Requires
from shared.web.rate import RateLimit

Me = Annotated[Caller, Depends(Requires(Permission.OWN_PROFILE))]


class CodeRequest(RequestModel):
    """Six digits of the authenticator, or, where the session is raised, a recovery code."""

    code: edge.Code


def router(prefix: str, tools: Edge) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/me", tags=["own second factor"])
    limit = RateLimit(tries=10, every=timedelta(seconds=6))

    @routes.post("/factors/totp", status_code=201)
    async def begin(request: Request, tenant_id: str, caller: Me) -> EnrolmentView:
        """Make the secret of an authenticator; it is shown once, and counts once it is confirmed."""
        at = tools.clock.now()
        limit.take(caller.user_id, at=at)
        async with tools.database.transaction(tenant_id) as transaction:
            decision = await service.begin(
                transaction, caller.user_id, seal=tools.seal, acting=edge.acting(request, caller), at=at
            )
        if isinstance(decision, Refusal):
            raise edge.problem(decision)
        return EnrolmentView(factor_id=decision.factor_id, secret=decision.secret, uri=decision.uri)

    @routes.post("/factors/{factor_id}/confirm")
    async def confirm(
        request: Request, tenant_id: str, factor_id: edge.IdInPath, body: CodeRequest, caller: Me
    ) -> RecoveryCodesView:
        """Enrol the authenticator with a code of it; recovery codes are shown once. Refresh for a token with MFA."""
        at = tools.clock.now()
        limit.take(caller.user_id, at=at)
        async with tools.database.transaction(tenant_id) as transaction:
            decision = await service.confirm(
                transaction,
                factor_id,
                user_id=caller.user_id,
                code=body.code,
                seal=tools.seal,
                acting=edge.acting(request, caller),
                at=at,
            )
        if isinstance(decision, Refusal):
            raise edge.problem(decision)
        return RecoveryCodesView(recovery_codes=list(decision))

    @routes.post("/mfa")
    async def step_up(request: Request, tenant_id: str, body: CodeRequest, caller: Me) -> TokenView:
        """Show the second factor again; the answer is a token with fresh MFA."""
        at = tools.clock.now()
        limit.take(caller.user_id, at=at)
        async with tools.database.transaction(tenant_id) as transaction:
            decision = await sessions.step_up(
                transaction,
                caller.session_id,
                code=body.code,
                seal=tools.seal,
                acting=edge.acting(request, caller),
                at=at,
            )
        if isinstance(decision, Refusal):
            raise edge.problem(decision)
        return TokenView.of(decision, issuer=tools.issuer)

    return routes
