"""Routes about the caller: what may I activate, as what am I active, and for how long still."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.pim.api.views import ActivationView, EligibilityView, HeldRoleView, Page
from services.pim.service import people
from services.pim.store import activations, eligibilities
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web.guards import Requires
from shared.web.paging import Cursor, Limit, decode_cursor, page

Me = Annotated[Caller, Depends(Requires(Permission.OWN_PROFILE))]


def router(prefix: str, database: Database, clock: Clock) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/me", tags=["own"])

    @routes.get("/eligibilities")
    async def my_eligibilities(
        tenant_id: str, caller: Me, limit: Limit = 50, cursor: Cursor = None
    ) -> Page[EligibilityView]:
        """Return what the caller may activate, may activate later, or could once; newest first."""
        after = decode_cursor(cursor)
        async with database.transaction(tenant_id) as transaction:
            found = await eligibilities.page(
                transaction, user_id=caller.user_id, role=None, after=after[0] if after else None, limit=limit + 1
            )
        shown = page(found, limit=limit, key=lambda eligibility: eligibility.eligibility_id)
        at = clock.now()
        return Page(items=[EligibilityView.of(e, at=at) for e in shown["items"]], next=shown["next"])

    @routes.get("/activations")
    async def my_activations(
        tenant_id: str,
        caller: Me,
        live: Annotated[bool, Query(description="Only those that are effective now.")] = True,  # noqa: FBT002
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[ActivationView]:
        """Return as what the caller is active, with the remaining time; all that ever was with `live=false`."""
        after, at = decode_cursor(cursor), clock.now()
        async with database.transaction(tenant_id) as transaction:
            found = await activations.page(
                transaction,
                user_id=caller.user_id,
                role=None,
                live_at=at if live else None,
                after=after[0] if after else None,
                limit=limit + 1,
            )
        shown = page(found, limit=limit, key=lambda activation: activation.activation_id)
        return Page(items=[ActivationView.of(a, at=at) for a in shown["items"]], next=shown["next"])

    @routes.get("/roles")
    async def my_roles(tenant_id: str, caller: Me) -> Page[HeldRoleView]:
        """Return what the caller effectively holds now, as one union."""
        at = clock.now()
        async with database.transaction(tenant_id) as transaction:
            held = await people.effective_roles(transaction, caller.user_id, at=at)
        return Page(items=[HeldRoleView.of(role, at=at) for role in held])

    return routes
