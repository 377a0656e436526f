"""The HTTP interface as a caller sees it: who may, what is answered, and what is never said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI
from nuxari_events.credentials import CredentialRegistered
from nuxari_events.roles import Role

from services.credential_governance.api import routers
from shared.clock import FixedClock
from shared.web.app import build_app
from tests.access.credentials import NOON, a_key, a_token, a_verifier
from tests.credential_governance.builders import DAY, YEAR, observed, user_deactivated, user_invited
from tests.credential_governance.stage import Stage
from tests.credential_governance.test_plaintext import PRIVATE_KEY
from tests.web.stage import problem

KEY = a_key()
CREDENTIALS = "/v1/tenants/acme/credentials"


@pytest.fixture
def app(stage: Stage) -> FastAPI:
    stage.clock = FixedClock(NOON)
    return build_app(
        title="credential governance",
        routers=routers(database=stage.database, clock=stage.clock),
        verifier=a_verifier(KEY),
        clock=stage.clock,
        checks={},
    )


@asynccontextmanager
async def _client(app: FastAPI, *roles: Role, **what: Any) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {a_token(KEY, *roles, **what)}"} if roles else {}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://stage", headers=headers
    ) as client:
        yield client


@pytest.fixture
async def admin(app: FastAPI, stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A security admin of a tenant where ada and bo are active."""
    await stage.has_user("ada")
    await stage.has_user("bo")
    async with _client(app, Role.CLIENT_SECURITY_ADMIN, user_id="sam") as client:
        yield client


def _body(**more: Any) -> dict[str, Any]:
    body = {
        "name": "nightly export",
        "kind": "api_key",
        "owner_id": "ada",
        "issued_at": NOON.isoformat(),
        "expires_at": (NOON + YEAR).isoformat(),
    }
    return {name: value for name, value in (body | more).items() if value is not None}


async def test_a_registered_credential_is_answered_announced_and_found(admin: httpx.AsyncClient, stage: Stage) -> None:
    answer = await admin.post(CREDENTIALS, json=_body(notes="of the export job"))
    assert answer.status_code == 201
    document = answer.json()
    assert document | {"state": "active", "owner_id": "ada", "orphaned": False, "band": None} == document
    found = await admin.get(f"{CREDENTIALS}/{document['credential_id']}")
    assert found.json() == document
    (announced,) = await stage.announced_of(CredentialRegistered)
    assert (announced.actorid, announced.subject) == ("sam", document["credential_id"])


async def test_an_answer_says_where_the_credential_stands_now(admin: httpx.AsyncClient, stage: Stage) -> None:
    document = (await admin.post(CREDENTIALS, json=_body(expires_at=(NOON + DAY).isoformat()))).json()
    path = f"{CREDENTIALS}/{document['credential_id']}"
    stage.clock.advance(DAY * 0.95)
    token = {"Authorization": f"Bearer {a_token(KEY, Role.CLIENT_SECURITY_ADMIN, at=stage.now)}"}
    expiring = (await admin.get(path, headers=token)).json()
    assert (expiring["state"], expiring["band"]) == ("expiring", "critical")


async def test_the_same_request_with_the_same_key_registers_once(admin: httpx.AsyncClient, stage: Stage) -> None:
    answers = [await admin.post(CREDENTIALS, json=_body(), headers={"Idempotency-Key": "k-1"}) for _ in range(3)]
    assert len({answer.text for answer in answers}) == 1
    assert await stage.types() == ["credential_registered"]


async def test_a_key_cannot_be_used_for_another_request(admin: httpx.AsyncClient) -> None:
    await admin.post(CREDENTIALS, json=_body(), headers={"Idempotency-Key": "k-1"})
    answer = await admin.post(CREDENTIALS, json=_body(name="another"), headers={"Idempotency-Key": "k-1"})
    problem(answer, 422, "idempotency-key-reused")


