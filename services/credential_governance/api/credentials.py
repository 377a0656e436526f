"""Routes about credentials: register them, find them, and say who answers for them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from nuxari_events.credentials import CredentialKind
from nuxari_events.envelope import Timestamp
from pydantic import StringConstraints

from services.credential_governance.api.views import CredentialPage, CredentialView
from services.credential_governance.domain.errors import Refusal
from services.credential_governance.domain.model import Credential, Facts, State
from services.credential_governance.service import credentials as service
from services.credential_governance.service.acting import Acting
from services.credential_governance.store import credentials as store
from services.credential_governance.store import search
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.clock import Clock
from shared.persistence.database import Database, Transaction
from shared.web.bodies import RequestModel
from shared.web.guards import Requires
from shared.web.idempotency import once
from shared.web.paging import Cursor, Limit, decode_cursor, page
from shared.web.problems import Problem, not_found

_ID = r"^[^\x00-\x1f\x7f]{1,256}$"

Line = Annotated[str, StringConstraints(pattern=_ID)]
"""One line of text, 256 characters at most."""

IdInPath = Annotated[str, Path(pattern=_ID)]
"""Ids come from connected systems and may hold slashes, as `arn:aws:acm:...:certificate/...` does."""

Manager = Annotated[Caller, Depends(Requires(Permission.MANAGE_CREDENTIALS))]
Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_CREDENTIALS))]

_STATUS = {
    "not-found": 404,
    "looks-like-a-secret": 422,
    "expires-before-issue": 422,
    "owner-unknown": 422,
    "owner-not-active": 422,
    "owner-deactivated": 422,
    "already-owner": 409,
}


class RegisterRequest(RequestModel):
    """The facts of a credential, never the credential; without `expires_at` it does not expire by itself."""

    name: Line
    kind: CredentialKind
    owner_id: Line
    issued_at: Timestamp
    expires_at: Timestamp | None = None
    notes: Annotated[str, StringConstraints(max_length=2048)] = ""


class AssignRequest(RequestModel):
    """Who answers for it from now on."""

    owner_id: Line


def router(prefix: str, database: Database, clock: Clock) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=prefix, tags=["credentials"])
    _reading(routes, database, clock)
    _acting(routes, database, clock)
    return routes


def _reading(routes: APIRouter, database: Database, clock: Clock) -> None:
    @routes.get("")
    async def listed(  # noqa: PLR0913, PLR0917 - FastAPI passes by name
        tenant_id: str,
        caller: Viewer,
        state: Annotated[State | None, Query(description="Where it stands with its expiry.")] = None,
        orphaned: Annotated[bool | None, Query(description="Only those without their owner, or others.")] = None,
        owner_id: Annotated[str | None, Query(pattern=_ID, description="Who answers for it, or did last.")] = None,
        kind: CredentialKind | None = None,
        expires_before: Timestamp | None = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> CredentialPage:
        """Return the tenant's credentials in the order of their ids."""
        del caller
        after, at = decode_cursor(cursor), clock.now()
        wanted = search.Wanted(
            state=state, orphaned=orphaned, owner_id=owner_id, kind=kind, expires_before=expires_before
        )
        async with database.transaction(tenant_id) as transaction:
            found = await search.page(transaction, wanted, at=at, after=after[0] if after else None, limit=limit + 1)
        shown = page(found, limit=limit, key=lambda credential: credential.credential_id)
        return CredentialPage(items=[CredentialView.of(c, at=at) for c in shown["items"]], next=shown["next"])

    @routes.get("/{credential_id:path}")
    async def one(tenant_id: str, credential_id: IdInPath, caller: Viewer) -> CredentialView:
        """Return one credential."""
        del caller
        async with database.transaction(tenant_id) as transaction:
            credential = await store.found(transaction, credential_id)
        if credential is None:
            raise not_found("credential")
        return CredentialView.of(credential, at=clock.now())


def _acting(routes: APIRouter, database: Database, clock: Clock) -> None:
    @routes.post("", status_code=201, response_model=CredentialView)
    async def register(request: Request, tenant_id: str, body: RegisterRequest, caller: Manager) -> Response:
        """Govern a credential."""
        del tenant_id
        facts = Facts(
            name=body.name,
            kind=body.kind,
            owner_id=body.owner_id,
            issued_at=body.issued_at,
            expires_at=body.expires_at,
        )

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            at = clock.now()
            decision = await service.register(
                transaction, facts, notes=body.notes, acting=_acting_for(request, caller), at=at
            )
            return _answer(decision, at)

        return await once(request, database=database, caller=caller, act=act)

    @routes.post("/{credential_id:path}/owner", response_model=CredentialView)
    async def assign(
        request: Request, tenant_id: str, credential_id: IdInPath, body: AssignRequest, caller: Manager
    ) -> Response:
        """Make an active user answer for the credential."""
        del tenant_id

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            at = clock.now()
            acting = _acting_for(request, caller)
            decision = await service.assign(transaction, credential_id, owner_id=body.owner_id, acting=acting, at=at)
            return _answer(decision, at)

        return await once(request, database=database, caller=caller, act=act, status=200)


def _answer(decision: Credential | Refusal, at: datetime) -> CredentialView | Problem:
    if isinstance(decision, Refusal):
        return Problem(_STATUS[decision.code], decision.code, decision.detail, headers=None, **decision.facts)
    return CredentialView.of(decision, at=at)


def _acting_for(request: Request, caller: Caller) -> Acting:
    return Acting(
        actor_id=caller.user_id,
        session_id=caller.session_id,
        address=request.client.host if request.client else None,
        correlation_id=structlog.contextvars.get_contextvars().get("request_id"),
    )
