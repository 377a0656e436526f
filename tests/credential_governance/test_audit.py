"""Every decision about credentials is in the audit log: who, from where, why, and what came of it; never a secret."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from nuxari_events.roles import Role

from services.credential_governance.api import PREFIX, RECORDS, routers
from services.credential_governance.service.credentials import NOT_REGISTERED
from shared import audit
from shared.clock import FixedClock
from shared.web.app import build_app
from tests.access.credentials import NOON, a_verifier
from tests.credential_governance.builders import DAY, HOUR, YEAR, observed, user_deactivated
from tests.credential_governance.stage import Stage
from tests.web.stage import KEY, a_client, problem

CREDENTIALS = PREFIX.format(tenant_id="acme")
AUDIT = f"{RECORDS.format(tenant_id='acme')}/audit"
SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY"


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


@pytest.fixture
async def sam(app: FastAPI, stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """A security admin of a tenant where ada and bo are active."""
    await stage.has_user("ada")
    await stage.has_user("bo")
    async with a_client(app, Role.CLIENT_SECURITY_ADMIN, user_id="sam") as client:
        yield client


def _body(**more: Any) -> dict[str, Any]:
    times = {"issued_at": NOON.isoformat(), "expires_at": (NOON + YEAR).isoformat()}
    return {"name": "nightly export", "kind": "api_key", "owner_id": "ada"} | times | more


async def the_log(stage: Stage, *, tenant: str = "acme") -> list[audit.Entry]:
    """The tenant's entries, oldest first, after a look that they are whole."""
    async with stage.database.transaction(tenant) as transaction:
        assert (await audit.verify(transaction)).broken_at is None
        return (await audit.page(transaction, before=None, limit=1000))[::-1]


async def test_a_registration_says_who_registered_what_and_from_where(sam: httpx.AsyncClient, stage: Stage) -> None:
    answer = await sam.post(CREDENTIALS, json=_body())

    (entry,) = await the_log(stage)
    assert (entry.action, entry.outcome) == ("credential.register", audit.DONE)
    assert (entry.actor_id, entry.target) == ("sam", answer.json()["credential_id"])
    assert (entry.at, entry.ip, entry.session_id) == (NOON, "127.0.0.1", "s-1")
    assert entry.correlation_id == answer.headers["x-request-id"]
    assert entry.detail == {"kind": "api_key", "owner_id": "ada", "expires_at": "2027-03-02T12:00:00.250000Z"}


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k-1"}])
async def test_a_refused_registration_is_recorded_although_the_answer_is_a_problem(
    sam: httpx.AsyncClient, stage: Stage, headers: dict[str, str]
) -> None:
    answer = await sam.post(CREDENTIALS, json=_body(owner_id="nobody"), headers=headers)

    problem(answer, 422, "owner-unknown")
    (entry,) = await the_log(stage)
    assert (entry.action, entry.outcome) == ("credential.register", "owner-unknown")
    assert (entry.actor_id, entry.target, entry.session_id) == ("sam", NOT_REGISTERED, "s-1")
    assert entry.correlation_id == answer.headers["x-request-id"]


@pytest.mark.parametrize("field", ["name", "notes", "owner_id"])
async def test_a_secret_in_a_refused_registration_is_not_recorded(
    sam: httpx.AsyncClient, stage: Stage, field: str
) -> None:
    await sam.post(CREDENTIALS, json=_body(**{field: SECRET}))

    (entry,) = await the_log(stage)
    assert entry.outcome == "looks-like-a-secret"
    assert SECRET not in repr(entry)


async def test_a_secret_in_place_of_an_id_is_not_recorded(sam: httpx.AsyncClient, stage: Stage) -> None:
    problem(await sam.post(f"{CREDENTIALS}/{SECRET}/owner", json={"owner_id": SECRET}), 404, "not-found")

    (entry,) = await the_log(stage)
    assert (entry.target, entry.outcome) == (NOT_REGISTERED, "not-found")
    assert SECRET not in repr(entry)


async def test_an_assignment_says_who_answered_before_and_who_does_now(sam: httpx.AsyncClient, stage: Stage) -> None:
    await stage.takes(observed())
    answer = await sam.post(f"{CREDENTIALS}/c1/owner", json={"owner_id": "bo"})

    entry = (await the_log(stage))[-1]
    assert (entry.action, entry.target, entry.outcome) == ("credential.assign_owner", "c1", audit.DONE)
    assert (entry.actor_id, entry.detail) == ("sam", {"owner_id": "bo", "former_owner_id": "ada"})
    assert entry.correlation_id == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("credential_id", "owner_id", "code"),
    [
        ("c1", "ada", "already-owner"),
        ("c1", "nobody", "owner-unknown"),
        ("c1", "cy", "owner-deactivated"),
        ("none", "bo", "not-found"),
    ],
)
async def test_every_refused_assignment_is_recorded_under_its_code(
    sam: httpx.AsyncClient, stage: Stage, credential_id: str, owner_id: str, code: str
) -> None:
    await stage.takes(observed(), user_deactivated("cy", at=NOON))
    answer = await sam.post(f"{CREDENTIALS}/{credential_id}/owner", json={"owner_id": owner_id})

    assert answer.json()["code"] == code
    entry = (await the_log(stage))[-1]
    assert (entry.action, entry.outcome) == ("credential.assign_owner", code)
    assert (entry.actor_id, entry.target) == ("sam", credential_id)


