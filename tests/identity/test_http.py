"""The HTTP interface as a caller sees it: what is answered, how often one may try, and what is done once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx
import pytest
from nuxari_events.identity import UserDeactivated, UserInvited
from nuxari_events.roles import Role

from services.identity.authenticator import STEP
from tests.identity.builders import MINUTE, PASSWORD
from tests.identity.stage import Person
from tests.identity.web import Web
from tests.web.stage import problem

REASON = {"reason": "left"}
NEW_PASSWORD = "a quite different one"


async def accepted(web: Web, name: str = "ida", *roles: Role) -> Person:
    """Somebody who chose a password over HTTP."""
    invited = await web.stage.invites(f"{name}@acme.example", *(roles or (Role.REQUESTER,)))
    body = {"invitation_token": str(invited.link), "password": PASSWORD}  # type: ignore[union-attr]
    answer = await web.post("/v1/invitations/accept", body)
    assert answer.status_code == 201, answer.text
    return Person(answer.json()["user_id"], answer.json()["email"])


async def begun(web: Web, person: Person) -> dict[str, Any]:
    """The tokens of a new session."""
    code = person.code(web.stage.now + MINUTE) if person.secret else None
    answer = await web.signs_in(person.email, PASSWORD, code=code)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def bearer(tokens: dict[str, Any]) -> dict[str, str]:
    return {"Authorization": f"Bearer {tokens['access_token']}"}


async def enrolled(web: Web, person: Person, by: dict[str, str]) -> httpx.Response:
    """Enrol an authenticator over HTTP; the answer has the recovery codes."""
    factor = (await web.post(f"{web.tenant}/me/factors/totp", by=by)).json()
    person.secret = factor["secret"]
    assert f"secret={person.secret}" in factor["uri"]
    confirm = f"{web.tenant}/me/factors/{factor['factor_id']}/confirm"
    problem(await web.post(confirm, {"code": "000000"}, by=by), 422, "code-wrong")
    return await web.post(confirm, {"code": person.code(web.stage.now)}, by=by)


@pytest.fixture
async def tenant(web: Web) -> Web:
    """The service with a tenant in it."""
    await web.stage.found()
    return web


async def test_a_user_signs_in_enrols_raises_the_session_and_signs_out(tenant: Web) -> None:
    web, ida = tenant, await accepted(tenant)
    tokens = await begun(web, ida)
    assert (tokens["token_type"], tokens["expires_in"], tokens["user_id"]) == ("Bearer", 300, ida.user_id)
    codes = (await enrolled(web, ida, bearer(tokens))).json()["recovery_codes"]
    assert len(set(codes)) == 10
    tokens = (await web.post("/v1/sessions/refresh", {"refresh_token": tokens["refresh_token"]})).json()
    me = (await web.get(f"{web.tenant}/me", by=bearer(tokens))).json()
    assert (me["mfa_enrolled"], me["mfa_fresh"], me["roles"]) == (True, True, ["requester"])
    problem(await web.signs_in(ida.email, PASSWORD), 401, "code-needed")
    second = (await web.signs_in(ida.email, PASSWORD, code=codes[0].lower())).json()
    shown = (await web.get(f"{web.tenant}/me/sessions", by=bearer(tokens))).json()["items"]
    assert [(one["session_id"], one["is_this"]) for one in shown] == [
        (second["session_id"], False),
        (tokens["session_id"], True),
    ]
    ended = await web.post(f"{web.tenant}/me/sessions/{second['session_id']}/end", by=bearer(tokens))
    assert ended.status_code == 200
    problem(await web.get(f"{web.tenant}/me", by=bearer(second)), 401, "token-revoked")
    assert (await web.get(f"{web.tenant}/me", by=bearer(tokens))).status_code == 200


async def test_an_authenticator_is_enrolled_once(tenant: Web) -> None:
    web, ida = tenant, await accepted(tenant)
    by = bearer(await begun(web, ida))
    pending = (await web.post(f"{web.tenant}/me/factors/totp", by=by)).json()["factor_id"]
    assert (await enrolled(web, ida, by)).status_code == 200

    problem(await web.post(f"{web.tenant}/me/factors/totp", by=by), 409, "already-enrolled")
    confirm = {"code": ida.code(web.stage.now)}
    problem(await web.post(f"{web.tenant}/me/factors/{pending}/confirm", confirm, by=by), 404, "not-found")


async def test_nobody_confirms_an_authenticator_of_somebody_else(tenant: Web) -> None:
    web, ida = tenant, await accepted(tenant)
    factor = (await web.post(f"{web.tenant}/me/factors/totp", by=bearer(await begun(web, ida)))).json()
    ida.secret = factor["secret"]
    eve = bearer(await begun(web, await accepted(web, "eve")))
    confirm = {"code": ida.code(web.stage.now)}

    problem(await web.post(f"{web.tenant}/me/factors/{factor['factor_id']}/confirm", confirm, by=eve), 404, "not-found")
    assert not (await web.stage.user(ida)).has_factor


async def test_wrong_codes_at_enrolment_lock_the_account(tenant: Web) -> None:
    web, ida = tenant, await accepted(tenant)
    by = bearer(await begun(web, ida))
    factor = (await web.post(f"{web.tenant}/me/factors/totp", by=by)).json()
    confirm = f"{web.tenant}/me/factors/{factor['factor_id']}/confirm"
    for _ in range(5):
        problem(await web.post(confirm, {"code": "000000"}, by=by), 422, "code-wrong")
    ida.secret = factor["secret"]

    problem(await web.post(confirm, {"code": ida.code(web.stage.now)}, by=by), 403, "account-locked")


async def test_a_password_is_replaced_with_the_current_one_and_other_sessions_end(tenant: Web) -> None:
    web, ida = tenant, await accepted(tenant)
    this, other = await begun(web, ida), await begun(web, ida)
    change = f"{web.tenant}/me/password"
    wrong = {"current_password": NEW_PASSWORD, "new_password": NEW_PASSWORD}
    right = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
    problem(await web.post(change, wrong, by=bearer(this)), 403, "password-wrong")
    problem(await web.post(change, right | {"new_password": "short"}, by=bearer(this)), 422, "password-too-short")
    assert (await web.post(change, right, by=bearer(this))).status_code == 204

    problem(await web.get(f"{web.tenant}/me", by=bearer(other)), 401, "token-revoked")
    assert (await web.get(f"{web.tenant}/me", by=bearer(this))).status_code == 200
    problem(await web.signs_in(ida.email, PASSWORD), 401, "credentials-wrong")
    assert (await web.signs_in(ida.email, NEW_PASSWORD)).status_code == 201


async def test_what_is_wrong_at_the_door_has_one_answer_to_the_byte(tenant: Web) -> None:
    web, ida = tenant, await accepted(tenant)
    answers = [await web.signs_in(ida.email, NEW_PASSWORD), await web.signs_in("nobody@acme.example", PASSWORD)]
    answers.append(await web.signs_in("no address at all", PASSWORD))
    web.stage.clock.advance(MINUTE)
    body = {"email": ida.email, "password": PASSWORD}
    answers.append(await web.client.post("/v1/tenants/no-such-tenant/sessions", json=body))
    answers += [await web.signs_in(ida.email, NEW_PASSWORD) for _ in range(4)]
    answers.append(await web.signs_in(ida.email, PASSWORD))

    assert {answer.content for answer in answers} == {answers[0].content}
    problem(answers[0], 401, "credentials-wrong")


@pytest.mark.parametrize("token", ["", "nonsense", "nxr.acme.019ca000-0000-7000-8000-000000000001." + "A" * 43])
async def test_a_refresh_token_that_is_none_is_401(tenant: Web, token: str) -> None:
    problem(await tenant.post("/v1/sessions/refresh", {"refresh_token": token}), 401, "refresh-token-invalid")


async def test_a_used_refresh_token_ends_the_session_over_http_too(tenant: Web) -> None:
    web, tokens = tenant, await begun(tenant, await accepted(tenant))
    used = {"refresh_token": tokens["refresh_token"]}
    following = (await web.post("/v1/sessions/refresh", used)).json()
    problem(await web.post("/v1/sessions/refresh", used), 401, "refresh-token-invalid")

    problem(await web.get(f"{web.tenant}/me", by=bearer(following)), 401, "token-revoked")
    problem(
        await web.post("/v1/sessions/refresh", {"refresh_token": following["refresh_token"]}),
        401,
        "refresh-token-invalid",
    )


async def test_more_than_ten_tries_at_an_account_are_429_with_a_time_to_wait(tenant: Web) -> None:
    web, sessions = tenant, f"{tenant.tenant}/sessions"
    ida, body = await accepted(web), {"email": "Ida@acme.example", "password": PASSWORD}
    answers = [
        await web.client.post(sessions, json=body | {"email": f"nobody@acme.example{' ' * n}"}) for n in range(11)
    ]
    assert [answer.status_code for answer in answers] == [401] * 10 + [429]
    problem(answers[-1], 429, "too-many-requests")
    assert answers[-1].headers["retry-after"] == "6"

    assert (await web.client.post(sessions, json=body)).json()["user_id"] == ida.user_id
    web.stage.clock.advance(timedelta(seconds=6))
    assert (await web.client.post(sessions, json=body | {"email": "nobody@acme.example"})).status_code == 401


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/sessions/refresh", {"refresh_token": "nonsense"}, 401),
        ("/v1/invitations/accept", {"invitation_token": "nonsense", "password": PASSWORD}, 410),
    ],
)
async def test_one_address_tries_sixty_times_at_once_and_another_one_is_let_in(
    tenant: Web, path: str, body: dict[str, str], status: int
) -> None:
    answers = [await tenant.client.post(path, json=body) for _ in range(61)]
    assert [answer.status_code for answer in answers] == [status] * 60 + [429]
    assert answers[-1].headers["retry-after"] == "1"
    elsewhere = httpx.ASGITransport(tenant.client._transport.app, client=("198.51.100.9", 1))  # type: ignore[attr-defined]
    async with httpx.AsyncClient(transport=elsewhere, base_url="http://identity") as other:
        assert (await other.post(path, json=body)).status_code == status
    tenant.stage.clock.advance(timedelta(seconds=1))

    assert (await tenant.client.post(path, json=body)).status_code == status


async def test_guesses_at_the_own_factor_are_limited_too(tenant: Web) -> None:
    web, ida = tenant, await accepted(tenant)
    by = bearer(await begun(web, ida))
    answers = [await web.client.post(f"{web.tenant}/me/mfa", json={"code": "000000"}, headers=by) for _ in range(11)]

    assert [answer.status_code for answer in answers] == [409] * 10 + [429]


async def test_an_invitation_that_is_sent_again_is_made_once_and_its_secret_shown_once(web: Web) -> None:
    _, by = await web.an_owner()
    body = {"email": "ida@acme.example", "roles": ["requester"]}
    first = await web.post(f"{web.tenant}/users", body, by=by, Idempotency_Key="k-1")
    assert first.status_code == 201
    again = await web.post(f"{web.tenant}/users", body, by=by, Idempotency_Key="k-1")

    problem(again, 409, "answer-not-repeated")
    assert first.json()["invitation_token"] not in again.text
    assert len([e for e in await web.stage.announced_of(UserInvited) if e.data.email == body["email"]]) == 1
    other = await web.post(f"{web.tenant}/users", body | {"roles": ["approver"]}, by=by, Idempotency_Key="k-1")
    problem(other, 422, "idempotency-key-reused")


async def test_a_deactivation_that_is_sent_again_is_answered_again_and_done_once(web: Web) -> None:
    _, by = await web.an_owner()
    user = web.user(await web.stage.a_person("ida", enrolled=False))
    answers = [await web.post(f"{user}/deactivate", REASON, by=by, Idempotency_Key="k-2") for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert len({answer.content for answer in answers}) == 1
    assert len(await web.stage.announced_of(UserDeactivated)) == 1
    problem(await web.post(f"{user}/deactivate", REASON, by=by), 409, "already-deactivated")


async def test_a_user_is_deactivated_reactivated_unlocked_and_signed_out(web: Web) -> None:
    _, by = await web.an_owner()
    ida = await accepted(web)
    user, tokens = web.user(ida), await begun(web, ida)
    assert (await web.post(f"{user}/sign-out", REASON, by=by)).json()["status"] == "active"
    problem(await web.get(f"{web.tenant}/me", by=bearer(tokens)), 401, "token-revoked")
    assert (await web.post(f"{user}/deactivate", REASON, by=by)).json()["status"] == "deactivated"
    problem(await web.signs_in(ida.email, PASSWORD), 401, "credentials-wrong")
    assert (await web.post(f"{user}/reactivate", REASON, by=by)).json()["status"] == "active"
    problem(await web.post(f"{user}/reactivate", REASON, by=by), 409, "not-deactivated")
    assert (await begun(web, ida))["roles"] == ["readonly_viewer"]
    for _ in range(5):
        await web.stage.tries(ida.email, right=False)
    assert (await web.get(user, by=by)).json()["locked_until"]
    unlocked = await web.post(f"{user}/unlock", by=by)

    assert unlocked.json()["locked_until"] is None
    assert (await begun(web, ida))["user_id"] == ida.user_id


async def test_users_are_listed_page_by_page_and_found_by_address_and_status(web: Web) -> None:
    owner, by = await web.an_owner()
    for name in ("ada", "bo", "cy"):
        await web.stage.a_person(name, enrolled=False)
    users, seen, cursor = f"{web.tenant}/users", list[str](), None
    while True:
        page = (await web.get(users, by=by, limit=2, **({"cursor": cursor} if cursor else {}))).json()
        seen += [user["email"].partition("@")[0] for user in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert seen == ["olga", "ada", "bo", "cy"]
    found = (await web.get(users, by=by, email=" ADA@acme.example")).json()["items"]
    assert [user["email"] for user in found] == ["ada@acme.example"]
    assert (await web.get(users, by=by, email="no address")).json()["items"] == []
    assert (await web.get(users, by=by, status="invited")).json()["items"] == []
    assert (await web.get(web.user(owner), by=by)).json()["mfa_enrolled"] is True


ABOUT_A_USER = [
    ("GET", "", None),
    ("GET", "/roles", None),
    ("POST", "/roles", {"role": "approver"}),
    ("POST", "/roles/approver/revoke", REASON),
    ("POST", "/deactivate", REASON),
    ("POST", "/reactivate", REASON),
    ("POST", "/unlock", None),
    ("POST", "/sign-out", REASON),
    ("POST", "/invitation", None),
]


@pytest.mark.parametrize(("method", "path", "body"), ABOUT_A_USER)
async def test_a_user_of_another_tenant_is_not_there_on_either_path(
    web: Web, method: str, path: str, body: dict[str, str] | None
) -> None:
    await web.stage.an_owner()
    theirs, elsewhere = await web.stage.a_person("ada", Role.APPROVER), web.stage.tenant
    before = (await web.stage.user(theirs), len(await web.stage.announced()))
    web.stage.tenant = ""
    _, by = await web.an_owner("gus")
    for tenant in (web.stage.tenant, elsewhere):
        answer = await web.client.request(
            method, f"/v1/tenants/{tenant}/users/{theirs.user_id}{path}", json=body, headers=by
        )
        problem(answer, 404, "not-found")
    web.stage.tenant = elsewhere

    assert (await web.stage.user(theirs), len(await web.stage.announced())) == before


async def test_the_same_address_in_two_tenants_is_two_users(web: Web) -> None:
    await web.stage.found()
    ours = await accepted(web)
    first, web.stage.tenant = web.stage.tenant, ""
    await web.stage.found("Globex")
    await web.stage.invites(ours.email, Role.APPROVER)

    problem(await web.signs_in(ours.email, PASSWORD), 401, "credentials-wrong")
    web.stage.tenant = first
    assert (await begun(web, ours))["tenant_id"] == first


async def test_the_published_keys_are_public_and_nothing_more(web: Web) -> None:
    answer = await web.client.get("/.well-known/jwks.json")

    assert answer.status_code == 200
    (key,) = answer.json()["keys"]
    assert set(key) == {"kty", "crv", "x", "kid", "use", "alg"}
    assert key["kid"] == web.keys.signing.kid


async def test_an_expired_token_is_refused_and_a_refreshed_one_is_not(tenant: Web) -> None:
    web, tokens = tenant, await begun(tenant, await accepted(tenant))
    web.stage.clock.advance(timedelta(minutes=5))
    problem(await web.get(f"{web.tenant}/me", by=bearer(tokens)), 401, "token-expired")
    again = (await web.post("/v1/sessions/refresh", {"refresh_token": tokens["refresh_token"]})).json()

    assert (await web.get(f"{web.tenant}/me", by=bearer(again))).status_code == 200


async def test_a_long_user_agent_is_kept_in_part(tenant: Web) -> None:
    web, ida = tenant, await accepted(tenant)
    body = {"email": ida.email, "password": PASSWORD}
    await web.post(f"{web.tenant}/sessions", body, User_Agent="x" * 10_000)

    (row,) = await web.stage.rows("select user_agent from session where user_id = $1", ida.user_id)
    assert row["user_agent"] == "x" * 512


async def test_a_code_of_the_step_before_still_counts(tenant: Web) -> None:
    web, ida = tenant, await accepted(tenant)
    await enrolled(web, ida, bearer(await begun(web, ida)))
    web.stage.clock.advance(10 * STEP)
    code = ida.code(web.stage.now + MINUTE - STEP)

    assert (await web.signs_in(ida.email, PASSWORD, code=code)).status_code == 201
