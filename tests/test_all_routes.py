"""Every route of every service, found by walking the applications: none is open by accident, each opens to who may."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest
import pytest_asyncio
from nuxari_events.roles import Role

from shared.access.permissions import FRESH_MFA, MATRIX, Permission
from shared.access.tokens import FRESH
from shared.settings import SERVICES
from tests.access.credentials import a_key, a_token
from tests.every_service import ANOTHER, Route, Standing, routes, standing
from tests.web.stage import problem

pytestmark = pytest.mark.asyncio(loop_scope="module")

OF_EVERY_SERVICE = {"GET /live", "GET /ready", "GET /metrics", "GET /openapi.json", "GET /asyncapi.json"}

OPEN = {
    "identity": {
        "GET /.well-known/jwks.json",
        "POST /v1/tenants/{tenant_id}/sessions",
        "POST /v1/sessions/refresh",
        "POST /v1/invitations/accept",
    },
}
"""What anybody may call, besides what every service shows; each line here is a decision."""

WITHOUT_FRESH_MFA = {
    "pim: POST /v1/tenants/{tenant_id}/pim/eligibilities/{eligibility_id}/revoke",
    "pim: POST /v1/tenants/{tenant_id}/pim/activations/{activation_id}/revoke",
    "monitoring: GET /v1/tenants/{tenant_id}/change-requests/{change_id}",
}
"""What names a permission that always takes fresh MFA, and goes without.

