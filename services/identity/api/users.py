"""Routes about users: look them up, deactivate, reactivate, unlock, sign out."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.identity.api import edge
from services.identity.api.edge import Edge
from services.identity.api.views import Page, UserView
from services.identity.domain.credentials import normal_email
from services.identity.domain.errors import Refusal
from services.identity.domain.model import User, UserStatus
from services.identity.service import users as service
from services.identity.store import users as store
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.persistence.database import Transaction
from shared.web.bodies import RequestModel
from shared.web.guards import Requires
from shared.web.idempotency import once
from shared.web.paging import Cursor, Limit, decode_cursor, page
from shared.web.problems import not_found

Administrator = Annotated[Caller, Depends(Requires(Permission.MANAGE_USERS))]
Viewer = Annotated[Caller, Depends(Requires(Permission.VIEW_AUDIT))]

Decide = Callable[[Transaction], Awaitable[User | Refusal]]


class ReasonRequest(RequestModel):
    """Why."""

    reason: edge.Reason


def router(prefix: str, tools: Edge) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/users", tags=["users"])
    _reading(routes, tools)
    _acting(routes, tools)
    return routes


def _reading(routes: APIRouter, tools: Edge) -> None:
    @routes.get("")
    async def listed(
        tenant_id: str,
        caller: Viewer,
        status: Annotated[UserStatus | None, Query(description="Only these.")] = None,
        email: Annotated[str | None, Query(max_length=320, description="Only the user with this address.")] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[UserView]:
        """Return the tenant's users, in the order they were invited."""
        del caller
        after = decode_cursor(cursor)
        async with tools.database.transaction(tenant_id) as transaction:
            found = await store.page(
                transaction,
                status=status,
                email=None if email is None else normal_email(email) or "",
                after=after[0] if after else None,
                limit=limit + 1,
            )
        shown = page(found, limit=limit, key=lambda user: user.user_id)
        at = tools.clock.now()
        return Page(items=[UserView.of(user, at=at) for user in shown["items"]], next=shown["next"])

    @routes.get("/{user_id}")
    async def one(tenant_id: str, user_id: edge.IdInPath, caller: Viewer) -> UserView:
        """Return one user."""
        del caller
        async with tools.database.transaction(tenant_id) as transaction:
            user = await store.found(transaction, user_id)
        if user is None:
            raise not_found("user")
        return UserView.of(user, at=tools.clock.now())


def _acting(routes: APIRouter, tools: Edge) -> None:
    async def decided(request: Request, caller: Caller, decide: Decide) -> Response:
        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            decision = await decide(transaction)
            if isinstance(decision, Refusal):
                return edge.problem(decision)
            return UserView.of(decision, at=tools.clock.now())

        return await once(request, database=tools.database, caller=caller, act=act, status=200)

    @routes.post("/{user_id}/deactivate", response_model=UserView)
    async def deactivate(
        request: Request, tenant_id: str, user_id: edge.IdInPath, body: ReasonRequest, caller: Administrator
    ) -> Response:
        """Keep a user out; tokens, sessions, roles, activations and links of theirs end at once."""
        del tenant_id
        return await decided(
            request,
            caller,
            lambda transaction: service.deactivate(
                transaction, user_id, reason=body.reason, acting=edge.acting(request, caller), at=tools.clock.now()
            ),
        )

    @routes.post("/{user_id}/reactivate", response_model=UserView)
    async def reactivate(
        request: Request, tenant_id: str, user_id: edge.IdInPath, body: ReasonRequest, caller: Administrator
    ) -> Response:
        """Let a deactivated user in again, without the roles held before."""
        del tenant_id
        return await decided(
            request,
            caller,
            lambda transaction: service.reactivate(
                transaction, user_id, reason=body.reason, acting=edge.acting(request, caller), at=tools.clock.now()
            ),
        )

    @routes.post("/{user_id}/unlock", response_model=UserView)
    async def unlock(request: Request, tenant_id: str, user_id: edge.IdInPath, caller: Administrator) -> Response:
        """Let a user who failed too often try again now."""
        del tenant_id
        return await decided(
            request,
            caller,
            lambda transaction: service.unlock(
                transaction, user_id, acting=edge.acting(request, caller), at=tools.clock.now()
            ),
        )

    @routes.post("/{user_id}/sign-out", response_model=UserView)
    async def sign_out(
        request: Request, tenant_id: str, user_id: edge.IdInPath, body: ReasonRequest, caller: Administrator
    ) -> Response:
        """End every session of a user and void every token; the user may sign in again."""
        del tenant_id
        return await decided(
            request,
            caller,
            lambda transaction: service.sign_out_everywhere(
                transaction, user_id, reason=body.reason, acting=edge.acting(request, caller), at=tools.clock.now()
            ),
        )
