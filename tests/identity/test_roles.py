"""Roles over HTTP: who gives and takes which, by the matrix, with fresh MFA where it is administrative."""

from __future__ import annotations

from datetime import timedelta

import pytest
from nuxari_events.identity import RoleAssigned, RoleRevoked, TokensRevoked
from nuxari_events.roles import ADMINISTRATIVE, Role

from shared.access.permissions import assignable_by, needed_to_assign
from tests.identity.builders import DAY, HOUR
from tests.identity.web import Web
from tests.web.stage import problem

OWNER, ADMIN, SECURITY = Role.CLIENT_OWNER, Role.CLIENT_ADMIN, Role.CLIENT_SECURITY_ADMIN
REASON = {"reason": "not needed any more"}


@pytest.mark.parametrize("caller_role", Role)
async def test_each_role_gives_and_takes_the_roles_that_the_matrix_says_and_no_other(
    web: Web, caller_role: Role
) -> None:
    await web.stage.an_owner()
    target = await web.stage.a_person("target", enrolled=False)
    _, caller = await web.somebody("caller", caller_role)
    roles = f"{web.user(target)}/roles"
    for role in Role:
        given = await web.post(roles, {"role": role}, by=caller)
        if role in assignable_by(caller_role):
            assert given.status_code == 201, given.text
            assert (given.json()["role"], given.json()["origin"]) == (role, "direct")
            taken = await web.post(f"{roles}/{role}/revoke", REASON, by=caller)
            assert taken.status_code == 200, taken.text
            assert taken.json()["ended_at"]
        else:
            needed = needed_to_assign(role) if assignable_by(caller_role) else "role.assign.other"
            assert problem(given, 403, "permission-denied")["permission"] == needed
            taken = await web.post(f"{roles}/{role}/revoke", REASON, by=caller)
            assert problem(taken, 403, "permission-denied")["permission"] == needed
    changes = [e.data.role for e in await web.stage.announced_of(RoleAssigned) if e.subject == target.user_id]
    assert changes == [role for role in Role if role in assignable_by(caller_role)]


@pytest.mark.parametrize(
    ("caller_role", "role"),
    [(giver, role) for giver in (OWNER, ADMIN) for role in Role if role in assignable_by(giver)],
)
async def test_an_administrative_role_takes_fresh_mfa_to_give_and_none_to_take(
    web: Web, caller_role: Role, role: Role
) -> None:
    owner = await web.stage.an_owner()
    target = await web.stage.a_person("target", enrolled=False)
    _, caller = await web.somebody("caller", caller_role, enrolled=False)
    given = await web.post(f"{web.user(target)}/roles", {"role": role}, by=caller)
    if role in ADMINISTRATIVE:
        assert problem(given, 403, "mfa-required")["max_age"] == 900
        await web.stage.assigns(owner, target, role)
    else:
        assert given.status_code == 201
    assert (await web.post(f"{web.user(target)}/roles/{role}/revoke", REASON, by=caller)).status_code == 200


async def test_mfa_that_was_shown_too_long_ago_is_shown_again_and_then_it_works(web: Web) -> None:
    owner, _ = await web.an_owner()
    target = await web.stage.a_person("target", enrolled=False)
    grant = await web.stage.signs_in(owner)
    web.stage.clock.advance(timedelta(minutes=15))
    old = web.header(await web.stage.refreshes(grant.refresh))  # type: ignore[arg-type]
    refused = await web.post(f"{web.user(target)}/roles", {"role": ADMIN}, by=old)
    problem(refused, 403, "mfa-required")
    raised = await web.post(f"{web.tenant}/me/mfa", {"code": owner.code(web.stage.now)}, by=old)
    fresh = {"Authorization": f"Bearer {raised.json()['access_token']}"}

    assert raised.json()["refresh_token"] is None
    assert (await web.post(f"{web.user(target)}/roles", {"role": ADMIN}, by=fresh)).status_code == 201


async def test_nobody_gives_themselves_a_role(web: Web) -> None:
    owner, by = await web.an_owner()

    refused = await web.post(f"{web.user(owner)}/roles", {"role": Role.APPROVER}, by=by)
    problem(refused, 403, "own-role")


async def test_a_role_is_held_and_listed_until_its_end(web: Web) -> None:
    _, by = await web.an_owner()
    target = await web.stage.a_person("target", Role.REQUESTER, enrolled=False)
    ends_at = web.stage.now + 2 * HOUR
    given = await web.post(f"{web.user(target)}/roles", {"role": Role.APPROVER, "ends_at": ends_at.isoformat()}, by=by)
    assert given.status_code == 201
    listed = (await web.get(f"{web.user(target)}/roles", by=by)).json()["items"]
    assert [(one["role"], one["ends_at"] is None) for one in listed] == [("approver", False), ("requester", True)]
    grant = await web.stage.signs_in(target)
    assert grant.claims.roles[Role.APPROVER] == ends_at
    web.stage.clock.advance(2 * HOUR)
    await web.stage.sweeps()

    again = await web.token_of(await web.stage.an_owner("otto"))
    listed = (await web.get(f"{web.user(target)}/roles", by=again)).json()["items"]
    assert [one["role"] for one in listed] == ["requester"]
    (ended,) = [e for e in await web.stage.announced_of(RoleRevoked) if e.subject == target.user_id]
    assert (ended.time, ended.actorid, ended.data.role) == (ends_at, None, "approver")
    assert set((await web.stage.signs_in(target)).claims.roles) == {Role.REQUESTER}


