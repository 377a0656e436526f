"""What every service says of itself: alive, honestly ready, its metrics and its interfaces."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import httpx
from fastapi import FastAPI
from nuxari_events.roles import Role

from shared.web import health
from tests.telemetry.capture import Logs
from tests.web.stage import AGENTS, a_client, an_app


async def well() -> str | None:
    return None


async def lagging() -> str | None:
    return "12 s behind"


async def stuck() -> str | None:
    await asyncio.Event().wait()
    return None


async def broken() -> str | None:
    raise RuntimeError("password=hunter2")


async def _of(path: str, **what: object) -> httpx.Response:
    async with a_client(an_app(**what)) as client:  # type: ignore[arg-type]
        return await client.get(path)


async def test_a_process_that_runs_is_live_whatever_its_checks_say():
    response = await _of("/live", checks={"database": broken})

    assert (response.status_code, response.json()) == (200, {"status": "live"})


async def test_a_service_whose_checks_are_well_is_ready():
    response = await _of("/ready", checks={"database": well})

    assert response.status_code == 200
    assert response.json() == {"status": "ready", "checks": {"database": {"ok": True, "detail": None}}}


async def test_each_failing_check_is_named_with_its_reason():
    response = await _of("/ready", checks={"database": well, "outbox": lagging})

    assert response.status_code == 503
    assert response.json()["checks"] == {
        "database": {"ok": True, "detail": None},
        "outbox": {"ok": False, "detail": "12 s behind"},
    }


async def test_a_check_that_breaks_is_a_failed_one_and_its_text_stays_inside(logs: Logs):
    response = await _of("/ready", checks={"database": broken})

    assert response.status_code == 503
    assert response.json()["checks"]["database"] == {"ok": False, "detail": "the check failed: RuntimeError"}
    assert "hunter2" not in response.text + logs.text


async def test_a_check_that_hangs_has_failed_after_a_while_and_holds_up_no_other():
    app = FastAPI()
    router = health.standing(
        app, checks={"kafka": stuck, "database": well}, asyncapi={}, patience=timedelta(milliseconds=50)
    )
    app.include_router(router)
    async with a_client(app) as client:
        response = await client.get("/ready")

    assert response.status_code == 503
    assert response.json()["checks"]["kafka"]["detail"] == "no answer within 0.05 s"
    assert response.json()["checks"]["database"]["ok"]


async def test_requests_are_measured_by_the_template_of_their_route_and_a_known_method():
    app = an_app()
    async with a_client(app, Role.CLIENT_ADMIN) as client:
        await client.get(AGENTS + "/a-private-id")
        await client.request("BREW", "/coffee-pot")
        text = (await client.get("/metrics")).text

    agents = 'method="GET",route="/v1/tenants/{tenant_id}/agents/{agent_id}",status="404"'
    assert f"nuxari_http_request_seconds_count{{{agents}}}" in text
    assert 'method="other",route="unrouted",status="404"' in text
    assert "a-private-id" not in text
    assert "BREW" not in text


async def test_the_interface_says_who_needs_a_token_and_how_errors_look():
    document = (await _of("/openapi.json")).json()
    register = document["paths"]["/v1/tenants/{tenant_id}/agents"]["post"]

    assert register["security"] == [{"access_token": []}]
    assert document["paths"]["/v1/tenants/{tenant_id}/resources/{resource_id}"]["delete"]["security"]
    assert document["paths"]["/v1/tenants/{tenant_id}/broken"]["get"]["security"] == []
    assert document["components"]["securitySchemes"]["access_token"]["scheme"] == "bearer"
    assert "application/problem+json" in register["responses"]["default"]["content"]
    assert "422" not in register["responses"]


async def test_what_is_said_over_kafka_is_published_as_it_was_given():
    assert (await _of("/asyncapi.json")).json() == {"asyncapi": "3.0.0"}
