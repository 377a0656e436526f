"""An application with a route of every kind, somebody to call it, and what a caller sees of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import httpx
from fastapi import APIRouter, Depends, FastAPI, Request, Response
from nuxari_events.roles import Role

from shared.access.permissions import Permission
from shared.access.tokens import Caller, Watermarks
from shared.clock import FixedClock
from shared.errors import TransientError
from shared.web import etags
from shared.web.app import Check, build_app
from shared.web.bodies import RequestModel
from shared.web.guards import Public, Requires
from shared.web.paging import Cursor, Limit, decode_cursor, page
from shared.web.problems import not_found
from tests.access.credentials import NOON, a_key, a_token, a_verifier

KEY = a_key()
SECRET = "correct horse battery staple"
AGENTS = "/v1/tenants/acme/agents"

Manager = Annotated[Caller, Depends(Requires(Permission.MANAGE_AGENTS))]


class Inner(RequestModel):
    label: str


class AgentRequest(RequestModel):
    name: str
    weight: float = 1.0
    inner: tuple[Inner, ...] = ()


def a_router() -> APIRouter:
    router = APIRouter(prefix="/v1/tenants/{tenant_id}")
    _agents(router)
    _troubles(router)
    return router


def _agents(router: APIRouter) -> None:
    @router.get("/agents")
    async def listed(tenant_id: str, caller: Manager, limit: Limit = 50, cursor: Cursor = None) -> dict[str, Any]:
        after = decode_cursor(cursor)
        names = [f"agent-{n:03}" for n in range(450) if after is None or f"agent-{n:03}" > after[0]]
        return page(names[: limit + 1], limit=limit, key=lambda name: name)

    @router.post("/agents", status_code=201)
    async def register(tenant_id: str, body: AgentRequest, caller: Manager) -> dict[str, Any]:
        return {"name": body.name, "by": caller.user_id}

    @router.get("/agents/{agent_id}")
    async def one(tenant_id: str, agent_id: str, caller: Manager) -> dict[str, Any]:
        raise not_found("agent")

    @router.delete("/resources/{resource_id:path}")
    async def withdraw(tenant_id: str, resource_id: str, caller: Manager) -> dict[str, str]:
        return {"resource": resource_id}

    @router.put("/mfa-policy")
    async def change(
        tenant_id: str,
        request: Request,
        caller: Annotated[Caller, Depends(Requires(Permission.MANAGE_MFA_POLICY))],
        response: Response,
    ) -> dict[str, int]:
        if etags.required_version(request) != 7:
            raise etags.stale()
        response.headers["ETag"] = etags.etag(8)
        return {"version": 8}

    @router.post("/pim/revoke")
    async def revoke(
        tenant_id: str, caller: Annotated[Caller, Depends(Requires(Permission.MANAGE_PIM, fresh_mfa=False))]
    ) -> dict[str, str]:
        return {"by": caller.user_id}


def _troubles(router: APIRouter) -> None:
    open_to_all = [Depends(Public())]

    @router.get("/broken", dependencies=open_to_all)
    async def broken(tenant_id: str) -> None:
        raise RuntimeError(f"the password is {SECRET}")

    @router.get("/away", dependencies=open_to_all)
    async def away(tenant_id: str) -> None:
        raise TransientError("PostgreSQL is unreachable")

    @router.post("/unread", dependencies=open_to_all)
    async def unread(tenant_id: str) -> dict[str, str]:
        return {"answer": "without looking at the body"}


def an_app(
    *, watermarks: Watermarks | None = None, checks: dict[str, Check] | None = None, clock: FixedClock | None = None
) -> FastAPI:
    return build_app(
        title="stage",
        routers=[a_router()],
        verifier=a_verifier(KEY, watermarks=watermarks),
        clock=clock or FixedClock(NOON + timedelta(seconds=1)),
        checks=checks or {},
        asyncapi={"asyncapi": "3.0.0"},
    )


def a_client(app: FastAPI, *roles: Role, **what: Any) -> httpx.AsyncClient:
    """Somebody with these roles; without any, somebody without a token."""
    headers = {"Authorization": f"Bearer {a_token(KEY, *roles, **what)}"} if roles else {}
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://stage", headers=headers)


def problem(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of the response, after looking that it is a complete one."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = response.json()
    assert document["status"] == status
    assert document["code"] == code
    assert document["type"] == f"urn:nuxari:problem:{code}"
    assert document["title"]
    assert document["detail"]
    return document