@pytest.mark.parametrize("later", [timedelta(), -HOUR, 400 * DAY])
async def test_an_end_in_the_past_or_beyond_a_year_is_refused(web: Web, later: timedelta) -> None:
    _, by = await web.an_owner()
    target = await web.stage.a_person("target", enrolled=False)
    body = {"role": Role.APPROVER, "ends_at": (web.stage.now + later).isoformat()}

    problem(await web.post(f"{web.user(target)}/roles", body, by=by), 422, "bad-end")


async def test_a_role_is_given_once_and_taken_once(web: Web) -> None:
    _, by = await web.an_owner()
    target = await web.stage.a_person("target", enrolled=False)
    roles = f"{web.user(target)}/roles"
    assert (await web.post(roles, {"role": Role.APPROVER}, by=by)).status_code == 201
    problem(await web.post(roles, {"role": Role.APPROVER}, by=by), 409, "already-held")
    assert (await web.post(f"{roles}/approver/revoke", REASON, by=by)).status_code == 200
    problem(await web.post(f"{roles}/approver/revoke", REASON, by=by), 409, "not-held")


async def test_a_lost_role_voids_the_token_at_once_and_the_next_one_lacks_it(web: Web) -> None:
    _, by = await web.an_owner()
    target = await web.stage.a_person("target", ADMIN)
    grant = await web.stage.signs_in(target)
    theirs = web.header(grant)
    assert (await web.get(f"{web.tenant}/users", by=theirs)).status_code == 200
    assert (await web.post(f"{web.user(target)}/roles/{ADMIN}/revoke", REASON, by=by)).status_code == 200

    problem(await web.get(f"{web.tenant}/users", by=theirs), 401, "token-revoked")
    (mark,) = await web.stage.announced_of(TokensRevoked)
    assert (mark.data.user_id, mark.data.session_id, mark.data.reason) == (target.user_id, None, "roles_changed")
    following = await web.post("/v1/sessions/refresh", {"refresh_token": str(grant.refresh)})
    assert following.json()["roles"] == [Role.READONLY_VIEWER]
    theirs = {"Authorization": f"Bearer {following.json()['access_token']}"}
    problem(await web.get(f"{web.tenant}/users", by=theirs), 403, "permission-denied")


async def test_a_security_admin_is_one_from_the_moment_a_factor_is_enrolled(web: Web) -> None:
    await web.stage.an_owner()
    sam, without = await web.somebody("sam", SECURITY, enrolled=False)
    problem(await web.get(f"{web.tenant}/identity/audit", by=without), 403, "permission-denied")
    await web.stage.enrols(sam)

    assert (await web.get(f"{web.tenant}/identity/audit", by=await web.token_of(sam))).status_code == 200


async def test_an_admin_does_not_deactivate_an_owner_and_an_owner_does(web: Web) -> None:
    _, by_owner = await web.an_owner()
    otto = await web.stage.a_person("otto", OWNER)
    _, by_admin = await web.somebody("adam", ADMIN)

    problem(await web.post(f"{web.user(otto)}/deactivate", REASON, by=by_admin), 403, "role-out-of-reach")
    assert (await web.post(f"{web.user(otto)}/deactivate", REASON, by=by_owner)).json()["status"] == "deactivated"


async def test_an_admin_deactivates_whom_the_matrix_lets_an_admin_revoke(web: Web) -> None:
    await web.stage.an_owner()
    _, by_admin = await web.somebody("adam", ADMIN)
    sam, other_admin = await web.stage.a_person("sam", SECURITY), await web.stage.a_person("amy", ADMIN)

    assert (await web.post(f"{web.user(sam)}/deactivate", REASON, by=by_admin)).status_code == 200
    problem(await web.post(f"{web.user(other_admin)}/deactivate", REASON, by=by_admin), 403, "role-out-of-reach")


async def test_nobody_deactivates_themselves_and_the_last_owner_stays(web: Web) -> None:
    owner, by = await web.an_owner()
    otto, by_otto = await web.somebody("otto", OWNER, enrolled=False)

    problem(await web.post(f"{web.user(otto)}/deactivate", REASON, by=by_otto), 403, "own-account")
    problem(await web.post(f"{web.user(owner)}/deactivate", REASON, by=by_otto), 409, "last-owner")
    problem(await web.post(f"{web.user(owner)}/roles/{OWNER}/revoke", REASON, by=by), 409, "last-owner")