Taking a privilege away is never harder, and whoever may decide may read what about.
"""

FOR_EVERY_ROLE = {
    "identity: GET /v1/tenants/{tenant_id}/me",
    "identity: POST /v1/tenants/{tenant_id}/me/password",
    "identity: GET /v1/tenants/{tenant_id}/me/sessions",
    "identity: POST /v1/tenants/{tenant_id}/me/sessions/{session_id}/end",
    "identity: POST /v1/tenants/{tenant_id}/me/factors/totp",
    "identity: POST /v1/tenants/{tenant_id}/me/factors/{factor_id}/confirm",
    "identity: POST /v1/tenants/{tenant_id}/me/mfa",
    "pim: GET /v1/tenants/{tenant_id}/pim/activations/{activation_id}",
    "pim: GET /v1/tenants/{tenant_id}/pim/activations/{activation_id}/timeline",
    "pim: POST /v1/tenants/{tenant_id}/pim/activations/{activation_id}/withdraw",
    "pim: GET /v1/tenants/{tenant_id}/pim/me/eligibilities",
    "pim: GET /v1/tenants/{tenant_id}/pim/me/activations",
    "pim: GET /v1/tenants/{tenant_id}/pim/me/roles",
}
"""What every role of a tenant may call: the route itself sees to it that each caller meets only what is theirs."""

GUARDED = [route for route in routes() if route.guard.permission is not None]
NEEDS_FRESH_MFA = [route for route in GUARDED if route.guard.fresh_mfa]
PUBLIC = [route for route in routes() if route.guard.public]

each_guarded = pytest.mark.parametrize("route", GUARDED, ids=str)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def services(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[str, Standing]]:
    async with AsyncExitStack() as stack:
        yield {
            name: await stack.enter_async_context(standing(name, postgres=postgres, home=tmp_path_factory.mktemp(name)))
            for name in SERVICES
        }


async def asked(service: Standing, route: Route, headers: dict[str, str], **more: Any) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service.app), base_url="http://stage") as client:
        return await client.request(route.method, route.path(), headers=headers, **more)


async def asked_in_every_way(service: Standing, route: Route, headers: dict[str, str]) -> list[httpx.Response]:
    """Ask without a body, with an empty one, and with one that cannot be read: a guard does not wait for a body."""
    json = {"Content-Type": "application/json"}
    return [
        await asked(service, route, headers),
        await asked(service, route, headers, json={}),
        await asked(service, route, headers | json, content=b"{"),
    ]


def without(permission: Permission) -> list[Role]:
    """Every role that lacks the permission."""
    return [role for role in Role if role not in MATRIX[permission]]


async def test_every_route_is_either_guarded_or_public() -> None:
    assert [str(route) for route in routes() if route.guard.public == (route.guard.permission is not None)] == []
    assert len(GUARDED) + len(PUBLIC) == len(routes())


@pytest.mark.parametrize("service", SERVICES)
async def test_what_is_public_was_decided_to_be(service: str) -> None:
    found = {f"{route.method} {route.template}" for route in PUBLIC if route.service == service}

    assert found == OF_EVERY_SERVICE | OPEN.get(service, set())


async def test_what_every_role_may_call_was_decided_to_be() -> None:
    assert {str(route) for route in GUARDED if not without(_permission(route))} == FOR_EVERY_ROLE


async def test_what_goes_without_fresh_mfa_was_decided_to_go_without() -> None:
    found = {str(route) for route in GUARDED if route.guard.permission in FRESH_MFA and not route.guard.fresh_mfa}

    assert found == WITHOUT_FRESH_MFA


@each_guarded
async def test_a_guarded_route_names_its_tenant(route: Route) -> None:
    assert route.is_of_a_tenant


@each_guarded
async def test_without_a_token_it_is_401(services: dict[str, Standing], route: Route) -> None:
    for answer in await asked_in_every_way(services[route.service], route, {}):
        problem(answer, 401, "token-missing")
        assert answer.headers["www-authenticate"] == "Bearer"


@each_guarded
async def test_with_a_token_that_somebody_else_signed_it_is_401(services: dict[str, Standing], route: Route) -> None:
    service = services[route.service]
    forged = a_token(a_key(), *Role, at=service.clock.now(), mfa_at=service.clock.now())

    for answer in await asked_in_every_way(service, route, {"Authorization": f"Bearer {forged}"}):
        problem(answer, 401, "token-invalid")


@each_guarded
async def test_with_a_token_of_another_tenant_it_is_404(services: dict[str, Standing], route: Route) -> None:
    service = services[route.service]
    stranger = service.authorization(*Role, tenant_id=ANOTHER)

    for answer in await asked_in_every_way(service, route, stranger):
        problem(answer, 404, "not-found")


@each_guarded
async def test_without_the_permission_it_is_403(services: dict[str, Standing], route: Route) -> None:
    """A permission of every role is lacked by who has no role left."""
    service, permission = services[route.service], _permission(route)
    caller = service.authorization(*without(permission))

    for answer in await asked_in_every_way(service, route, caller):
        assert problem(answer, 403, "permission-denied")["permission"] == permission


@pytest.mark.parametrize("route", NEEDS_FRESH_MFA, ids=str)
@pytest.mark.parametrize("mfa", [None, FRESH + timedelta(seconds=1)], ids=["never", "too long ago"])
async def test_without_fresh_mfa_it_is_403_where_that_is_needed(
    services: dict[str, Standing], route: Route, mfa: timedelta | None
) -> None:
    service = services[route.service]
    caller = service.authorization(*MATRIX[_permission(route)], mfa=mfa)

    for answer in await asked_in_every_way(service, route, caller):
        assert problem(answer, 403, "mfa-required")["max_age"] == FRESH.total_seconds()


@each_guarded
async def test_each_role_that_may_is_let_in(services: dict[str, Standing], route: Route) -> None:
    service = services[route.service]
    for role in MATRIX[_permission(route)]:
        mfa = timedelta() if route.guard.fresh_mfa else None
        answer = await asked(service, route, service.authorization(role, mfa=mfa), json={})

        assert answer.status_code < 500, answer.text
        assert answer.status_code != 401, answer.text
        if answer.status_code >= 400:
            assert answer.json()["code"] not in {"permission-denied", "mfa-required"}, answer.text
            assert not answer.json()["detail"].endswith("no such tenant"), answer.text


@pytest.mark.parametrize("route", PUBLIC, ids=str)
async def test_a_public_route_answers_a_stranger(services: dict[str, Standing], route: Route) -> None:
    answer = await asked(services[route.service], route, {})

    honest = {503} if route.template == "/ready" else set()  # nothing of the service runs but its application
    assert answer.status_code < 500 or answer.status_code in honest, answer.text
    assert answer.status_code not in {401, 403, 404}, answer.text


def _permission(route: Route) -> Permission:
    assert route.guard.permission is not None
    return route.guard.permission
