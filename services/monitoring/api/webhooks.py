"""The webhooks of a tenant: where announcements about alerts are posted, signed with a secret that is shown once."""

from __future__ import annotations

from typing import Annotated, Any, Literal

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
from services.monitoring.domain.outbound import AlertType, Kind
from services.monitoring.sending import reach
from services.monitoring.sending.reach import ForbiddenAddressError
from services.monitoring.sending.webhooks import new_secret
from services.monitoring.service import targets as service
from services.monitoring.service.targets import Address, New
from shared.persistence.database import Transaction
from shared.web.bodies import RequestModel
from shared.web.idempotency import once
from shared.web.problems import Problem

Types = Annotated[tuple[AlertType | Literal["detection_finding_reported"], ...], Field(min_length=1, max_length=9)]


class WebhookRequest(RequestModel):
    """A webhook to be."""

    name: Label
    url: AddressText
    least_severity: Severity = Severity.INFORMATIONAL
    rules: Rules = ()
    """Ids of detections; empty: all."""
    types: Types = tuple(AlertType)
    """Short types of announcements; findings, which say the same again as OCSF, only where they are asked for."""


class WebhookChange(Change):
    """What is to be different of a webhook."""

    types: Types | None = None


def router(prefix: str, office: Office) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=prefix, tags=["webhooks"])
    add_common_routes(routes, Kind.WEBHOOK, office)

    async def address(url: str | None) -> Address | None:
        if url is None:
            return None
        try:
            text = await office.means.reach.check(url)
        except ForbiddenAddressError as error:
            raise forbidden(error) from None
        return Address(text=text, shown=reach.shown(text))

    @routes.post("", status_code=201)
    async def create_webhook(request: Request, caller: Manager, body: WebhookRequest) -> Any:  # noqa: ANN401 - an answer
        """Have announcements posted to a URL; the secret that they are signed with is in this answer alone."""
        where, secret = await address(body.url), new_secret()
        assert where is not None  # noqa: S101 - for the type
        new = New(
            kind=Kind.WEBHOOK,
            name=body.name,
            address=where,
            wanted=wanted(body.least_severity, body.rules, body.types),
            secret=secret,
        )

        async def act(transaction: Transaction) -> dict[str, Any] | Problem:
            acting = edge.acting(request, caller)
            done = await service.register(
                transaction, new, seal=office.means.seal, acting=acting, at=office.clock.now()
            )
            return refused(done, Kind.WEBHOOK) if isinstance(done, Refusal) else {**shown(done), "secret": secret}

        return await once(request, database=office.database, caller=caller, act=act, secret=True)

    @routes.patch("/{target_id}")
    async def change_webhook(
        request: Request, caller: Manager, target_id: edge.IdInPath, body: WebhookChange
    ) -> dict[str, Any]:
        """Change what is named; `enabled` after it was disabled sends what has waited."""
        wish = body.wish(await address(body.url), body.types)
        return await changed(request, caller, target_id, wish, kind=Kind.WEBHOOK, office=office)

    @routes.post("/{target_id}/secret")
    async def rotate_secret(request: Request, caller: Manager, target_id: edge.IdInPath) -> Any:  # noqa: ANN401 - an answer
        """Return a new secret; for 24 hours messages are signed with the one before too."""
        secret = new_secret()

        async def act(transaction: Transaction) -> dict[str, Any] | Problem:
            acting = edge.acting(request, caller)
            done = await service.rotate(
                transaction, target_id, secret=secret, seal=office.means.seal, acting=acting, at=office.clock.now()
            )
            return refused(done, Kind.WEBHOOK) if isinstance(done, Refusal) else {**shown(done), "secret": secret}

        return await once(request, database=office.database, caller=caller, act=act, status=200, secret=True)

    return routes