@pytest.mark.parametrize("field", ["name", "notes", "owner_id"])
async def test_a_secret_is_refused_and_is_neither_echoed_nor_kept(
    admin: httpx.AsyncClient, stage: Stage, field: str
) -> None:
    secret = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"
    answer = await admin.post(CREDENTIALS, json=_body(**{field: secret}), headers={"Idempotency-Key": "k"})
    assert problem(answer, 422, "looks-like-a-secret")["field"] == field
    assert secret not in answer.text
    for (table,) in await stage.rows("select tablename from pg_tables where schemaname = 'public'"):
        rows = await stage.rows(f"select t::text as row from {table} t")  # noqa: S608 - from the catalogue
        assert all(secret not in row["row"] for row in rows), table


async def test_a_private_key_of_several_lines_in_the_notes_is_refused(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(CREDENTIALS, json=_body(notes=PRIVATE_KEY))
    problem(answer, 422, "looks-like-a-secret")
    assert "MII" not in answer.text


async def test_a_field_for_the_secret_itself_does_not_exist(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(CREDENTIALS, json=_body(secret="hunter2hunter2"))
    problem(answer, 422, "invalid-request")
    assert "hunter2" not in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "a\nb"},
        {"name": "x" * 257},
        {"name": "a\x00b"},
        {"kind": "spoon"},
        {"owner_id": ""},
        {"issued_at": "2026-03-02T12:00:00"},
        {"issued_at": 1_772_452_800},
        {"issued_at": "1772452800"},
        {"issued_at": "0001-01-01T00:00:00+14:00"},
        {"expires_at": "9999-12-31T23:59:59-14:00"},
        {"notes": "x" * 2049},
    ],
)
async def test_what_does_not_have_the_expected_form_is_refused(admin: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    problem(await admin.post(CREDENTIALS, json=_body(**wrong)), 422, "invalid-request")


async def test_an_expiry_before_the_issue_is_refused(admin: httpx.AsyncClient) -> None:
    answer = await admin.post(CREDENTIALS, json=_body(expires_at=NOON.isoformat()))
    problem(answer, 422, "expires-before-issue")


async def test_an_unknown_owner_is_refused_with_the_reason_that_may_pass(admin: httpx.AsyncClient) -> None:
    document = problem(await admin.post(CREDENTIALS, json=_body(owner_id="nobody")), 422, "owner-unknown")
    assert "may not have arrived" in document["detail"]


async def test_an_invited_owner_is_refused(admin: httpx.AsyncClient, stage: Stage) -> None:
    await stage.takes(user_invited("ira"))
    problem(await admin.post(CREDENTIALS, json=_body(owner_id="ira")), 422, "owner-not-active")


async def test_a_credential_of_somebody_gone_is_registered_as_an_orphan(admin: httpx.AsyncClient, stage: Stage) -> None:
    await stage.takes(user_deactivated("ada", at=NOON))
    document = (await admin.post(CREDENTIALS, json=_body())).json()
    assert (document["orphaned"], document["owner_id"], document["former_owner_id"]) == (True, None, "ada")


async def test_an_orphan_is_given_to_somebody_who_is_there(admin: httpx.AsyncClient, stage: Stage) -> None:
    await stage.takes(observed(), user_deactivated("ada", at=NOON))
    answer = await admin.post(f"{CREDENTIALS}/c1/owner", json={"owner_id": "bo"})
    assert answer.status_code == 200
    assert (answer.json()["orphaned"], answer.json()["owner_id"]) == (False, "bo")
    problem(await admin.post(f"{CREDENTIALS}/c1/owner", json={"owner_id": "bo"}), 409, "already-owner")
    problem(await admin.post(f"{CREDENTIALS}/c1/owner", json={"owner_id": "ada"}), 422, "owner-deactivated")
    problem(await admin.post(f"{CREDENTIALS}/c1/owner", json={"owner_id": "nobody"}), 422, "owner-unknown")
    problem(await admin.post(f"{CREDENTIALS}/none/owner", json={"owner_id": "bo"}), 404, "not-found")


@pytest.mark.parametrize(
    "credential_id", ["arn:aws:acm:eu:1:certificate/abc", "https://vault/secrets/x?y#z", "a b%2Fc"]
)
async def test_an_id_with_slashes_and_signs_is_found_and_assigned(
    admin: httpx.AsyncClient, stage: Stage, credential_id: str
) -> None:
    await stage.takes(observed(credential_id))
    path = f"{CREDENTIALS}/{quote(credential_id, safe='')}"
    assert (await admin.get(path)).json()["credential_id"] == credential_id
    assert (await admin.post(f"{path}/owner", json={"owner_id": "bo"})).json()["owner_id"] == "bo"


async def test_a_list_goes_page_by_page_through_what_was_asked_for(admin: httpx.AsyncClient, stage: Stage) -> None:
    await stage.takes(*(observed(f"c{n}", owner_id="ada" if n % 2 else "bo") for n in range(9)))
    parameters: dict[str, Any] = {"owner_id": "ada", "state": "active", "kind": "api_key", "limit": 3}
    first = (await admin.get(CREDENTIALS, params=parameters)).json()
    second = (await admin.get(CREDENTIALS, params=parameters | {"cursor": first["next"]})).json()
    ids = [item["credential_id"] for item in first["items"] + second["items"]]
    assert (ids, second["next"]) == (["c1", "c3", "c5", "c7"], None)


async def test_what_expires_before_a_day_is_listed(admin: httpx.AsyncClient, stage: Stage) -> None:
    await stage.takes(observed("soon", expires_at=NOON + DAY), observed("later"), observed("never", expires_at=None))
    answer = await admin.get(CREDENTIALS, params={"expires_before": (NOON + 2 * DAY).isoformat()})
    assert [item["credential_id"] for item in answer.json()["items"]] == ["soon"]


async def test_orphans_are_listed(admin: httpx.AsyncClient, stage: Stage) -> None:
    await stage.takes(observed("mine"), observed("theirs", owner_id="cy"), user_deactivated("cy", at=NOON))
    answer = await admin.get(CREDENTIALS, params={"orphaned": "true"})
    assert [item["credential_id"] for item in answer.json()["items"]] == ["theirs"]


@pytest.mark.parametrize(
    ("parameter", "code"),
    [
        ({"cursor": "made-up"}, (400, "bad-cursor")),
        ({"state": "lost"}, (422, "invalid-request")),
        ({"expires_before": "0.5"}, (422, "invalid-request")),
    ],
)
async def test_a_list_that_cannot_be_read_is_a_clear_error(
    admin: httpx.AsyncClient, parameter: dict[str, str], code: tuple[int, str]
) -> None:
    problem(await admin.get(CREDENTIALS, params=parameter), *code)


async def test_the_matrix_says_who_may_look_and_who_may_act(app: FastAPI, stage: Stage) -> None:
    await stage.has_user("ada")
    await stage.takes(observed())
    may_look, may_act = set(), set()
    for role in Role:
        async with _client(app, role) as client:
            look, act = await client.get(f"{CREDENTIALS}/c1"), await client.post(CREDENTIALS, json=_body())
        may_look |= {role} if look.status_code == 200 else set()
        may_act |= {role} if act.status_code == 201 else set()
    assert may_act == {Role.CLIENT_OWNER, Role.CLIENT_SECURITY_ADMIN}
    assert may_look == may_act | {Role.CLIENT_ADMIN, Role.CLIENT_COMPLIANCE_AUDITOR}


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("POST", ""), ("GET", "/c1"), ("POST", "/c1/owner")],
)
async def test_a_stranger_is_told_nothing(app: FastAPI, stage: Stage, method: str, path: str) -> None:
    await stage.takes(observed())
    async with _client(app) as nobody:
        problem(await nobody.request(method, CREDENTIALS + path), 401, "token-missing")
    async with _client(app, Role.CLIENT_OWNER, tenant_id="globex") as stranger:
        problem(await stranger.request(method, CREDENTIALS + path), 404, "not-found")
    async with _client(app, Role.READONLY_VIEWER) as viewer:
        problem(await viewer.request(method, CREDENTIALS + path), 403, "permission-denied")


async def test_every_operation_is_described_as_guarded(app: FastAPI) -> None:
    async with _client(app) as nobody:
        paths = (await nobody.get("/openapi.json")).json()["paths"]
    operations = {
        f"{method} {path}": operation for path, methods in paths.items() for method, operation in methods.items()
    }
    assert len(operations) == 6
    assert all(operation["security"] == [{"access_token": []}] for operation in operations.values())
