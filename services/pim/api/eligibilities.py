"""Routes about who may become privileged."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from nuxari_events.envelope import Timestamp
from nuxari_events.roles import Role

from services.pim.api import edge
from services.pim.api.views import EligibilityView, Page
from services.pim.domain.errors import Refusal
from services.pim.domain.rules import Grant
from services.pim.service import eligibilities as service
from services.pim.store import eligibilities as store
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.clock import Clock
from shared.persistence.database import Database, Transaction
from shared.web.bodies import RequestModel
from shared.web.guards import Requires
from shared.web.idempotency import once
from shared.web.paging import Cursor, Limit, decode_cursor, page
from shared.web.problems import not_found

Granter = Annotated[Caller, Depends(Requires(Permission.MANAGE_PIM, fresh_mfa=True))]
Manager = Annotated[Caller, Depends(Requires(Permission.MANAGE_PIM, fresh_mfa=False))]
Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_AUDIT))]


class GrantRequest(RequestModel):
    """Whom to make eligible for what; permanent without `ends_at`."""

    user_id: edge.UserId
    role: Role
    reason: edge.Reason
    starts_at: Timestamp | None = None
    ends_at: Timestamp | None = None


class RevokeRequest(RequestModel):
    """Why it is taken back."""

    reason: edge.Reason


def router(prefix: str, database: Database, clock: Clock) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/eligibilities", tags=["eligibilities"])

    @routes.post("", status_code=201, response_model=EligibilityView)
    async def grant(request: Request, tenant_id: str, body: GrantRequest, caller: Granter) -> Response:
        """Make a user eligible for a role, from now or later."""
        del tenant_id
        wish = Grant(**body.model_dump())

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            at = clock.now()
            decision = await service.grant(transaction, wish, acting=edge.acting(request, caller), at=at)
            return edge.problem(decision) if isinstance(decision, Refusal) else EligibilityView.of(decision, at=at)

        return await once(request, database=database, caller=caller, act=act)

    @routes.get("")
    async def listed(
        tenant_id: str,
        caller: Viewer,
        user_id: edge.UserFilter = None,
        role: edge.RoleFilter = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[EligibilityView]:
        """Return who is or was eligible, newest first."""
        del caller
        after = decode_cursor(cursor)
        async with database.transaction(tenant_id) as transaction:
            found = await store.page(
                transaction, user_id=user_id, role=role, after=after[0] if after else None, limit=limit + 1
            )
        shown = page(found, limit=limit, key=lambda eligibility: eligibility.eligibility_id)
        at = clock.now()
        return Page(items=[EligibilityView.of(e, at=at) for e in shown["items"]], next=shown["next"])

    @routes.get("/{eligibility_id}")
    async def one(tenant_id: str, eligibility_id: edge.IdInPath, caller: Viewer) -> EligibilityView:
        """Return one eligibility."""
        del caller
        async with database.transaction(tenant_id) as transaction:
            eligibility = await store.found(transaction, eligibility_id)
        if eligibility is None:
            raise not_found("eligibility")
        return EligibilityView.of(eligibility, at=clock.now())

    @routes.post("/{eligibility_id}/revoke", response_model=EligibilityView)
    async def revoke(
        request: Request, tenant_id: str, eligibility_id: edge.IdInPath, body: RevokeRequest, caller: Manager
    ) -> Response:
        """Take an eligibility back, and what was activated through it."""
        del tenant_id

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            at = clock.now()
            decision = await service.revoke(
                transaction, eligibility_id, reason=body.reason, acting=edge.acting(request, caller), at=at
            )
            return edge.problem(decision) if isinstance(decision, Refusal) else EligibilityView.of(decision, at=at)

        return await once(request, database=database, caller=caller, act=act, status=200)

    return routes
