"""The notification targets of a tenant: services that tell people of alerts, by addresses of apprise."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Request
from nuxari_events.alerts import Severity
from pydantic import Field

from services.monitoring.api import edge
from services.monitoring.api.targets import (
    AddressText,
    Change,
    Label,
    Manager,
    Office,
    Rules,
    add_common_routes,
    changed,
    forbidden,
    refused,
    shown,
    wanted,
)
from services.monitoring.domain.errors import Refusal
from services.monitoring.domain.outbound import TOLD_TO_PEOPLE, AlertType, Kind
from services.monitoring.sending.reach import ForbiddenAddressError
from services.monitoring.service import targets as service
from services.monitoring.service.targets import Address, New
from shared.persistence.database import Transaction
from shared.web.bodies import RequestModel
from shared.web.idempotency import once
from shared.web.problems import Problem

Types = Annotated[tuple[AlertType, ...], Field(min_length=1, max_length=8)]


class NotificationRequest(RequestModel):
    """A notification target to be."""

    name: Label
    url: AddressText
    """An address of apprise, such as `slack://…`."""
    least_severity: Severity = Severity.MEDIUM
    rules: Rules = ()
    """Ids of detections; empty: all."""
    types: Types = TOLD_TO_PEOPLE


class NotificationChange(Change):
    """What is to be different of a notification target."""

    types: Types | None = None


def router(prefix: str, office: Office) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=prefix, tags=["notifications"])
    add_common_routes(routes, Kind.NOTIFICATION, office)

    async def address(url: str | None) -> Address | None:
        if url is None:
            return None
        try:
            return Address(text=url, shown=await office.means.notifications.check(url))
        except ForbiddenAddressError as error:
            raise forbidden(error) from None
        except OSError:
            raise Problem(422, "address-not-allowed", "the host of the address cannot be found") from None

    @routes.post("", status_code=201)
    async def create_notification_target(request: Request, caller: Manager, body: NotificationRequest) -> Any:  # noqa: ANN401 - an answer
        """Have people told by a service; its address is kept sealed and never shown again."""
        where = await address(body.url)
        assert where is not None  # noqa: S101 - for the type
        new = New(
            kind=Kind.NOTIFICATION,
            name=body.name,
            address=where,
            wanted=wanted(body.least_severity, body.rules, body.types),
        )

        async def act(transaction: Transaction) -> dict[str, Any] | Problem:
            acting = edge.acting(request, caller)
            done = await service.register(
                transaction, new, seal=office.means.seal, acting=acting, at=office.clock.now()
            )
            return refused(done, Kind.NOTIFICATION) if isinstance(done, Refusal) else shown(done)

        return await once(request, database=office.database, caller=caller, act=act)

    @routes.patch("/{target_id}")
    async def change_notification_target(
        request: Request, caller: Manager, target_id: edge.IdInPath, body: NotificationChange
    ) -> dict[str, Any]:
        """Change what is named; `enabled` after it was disabled sends what has waited."""
        wish = body.wish(await address(body.url), body.types)
        return await changed(request, caller, target_id, wish, kind=Kind.NOTIFICATION, office=office)

    return routes
