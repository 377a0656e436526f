"""Every decision of pim is in the audit log: who, from where, under which policy, why, and what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from nuxari_events.roles import Role

from services.pim.api import PREFIX, routers
from services.pim.domain.model import Activation, Eligibility
from services.pim.service.role_settings import policy_of, settings_of
from shared import audit
from shared.clock import FixedClock
from shared.web.app import build_app
from tests.access.credentials import NOON, a_verifier
from tests.pim.builders import HOUR, JUSTIFICATION
from tests.pim.stage import Stage, user_deactivated
from tests.web.stage import KEY, a_client, problem

PIM = PREFIX.format(tenant_id="acme")
ADMIN, SECURITY = "client_admin", Role.CLIENT_SECURITY_ADMIN


@pytest.fixture
def app(stage: Stage) -> FastAPI:
    stage.clock = FixedClock(NOON)
    return build_app(
        title="pim",
        routers=routers(database=stage.database, clock=stage.clock),
        verifier=a_verifier(KEY),
        clock=stage.clock,
        checks={},
    )


@pytest.fixture
async def olga(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """An owner who has shown a second factor."""
    async with a_client(app, Role.CLIENT_OWNER, user_id="olga", mfa_at=NOON) as client:
        yield client


@pytest.fixture
async def ada(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody who has not."""
    async with a_client(app, Role.REQUESTER, user_id="ada") as client:
        yield client


async def the_log(stage: Stage, *, tenant: str = "acme") -> list[audit.Entry]:
    """The tenant's entries, oldest first, after a look that they are whole."""
    async with stage.database.transaction(tenant) as transaction:
        assert (await audit.verify(transaction)).broken_at is None
        return (await audit.page(transaction, before=None, limit=1000))[::-1]


async def last(stage: Stage) -> audit.Entry:
    return (await the_log(stage))[-1]


async def outcomes(stage: Stage) -> list[tuple[str, str]]:
    return [(entry.action, entry.outcome) for entry in await the_log(stage)]


async def the_policy(stage: Stage, role: str) -> dict[str, Any]:
    async with stage.database.transaction("acme") as transaction:
        used = policy_of(await settings_of(transaction, role))
    return {"version": used.version, "digest": used.digest}


async def test_a_grant_says_who_gave_what_to_whom_from_where_and_why(olga: httpx.AsyncClient, stage: Stage) -> None:
    await stage.has_user()
    answer = await olga.post(f"{PIM}/eligibilities", json={"user_id": "ada", "role": ADMIN, "reason": "on call"})

    (entry,) = await the_log(stage)
    assert entry.action == "pim.eligibility.grant"
    assert (entry.actor_id, entry.target, entry.outcome) == ("olga", answer.json()["eligibility_id"], audit.DONE)
    assert (entry.at, entry.reason) == (NOON, "on call")
    assert (entry.ip, entry.session_id) == ("127.0.0.1", "s-1")
    assert entry.correlation_id == answer.headers["x-request-id"]
    assert entry.detail == {"user_id": "ada", "role": ADMIN, "starts_at": None, "ends_at": None}
    assert entry.policy == await the_policy(stage, ADMIN)


async def test_an_activation_says_under_which_policy_and_until_when(stage: Stage) -> None:
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id)

    entry = await last(stage)
    assert (entry.action, entry.target, entry.actor_id) == ("pim.activation.activate", activation.activation_id, "ada")
    assert entry.reason == JUSTIFICATION
    assert entry.policy == {"version": activation.policy.version, "digest": activation.policy.digest}
    assert entry.detail == {
        "user_id": "ada",
        "eligibility_id": eligibility.eligibility_id,
        "role": ADMIN,
        "duration_seconds": 3600,
        "ends_at": "2026-03-02T13:00:00.000000Z",
    }


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k-1"}])
async def test_a_refused_activation_is_recorded_although_the_answer_is_a_problem(
    ada: httpx.AsyncClient, stage: Stage, headers: dict[str, str]
) -> None:
    eligibility = await stage.eligible()
    body = {"eligibility_id": eligibility.eligibility_id, "justification": JUSTIFICATION}
    answer = await ada.post(f"{PIM}/activations", json=body, headers=headers)

    problem(answer, 403, "mfa-required")
    entry = await last(stage)
    assert (entry.action, entry.outcome) == ("pim.activation.activate", "mfa-required")
    assert (entry.actor_id, entry.target, entry.reason) == ("ada", eligibility.eligibility_id, JUSTIFICATION)
    assert (entry.ip, entry.session_id) == ("127.0.0.1", "s-1")
    assert entry.correlation_id == answer.headers["x-request-id"]
    assert entry.policy == await the_policy(stage, ADMIN)


