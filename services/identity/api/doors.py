"""The routes that need no token: accept an invitation, sign in, refresh; each may be tried so and so often."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from pydantic import Field, StringConstraints

from services.identity.api import edge
from services.identity.api.edge import Edge
from services.identity.api.views import TokenView, UserView
from services.identity.domain import credentials
from services.identity.domain.errors import Refusal
from services.identity.service import invitations, sessions
from services.identity.service.acting import Acting
from services.identity.service.tokens import Grant
from services.identity.store import users
from shared.web.bodies import RequestModel
from shared.web.guards import Public
from shared.web.rate import RateLimit

Open = Depends(Public())

Presented = Annotated[str, StringConstraints(max_length=256)]


TenantInPath = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]
"""No token names the tenant here, so its id is checked: lower-case letters, digits and hyphens."""


class SignInRequest(RequestModel):
    """Who signs in; `code` where a second factor is enrolled: of the authenticator, or a recovery code."""

    email: Annotated[str, StringConstraints(max_length=320)]
    password: edge.Password
    code: edge.Code | None = None


class RefreshRequest(RequestModel):
    """The session's refresh token; it is used up."""

    refresh_token: Presented


class AcceptRequest(RequestModel):
    """The token of the one-time link, and the password that the new user chose."""

    invitation_token: Presented = Field(description="What follows `#` in the link.")
    password: edge.Password


def router(tools: Edge) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix="/v1", tags=["sign in"], dependencies=[Open])
    by_address = RateLimit(tries=60, every=timedelta(seconds=1))
    by_account = RateLimit(tries=10, every=timedelta(seconds=6))

    @routes.post("/tenants/{tenant_id}/sessions", status_code=201)
    async def sign_in(request: Request, tenant_id: TenantInPath, body: SignInRequest) -> TokenView:
        """Begin a session with a password, and a code where a second factor is enrolled."""
        at = tools.clock.now()
        email = credentials.normal_email(body.email) or ""
        by_address.take(edge.address(request) or "", at=at)
        by_account.take(f"{tenant_id}|{email}", at=at)
        attempt = await _attempt(tools, tenant_id, body, email=email)
        async with tools.database.transaction(tenant_id) as transaction:
            decision = await sessions.sign_in(
                transaction, attempt, seal=tools.seal, acting=edge.somebody(request), at=tools.clock.now()
            )
        return _tokens(tools, decision)

    @routes.post("/sessions/refresh")
    async def refresh(request: Request, body: RefreshRequest) -> TokenView:
        """Return the session's next tokens; a refresh token that is used twice ends its session."""
        by_address.take(edge.address(request) or "", at=tools.clock.now())
        token = credentials.read_ticket(body.refresh_token, kind=credentials.REFRESH)
        if token is None:
            raise edge.problem(sessions.NOT_VALID)
        async with tools.database.transaction(token.tenant_id) as transaction:
            decision = await sessions.refresh(transaction, token, acting=edge.somebody(request), at=tools.clock.now())
        return _tokens(tools, decision)

    @routes.post("/invitations/accept", status_code=201)
    async def accept(request: Request, body: AcceptRequest) -> UserView:
        """Become a user, with the one-time link and a password of one's own; then sign in."""
        by_address.take(edge.address(request) or "", at=tools.clock.now())
        return await _accepted(tools, body, acting=edge.somebody(request))

    return routes


async def _attempt(tools: Edge, tenant_id: str, body: SignInRequest, *, email: str) -> sessions.Attempt:
    """Check the password outside any transaction: hashing is slow, and nobody's row is locked meanwhile."""
    async with tools.database.transaction(tenant_id) as transaction:
        user = await users.with_email(transaction, email)
        checked = await users.password_hash(transaction, user.user_id) if user else None
    matches = await tools.passwords.match(checked, body.password)
    return sessions.Attempt(email=email, checked_hash=checked, password_matches=matches, code=body.code)


async def _accepted(tools: Edge, body: AcceptRequest, *, acting: Acting) -> UserView:
    """Refuse a link that does not work before any hashing."""
    link = credentials.read_ticket(body.invitation_token, kind=credentials.INVITATION)
    if link is None:
        raise edge.problem(invitations.NO_SUCH_LINK)
    async with tools.database.transaction(link.tenant_id) as transaction:
        invited = await invitations.behind(transaction, link, at=tools.clock.now())
    if invited is None:
        raise edge.problem(invitations.NO_SUCH_LINK)
    if refusal := credentials.check_password(body.password, email=invited.email):
        raise edge.problem(refusal)
    hashed, at = await tools.passwords.hashed(body.password), tools.clock.now()
    async with tools.database.transaction(link.tenant_id) as transaction:
        decision = await invitations.accept(transaction, link, password_hash=hashed, acting=acting, at=at)
    if isinstance(decision, Refusal):
        raise edge.problem(decision)
    return UserView.of(decision, at=at)


def _tokens(tools: Edge, decision: Grant | Refusal) -> TokenView:
    if isinstance(decision, Refusal):
        raise edge.problem(decision)
    return TokenView.of(decision, issuer=tools.issuer)