async def test_a_request_that_is_sent_again_is_recorded_once(sam: httpx.AsyncClient, stage: Stage) -> None:
    for _ in range(3):
        assert (await sam.post(CREDENTIALS, json=_body(), headers={"Idempotency-Key": "k-1"})).status_code == 201

    assert len(await the_log(stage)) == 1


async def test_an_observation_names_the_event_and_its_source(stage: Stage) -> None:
    await stage.has_user()
    first, second = observed(), observed(name="renamed", at=NOON + HOUR)
    await stage.takes(first, second, observed(name="renamed", at=NOON + 2 * HOUR))

    found, changed = await the_log(stage)
    assert (found.action, found.target, found.detail["causation_id"]) == ("credential.discover", "c1", first.id)
    assert (changed.action, changed.target, changed.detail["causation_id"]) == ("credential.refresh", "c1", second.id)
    assert {found.detail["causation_source"], changed.detail["causation_source"]} == {first.source}
    assert (found.correlation_id, changed.correlation_id) == (first.id, second.id)


async def test_what_a_source_changes_is_recorded_whenever_it_is_announced(stage: Stage) -> None:
    await stage.takes(observed(), user_deactivated("ada", at=NOON), user_deactivated("bo", at=NOON))
    for n, owner in enumerate(["bo", "cy", None, "ada", "ada"], start=1):
        event = observed(owner_id=owner, at=NOON + n * HOUR)
        await stage.takes(event)
        announced = [e for e in await stage.announced() if e.causationid == event.id]
        recorded = [e for e in await the_log(stage) if e.detail.get("causation_id") == event.id]
        assert len(recorded) == bool(announced), owner


@pytest.mark.parametrize("correlation", [None, "request-7"])
async def test_what_is_orphaned_with_a_user_names_the_deactivation_as_its_cause(
    stage: Stage, correlation: str | None
) -> None:
    await stage.has_user()
    await stage.takes(observed("c1"), observed("c2"))
    event = user_deactivated("ada", at=NOON).model_copy(update={"correlationid": correlation})
    await stage.takes(event)

    entries = (await the_log(stage))[-3:]
    assert [(entry.action, entry.target) for entry in entries] == [
        ("credential.orphan", "c1"),
        ("credential.orphan", "c2"),
        ("credential.orphan_all", "ada"),
    ]
    assert (entries[0].detail["former_owner_id"], entries[2].detail["count"]) == ("ada", 2)
    for entry in entries:
        assert (entry.actor_id, entry.outcome) == ("olga", audit.DONE)
        assert entry.correlation_id == (correlation or event.id)
        assert (entry.detail["causation_id"], entry.detail["causation_source"]) == (event.id, event.source)


async def test_an_event_that_comes_twice_is_recorded_once(stage: Stage) -> None:
    await stage.has_user()
    await stage.takes(observed(), event := user_deactivated("ada", at=NOON))
    before = len(await the_log(stage))
    await stage.takes(event)

    assert len(await the_log(stage)) == before


async def test_a_band_that_the_clock_crossed_nobody_decided(stage: Stage) -> None:
    await stage.registered(expires_at=NOON + DAY)
    stage.clock.advance(2 * DAY)
    await stage.sweeps()

    entry = (await the_log(stage))[-1]
    assert (entry.action, entry.actor_id, entry.outcome) == ("credential.cross_expiry_band", None, audit.DONE)
    assert (entry.detail["band"], entry.at) == ("expired", stage.now)
    assert [band for _, band in await stage.bands()] == ["expired"]


async def test_each_tenant_has_a_log_of_its_own(stage: Stage) -> None:
    await stage.takes(observed("a1"), observed("b1", tenant="other"), observed("b2", tenant="other"))

    assert [entry.target for entry in await the_log(stage)] == ["a1"]
    assert [entry.target for entry in await the_log(stage, tenant="other")] == ["b1", "b2"]


async def test_the_log_is_shown_to_who_may_view_it_alone(app: FastAPI, stage: Stage) -> None:
    await stage.takes(observed())
    async with a_client(app, Role.CLIENT_COMPLIANCE_AUDITOR) as auditor:
        shown = (await auditor.get(AUDIT)).json()["items"]
        whole = (await auditor.get(f"{AUDIT}/verification")).json()
    async with a_client(app, Role.REQUESTER) as requester:
        problem(await requester.get(AUDIT), 403, "permission-denied")
        problem(await requester.get(f"{AUDIT}/verification"), 403, "permission-denied")

    assert [entry["action"] for entry in shown] == ["credential.discover"]
    assert (whole["intact"], whole["entries"], whole["head"]) == (True, 1, shown[0]["hash"])


async def test_a_credential_that_is_named_as_the_log_is_still_found(sam: httpx.AsyncClient, stage: Stage) -> None:
    await stage.takes(observed("audit"), observed("audit/verification"))

    for credential_id in ("audit", "audit/verification"):
        assert (await sam.get(f"{CREDENTIALS}/{credential_id}")).json()["credential_id"] == credential_id
