"""Routes of every user about themselves: profile, sessions, password, sign out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response

from services.identity.api import edge
from services.identity.api.edge import Edge
from services.identity.api.views import Page, SessionView, UserView
from services.identity.domain.credentials import check_password
from services.identity.domain.errors import Refusal
from services.identity.service import passwords, sessions
from services.identity.store import sessions as session_store
from services.identity.store import users
from shared.access.permissions import Permission
from shared.access.tokens import Caller
from shared.persistence.database import Transaction
from shared.web.bodies import RequestModel
from shared.web.guards import Requires
from shared.web.idempotency import once
from shared.web.problems import not_found

Me = Annotated[Caller, Depends(Requires(Permission.OWN_PROFILE))]


class MeView(UserView):
    """The caller, with what this token lets them act as."""

    roles: list[str]
    mfa_fresh: bool


class PasswordRequest(RequestModel):
    """The password that is, and the one that will be."""

    current_password: edge.Password
    new_password: edge.Password


def router(prefix: str, tools: Edge) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(prefix=f"{prefix}/me", tags=["own account"])
    _profile(routes, tools)
    _sessions(routes, tools)
    return routes


def _profile(routes: APIRouter, tools: Edge) -> None:
    @routes.get("")
    async def me(tenant_id: str, caller: Me) -> MeView:
        """Return who the caller is."""
        at = tools.clock.now()
        async with tools.database.transaction(tenant_id) as transaction:
            user = await users.found(transaction, caller.user_id)
        if user is None:
            raise not_found("user")
        shown = UserView.of(user, at=at).model_dump()
        return MeView(**shown, roles=sorted(caller.roles), mfa_fresh=caller.has_fresh_mfa(at))

    @routes.post("/password", status_code=204)
    async def change_password(request: Request, tenant_id: str, body: PasswordRequest, caller: Me) -> None:
        """Replace the own password; the user's other sessions end."""
        async with tools.database.transaction(tenant_id) as transaction:
            user = await users.found(transaction, caller.user_id)
            checked = await users.password_hash(transaction, caller.user_id)
        if refusal := check_password(body.new_password, email=user.email if user else ""):
            raise edge.problem(refusal)
        matches = await tools.passwords.match(checked, body.current_password)
        new_hash = await tools.passwords.hashed(body.new_password)
        async with tools.database.transaction(tenant_id) as transaction:
            decision = await passwords.change(
                transaction,
                caller.user_id,
                checked_hash=checked,
                matches=matches,
                new_hash=new_hash,
                acting=edge.acting(request, caller),
                at=tools.clock.now(),
            )
        if isinstance(decision, Refusal):
            raise edge.problem(decision)


def _sessions(routes: APIRouter, tools: Edge) -> None:
    @routes.get("/sessions")
    async def listed(tenant_id: str, caller: Me) -> Page[SessionView]:
        """Return where the caller is signed in."""
        at = tools.clock.now()
        async with tools.database.transaction(tenant_id) as transaction:
            found = await session_store.open_of(transaction, caller.user_id)
        live = (session for session in found if session.is_live(at))
        return Page(items=[SessionView.of(session, this=caller.session_id) for session in live])

    @routes.post("/sessions/{session_id}/end", response_model=SessionView)
    async def end(request: Request, tenant_id: str, session_id: edge.IdInPath, caller: Me) -> Response:
        """Sign out on one device; its tokens are void at once."""
        del tenant_id

        async def act(transaction: Transaction) -> Any:  # noqa: ANN401 - a view or a problem
            decision = await sessions.end(
                transaction,
                session_id,
                user_id=caller.user_id,
                acting=edge.acting(request, caller),
                at=tools.clock.now(),
            )
            if isinstance(decision, Refusal):
                return edge.problem(decision)
            return SessionView.of(decision, this=caller.session_id)

        return await once(request, database=tools.database, caller=caller, act=act, status=200)
