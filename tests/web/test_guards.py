"""Who may call what: in a fixed order of refusals, on every route, or the application does not start."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import APIRouter, Depends, FastAPI
from nuxari_events.roles import Role

from shared.access.permissions import Permission
from shared.access.tokens import Caller, Watermarks
from shared.clock import FixedClock
from shared.web.app import build_app
from shared.web.guards import Public, Requires, guards
from tests.access.credentials import NOON, a_verifier, a_watermark, ago
from tests.web.stage import AGENTS, KEY, a_client, an_app, problem

ADMIN = Role.CLIENT_ADMIN
POLICY = "/v1/tenants/acme/mfa-policy"


async def test_a_caller_with_the_permission_is_served():
    async with a_client(an_app(), ADMIN) as client:
        response = await client.post(AGENTS, json={"name": "edge-1"})

    assert response.status_code == 201
    assert response.json() == {"name": "edge-1", "by": "ada"}


async def test_without_a_token_the_answer_is_401_and_says_how_to_sign_in():
    async with a_client(an_app()) as client:
        response = await client.get(AGENTS)

    problem(response, 401, "token-missing")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("header", ["Basic YWRhOnB3", "Bearer", "Bearer ", "bearertoken", ""])
async def test_another_scheme_is_no_token(header: str):
    async with a_client(an_app()) as client:
        problem(await client.get(AGENTS, headers={"Authorization": header}), 401, "token-missing")


async def test_a_token_that_proves_nothing_is_401_with_the_reason():
    async with a_client(an_app()) as client:
        response = await client.get(AGENTS, headers={"Authorization": "Bearer made-up"})

    problem(response, 401, "token-invalid")
    assert response.headers["www-authenticate"] == 'Bearer error="invalid_token", error_description="token-invalid"'


async def test_a_token_stops_working_when_it_expires_and_when_it_is_voided():
    clock, watermarks = FixedClock(NOON), Watermarks()
    async with a_client(an_app(clock=clock, watermarks=watermarks), ADMIN) as client:
        before = await client.get(AGENTS)
        watermarks.note(a_watermark(not_before=NOON + timedelta(seconds=1)))
        voided = await client.get(AGENTS)
        clock.advance(timedelta(minutes=5))
        expired = await client.get(AGENTS)

    assert before.status_code == 200
    problem(voided, 401, "token-revoked")
    problem(expired, 401, "token-expired")


async def test_another_tenant_is_as_if_it_did_not_exist_whatever_ones_permissions():
    async with a_client(an_app(), Role.CLIENT_OWNER) as owner, a_client(an_app(), Role.READONLY_VIEWER) as viewer:
        answers = [
            await client.get(f"/v1/tenants/{tenant}/agents") for client in (owner, viewer) for tenant in ("globex", "x")
        ]

    documents = [problem(answer, 404, "not-found") for answer in answers]
    assert all(document == documents[0] for document in documents)


async def test_without_the_permission_the_answer_is_403_and_names_it():
    async with a_client(an_app(), Role.READONLY_VIEWER) as client:
        document = problem(await client.get(AGENTS), 403, "permission-denied")

    assert document["permission"] == "agent.manage"


async def test_a_permission_that_takes_fresh_mfa_refuses_without_and_says_how_fresh():
    async with a_client(an_app(), Role.CLIENT_OWNER) as client:
        document = problem(await client.put(POLICY, headers={"If-Match": '"7"'}), 403, "mfa-required")

    assert document["max_age"] == 900


async def test_mfa_is_fresh_up_to_fifteen_minutes():
    clock = FixedClock(NOON)
    owner = a_client(an_app(clock=clock), Role.CLIENT_OWNER, mfa_at=ago(minutes=14))
    async with owner as client:
        fresh = await client.put(POLICY, headers={"If-Match": '"7"'})
        clock.advance(timedelta(minutes=1, seconds=1))
        stale = await client.put(POLICY, headers={"If-Match": '"7"'})

    assert fresh.status_code == 200
    problem(stale, 403, "mfa-required")


async def test_a_use_that_takes_no_fresh_mfa_says_so_itself():
    async with a_client(an_app(), Role.CLIENT_OWNER) as client:
        assert (await client.post("/v1/tenants/acme/pim/revoke")).status_code == 200


async def test_the_permission_is_asked_for_before_fresh_mfa():
    async with a_client(an_app(), Role.REQUESTER) as client:
        problem(await client.put(POLICY), 403, "permission-denied")


@pytest.mark.parametrize(
    "body", [b"{", b'{"name": 1, "unknown": true}', b"\xff\xfe", b"", b"[" * 100_000, b'{"weight": 1' + b"0" * 5000]
)
async def test_who_may_not_call_learns_nothing_about_the_body(body: bytes):
    headers = {"Content-Type": "application/json"}
    app = an_app()
    async with a_client(app) as nobody, a_client(app, ADMIN) as admin, a_client(app, Role.APPROVER) as approver:
        without_token = await nobody.post(AGENTS, content=body, headers=headers)
        foreign = await admin.post("/v1/tenants/globex/agents", content=body, headers=headers)
        not_permitted = await approver.post(AGENTS, content=body, headers=headers)
        permitted = await admin.post(AGENTS, content=body, headers=headers)

    problem(without_token, 401, "token-missing")
    problem(foreign, 404, "not-found")
    problem(not_permitted, 403, "permission-denied")
    assert permitted.status_code in {400, 422}


def test_the_guards_of_every_route_can_be_listed():
    found = {(guard.method, guard.path): guard for guard in guards(an_app())}

    assert found["POST", "/v1/tenants/{tenant_id}/agents"].permission is Permission.MANAGE_AGENTS
    assert found["PUT", "/v1/tenants/{tenant_id}/mfa-policy"].fresh_mfa
    assert not found["POST", "/v1/tenants/{tenant_id}/pim/revoke"].fresh_mfa
    assert all(found["GET", path].public for path in ("/live", "/ready", "/metrics", "/openapi.json", "/asyncapi.json"))
    assert len(found) == 14


def _built(router: APIRouter) -> FastAPI:
    return build_app(title="x", routers=[router], verifier=a_verifier(KEY), clock=FixedClock(NOON), checks={})


def _open_by_accident(router: APIRouter) -> None:
    router.get("/forgotten")(lambda: None)


def _both(router: APIRouter) -> None:
    async def endpoint(caller: Annotated[Caller, Depends(Requires(Permission.VIEW_AUDIT))]) -> None: ...

    router.get("/both", dependencies=[Depends(Public())])(endpoint)


def _mounted(router: APIRouter) -> None:
    router.mount("/mounted", FastAPI())


def _plain(router: APIRouter) -> None:
    router.add_route("/plain", lambda _: None)


def _socket(router: APIRouter) -> None:
    async def endpoint(websocket: object) -> None: ...

    router.add_websocket_route("/socket", endpoint)  # type: ignore[arg-type]


def _nested(router: APIRouter) -> None:
    inner = APIRouter()
    inner.get("/inner")(lambda: None)
    router.include_router(inner, prefix="/outer")


@pytest.mark.parametrize("add", [_open_by_accident, _both, _mounted, _plain, _socket, _nested])
def test_the_application_does_not_start_with_a_route_that_nobody_guards(add):
    router = APIRouter()
    add(router)

    with pytest.raises(RuntimeError, match="needs exactly one of"):
        _built(router)


def test_a_router_that_is_included_in_another_is_guarded_under_its_whole_path():
    inner, outer = APIRouter(), APIRouter()
    inner.get("/audit", dependencies=[Depends(Requires(Permission.VIEW_AUDIT))])(lambda: None)
    outer.include_router(inner, prefix="/v1/tenants/{tenant_id}")

    found = [guard for guard in guards(_built(outer)) if not guard.public]

    assert [(guard.path, guard.permission) for guard in found] == [
        ("/v1/tenants/{tenant_id}/audit", Permission.VIEW_AUDIT)
    ]
