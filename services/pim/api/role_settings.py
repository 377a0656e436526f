"""Routes about what activating a role takes."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from nuxari_events.roles import Role
from pydantic import Field

from services.pim.api import edge
from services.pim.api.views import Page, RoleSettingsView
from services.pim.domain.errors import Refusal
from services.pim.service import role_settings as service
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.clock import Clock
from shared.persistence.database import Database
from shared.web import etags
from shared.web.bodies import RequestModel
from shared.web.guards import Requires

Manager = Annotated[Caller, Depends(Requires(Permission.MANAGE_PIM, fresh_mfa=True))]
Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_AUDIT))]


class SettingsRequest(RequestModel):
    """The settings of a role, whole."""

    maximum_duration_seconds: Annotated[int, Field(ge=0, le=2**31, strict=True)]
    justification_length: Annotated[int, Field(ge=0, le=2**31, strict=True)]
    mfa_required: Annotated[bool, Field(strict=True)]


def router(prefix: str, database: Database, clock: Clock) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/role-settings", tags=["role settings"])

    @routes.get("")
    async def listed(tenant_id: str, caller: Viewer) -> Page[RoleSettingsView]:
        """Return what activating each of the eight roles takes."""
        del caller
        async with database.transaction(tenant_id) as transaction:
            settings = [await service.settings_of(transaction, role) for role in Role]
        return Page(items=[RoleSettingsView.of(one) for one in settings])

    @routes.get("/{role}")
    async def one(tenant_id: str, role: Role, caller: Viewer, response: Response) -> RoleSettingsView:
        """Return what activating a role takes, with its ETag."""
        del caller
        async with database.transaction(tenant_id) as transaction:
            settings = await service.settings_of(transaction, role)
        response.headers["ETag"] = etags.etag(settings.version)
        return RoleSettingsView.of(settings)

    @routes.put("/{role}")
    async def tighten(
        request: Request, tenant_id: str, role: Role, body: SettingsRequest, caller: Manager, response: Response
    ) -> RoleSettingsView:
        """Tighten what activating a role takes; a change that weakens anything needs approval and is refused."""
        read_version = etags.required_version(request)
        wish = service.Change(
            maximum_duration=timedelta(seconds=body.maximum_duration_seconds),
            justification_length=body.justification_length,
            mfa_required=body.mfa_required,
        )
        async with database.transaction(tenant_id) as transaction:
            decision = await service.tighten(
                transaction,
                role,
                wish=wish,
                read_version=read_version,
                acting=edge.acting(request, caller),
                at=clock.now(),
            )
        if isinstance(decision, Refusal):
            raise edge.problem(decision)
        response.headers["ETag"] = etags.etag(decision.version)
        return RoleSettingsView.of(decision)

    return routes
