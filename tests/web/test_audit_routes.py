"""The audit log over HTTP: who may look, page by page, and whether it is whole."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from nuxari_events.roles import Role

from shared.clock import FixedClock
from shared.web import audit_log
from shared.web.app import build_app
from shared.web.audit_log import audit_routes
from shared.web.paging import encode_cursor
from tests.access.credentials import NOON, a_verifier
from tests.persistence.audited import Log, a_log, entered
from tests.web.stage import KEY, a_client, problem

AUDIT = "/v1/tenants/acme/things/audit"
VERIFICATION = f"{AUDIT}/verification"

Ask = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def log(postgres: str, fresh_database: str) -> AsyncIterator[Log]:
    async with a_log(postgres, fresh_database) as log:
        yield log


@pytest.fixture
def app(log: Log) -> FastAPI:
    return build_app(
        title="things",
        routers=[audit_routes("/v1/tenants/{tenant_id}/things", log.database)],
        verifier=a_verifier(KEY),
        clock=FixedClock(NOON),
        checks={},
    )


@pytest.fixture
async def auditor(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with a_client(app, Role.CLIENT_COMPLIANCE_AUDITOR) as client:
        yield client


async def test_an_entry_is_shown_whole(auditor: httpx.AsyncClient, log: Log) -> None:
    async with log.database.transaction("acme") as transaction:
        await entered(
            transaction,
            "a-1",
            detail={"user_id": "ada"},
            outcome="mfa-required",
            reason="on call",
            policy={"version": 2, "digest": "d"},
            ip="192.0.2.7",
            session_id="s-1",
            correlation_id="r-1",
        )

    (shown,) = (await auditor.get(AUDIT)).json()["items"]
    (entry,) = await log.entries()
    assert shown == {
        "sequence": 1,
        "at": "2026-03-02T12:00:00Z",
        "actor_id": "ada",
        "action": "pim.activation.activate",
        "target": "a-1",
        "outcome": "mfa-required",
        "detail": {"user_id": "ada"},
        "reason": "on call",
        "policy": {"version": 2, "digest": "d"},
        "ip": "192.0.2.7",
        "session_id": "s-1",
        "correlation_id": "r-1",
        "previous_hash": "0" * 64,
        "hash": entry.hash.hex(),
    }


async def test_the_log_is_shown_newest_first_page_by_page(auditor: httpx.AsyncClient, log: Log) -> None:
    await log.has(*(f"a-{n}" for n in range(5)))

    seen, cursor = [], {}
    for _ in range(3):
        answer = (await auditor.get(AUDIT, params={"limit": 2} | cursor)).json()
        seen += [item["target"] for item in answer["items"]]
        cursor = {"cursor": answer["next"]}
    assert seen == ["a-4", "a-3", "a-2", "a-1", "a-0"]
    assert cursor == {"cursor": None}


async def test_a_whole_log_is_said_to_be_whole_with_its_head(auditor: httpx.AsyncClient, log: Log) -> None:
    await log.has("a-1", "a-2")

    found = (await auditor.get(VERIFICATION)).json()
    assert found == {
        "intact": True,
        "entries": 2,
        "last_sequence": 2,
        "head": (await log.entries())[-1].hash.hex(),
        "broken_at": None,
        "next": None,
    }


async def test_a_broken_log_is_said_to_be_broken_and_where(auditor: httpx.AsyncClient, log: Log) -> None:
    await log.has("a-1", "a-2", "a-3")
    await log.tampered("update audit_event set outcome = 'refused' where sequence = 2")

    found = (await auditor.get(VERIFICATION)).json()
    assert (found["intact"], found["entries"], found["broken_at"], found["next"]) == (False, 1, 2, None)


async def test_a_long_log_is_checked_in_several_requests(
    auditor: httpx.AsyncClient, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "CHECKED", 2)
    await log.has("a-1", "a-2", "a-3")

    part = (await auditor.get(VERIFICATION)).json()
    rest = (await auditor.get(VERIFICATION, params={"cursor": part["next"]})).json()
    assert (part["entries"], part["last_sequence"], rest["entries"], rest["last_sequence"]) == (2, 2, 1, 3)
    assert rest["next"] is None


async def test_a_tenant_is_shown_its_own_log_alone(app: FastAPI, auditor: httpx.AsyncClient, log: Log) -> None:
    await log.has("a-1")
    await log.has("o-1", tenant="other")

    assert [item["target"] for item in (await auditor.get(AUDIT)).json()["items"]] == ["a-1"]
    for path in (AUDIT, VERIFICATION):
        problem(await auditor.get(path.replace("acme", "other")), 404, "not-found")
        async with a_client(app) as nobody:
            problem(await nobody.get(path), 401, "token-missing")


async def test_only_who_may_view_the_audit_log_is_shown_it(app: FastAPI, log: Log) -> None:
    await log.has("a-1")
    may = set()
    for role in Role:
        async with a_client(app, role) as client:
            answers = {path: await client.get(path) for path in (AUDIT, VERIFICATION)}
        if all(answer.status_code == 200 for answer in answers.values()):
            may.add(role)
        else:
            for answer in answers.values():
                problem(answer, 403, "permission-denied")

    assert may == {
        Role.CLIENT_OWNER,
        Role.CLIENT_ADMIN,
        Role.CLIENT_SECURITY_ADMIN,
        Role.CLIENT_COMPLIANCE_AUDITOR,
    }


@pytest.mark.parametrize("sequence", ["", "-1", "x", "\u0663", "9" * 19, "1 or 1=1"])
async def test_a_cursor_that_was_made_up_is_a_clear_error(auditor: httpx.AsyncClient, sequence: str) -> None:
    for path, cursor in ((AUDIT, [sequence]), (VERIFICATION, [sequence, "0" * 64]), (VERIFICATION, ["1", "x"])):
        problem(await auditor.get(path, params={"cursor": encode_cursor(*cursor)}), 400, "bad-cursor")


@pytest.mark.parametrize("parameters", [{"limit": 0}, {"limit": 201}, {"limit": "many"}])
async def test_a_page_of_no_size_is_a_clear_error(auditor: httpx.AsyncClient, parameters: dict[str, Any]) -> None:
    problem(await auditor.get(AUDIT, params=parameters), 422, "invalid-request")