async def test_a_request_that_is_sent_again_is_recorded_once(olga: httpx.AsyncClient, stage: Stage) -> None:
    await stage.has_user()
    body = {"user_id": "ada", "role": ADMIN, "reason": "on call"}
    for _ in range(3):
        answer = await olga.post(f"{PIM}/eligibilities", json=body, headers={"Idempotency-Key": "k-1"})
        assert answer.status_code == 201

    assert await outcomes(stage) == [("pim.eligibility.grant", audit.DONE)]


@pytest.mark.parametrize(
    ("path", "body", "action", "code"),
    [
        ("eligibilities", {"user_id": "olga", "role": ADMIN, "reason": "x"}, "eligibility.grant", "own-eligibility"),
        ("eligibilities", {"user_id": "no", "role": ADMIN, "reason": "x"}, "eligibility.grant", "user-not-known-yet"),
        ("eligibilities/none/revoke", {"reason": "x"}, "eligibility.revoke", "not-found"),
        ("activations/none/revoke", {"reason": "x"}, "activation.revoke", "not-found"),
        ("activations/none/withdraw", None, "activation.withdraw", "not-found"),
        ("activations", {"eligibility_id": "none", "justification": "x"}, "activation.activate", "user-not-known-yet"),
    ],
)
async def test_every_refusal_is_recorded_under_its_code(
    olga: httpx.AsyncClient, stage: Stage, path: str, body: dict[str, str] | None, action: str, code: str
) -> None:
    answer = await olga.post(f"{PIM}/{path}", json=body)

    assert answer.json()["code"] == code
    (entry,) = await the_log(stage)
    assert (entry.action, entry.outcome, entry.actor_id) == (f"pim.{action}", code, "olga")
    assert entry.target == {"activations": "none"}.get(path, (body or {}).get("user_id", "none"))


async def test_whoever_reaches_for_somebody_elses_activation_is_recorded(ada: httpx.AsyncClient, stage: Stage) -> None:
    eligibility = await stage.eligible("bo")
    activation = await stage.active(eligibility.eligibility_id, user_id="bo")

    problem(await ada.post(f"{PIM}/activations/{activation.activation_id}/withdraw"), 404, "not-found")
    entry = await last(stage)
    assert (entry.action, entry.outcome) == ("pim.activation.withdraw", "not-found")
    assert (entry.actor_id, entry.target) == ("ada", activation.activation_id)


async def test_a_security_admin_who_reaches_for_an_owners_role_is_recorded(app: FastAPI, stage: Stage) -> None:
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id)
    async with a_client(app, SECURITY, user_id="sam", mfa_at=NOON) as sam:
        for path in (f"activations/{activation.activation_id}", f"eligibilities/{eligibility.eligibility_id}"):
            problem(await sam.post(f"{PIM}/{path}/revoke", json={"reason": "mine"}), 403, "role-out-of-reach")

    ended, revoked = (await the_log(stage))[-2:]
    assert (ended.action, ended.target) == ("pim.activation.revoke", activation.activation_id)
    assert (revoked.action, revoked.target) == ("pim.eligibility.revoke", eligibility.eligibility_id)
    for entry in (ended, revoked):
        assert (entry.actor_id, entry.outcome, entry.reason) == ("sam", "role-out-of-reach", "mine")
        assert entry.detail == {"user_id": "ada", "role": ADMIN, "ended_at": None}


async def test_a_change_of_settings_says_what_was_before_and_what_was_asked_for(
    olga: httpx.AsyncClient, stage: Stage
) -> None:
    before = await the_policy(stage, ADMIN)
    wish = {"maximum_duration_seconds": 3600, "justification_length": 20, "mfa_required": True}
    weaker = wish | {"maximum_duration_seconds": 86_400}
    path = f"{PIM}/role-settings/{ADMIN}"
    assert (await olga.put(path, json=wish, headers={"If-Match": '"0"'})).status_code == 200
    problem(await olga.put(path, json=weaker, headers={"If-Match": '"1"'}), 403, "governed-action")
    problem(await olga.put(path, json=wish, headers={"If-Match": '"0"'}), 412, "version-stale")

    done, governed, stale = await the_log(stage)
    assert [entry.outcome for entry in (done, governed, stale)] == [audit.DONE, "governed-action", "version-stale"]
    assert {entry.action for entry in (done, governed, stale)} == {"pim.role_settings.change"}
    assert {entry.target for entry in (done, governed, stale)} == {ADMIN}
    assert done.policy == governed.policy == await the_policy(stage, ADMIN) != before
    assert (governed.detail["before"]["version"], governed.detail["asked"]) == (1, weaker)
    assert (done.detail["before"]["version"], done.detail["asked"]) == (0, wish)


async def test_what_the_clock_ends_nobody_decided(stage: Stage) -> None:
    eligibility = await stage.eligible(ends_at=stage.now + 2 * HOUR)
    activation = await stage.active(eligibility.eligibility_id, duration=HOUR)
    stage.clock.advance(3 * HOUR)
    await stage.sweeps()

    expired, lapsed = (await the_log(stage))[-2:]
    assert (expired.action, expired.target) == ("pim.activation.expire", activation.activation_id)
    assert (lapsed.action, lapsed.target) == ("pim.eligibility.lapse", eligibility.eligibility_id)
    assert expired.detail["ended_at"] == "2026-03-02T13:00:00.000000Z"
    for entry in (expired, lapsed):
        assert (entry.actor_id, entry.outcome, entry.at) == (None, audit.DONE, stage.now)
        assert (entry.ip, entry.session_id, entry.correlation_id) == (None, None, None)


@pytest.mark.parametrize("correlation", [None, "request-7"])
async def test_what_ends_with_a_user_names_the_deactivation_as_its_cause(stage: Stage, correlation: str | None) -> None:
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id)
    event = user_deactivated("ada", at=NOON).model_copy(update={"correlationid": correlation})
    await stage.learn(event)

    ended, taken = (await the_log(stage))[-2:]
    assert (ended.action, ended.target) == ("pim.activation.end_with_user", activation.activation_id)
    assert (taken.action, taken.target) == ("pim.eligibility.end_with_user", eligibility.eligibility_id)
    for entry in (ended, taken):
        assert (entry.actor_id, entry.outcome) == ("olga", audit.DONE)
        assert entry.correlation_id == (correlation or event.id)
        assert (entry.detail["causation_id"], entry.detail["causation_source"]) == (event.id, event.source)


async def test_ending_an_eligibility_records_what_ends_with_it(olga: httpx.AsyncClient, stage: Stage) -> None:
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id)
    answer = await olga.post(f"{PIM}/eligibilities/{eligibility.eligibility_id}/revoke", json={"reason": "left"})

    revoked, ended = (await the_log(stage))[-2:]
    assert (revoked.action, revoked.target) == ("pim.eligibility.revoke", eligibility.eligibility_id)
    assert (ended.action, ended.target) == ("pim.activation.revoke", activation.activation_id)
    assert {revoked.correlation_id, ended.correlation_id} == {answer.headers["x-request-id"]}
    assert (revoked.reason, ended.reason) == ("left", "the eligibility was revoked")


async def test_each_tenant_has_a_log_of_its_own(stage: Stage) -> None:
    for tenant in ("acme", "other"):
        assert isinstance(await stage.eligible(tenant=tenant), Eligibility)
    assert isinstance(await stage.activates((await the_log(stage))[0].target), Activation)

    assert await outcomes(stage) == [("pim.eligibility.grant", "done"), ("pim.activation.activate", "done")]
    assert [entry.action for entry in await the_log(stage, tenant="other")] == ["pim.eligibility.grant"]


async def test_the_log_is_shown_to_who_may_view_it_alone(app: FastAPI, stage: Stage) -> None:
    await stage.eligible()
    async with a_client(app, Role.CLIENT_COMPLIANCE_AUDITOR) as auditor:
        shown = (await auditor.get(f"{PIM}/audit")).json()["items"]
        whole = (await auditor.get(f"{PIM}/audit/verification")).json()
    async with a_client(app, Role.REQUESTER) as requester:
        problem(await requester.get(f"{PIM}/audit"), 403, "permission-denied")
        problem(await requester.get(f"{PIM}/audit/verification"), 403, "permission-denied")

    assert [entry["action"] for entry in shown] == ["pim.eligibility.grant"]
    assert (whole["intact"], whole["entries"], whole["head"]) == (True, 1, shown[0]["hash"])
