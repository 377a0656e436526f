"""One-time links: they work once, for three days, until a newer one, and for whoever may give what they carry."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from nuxari_events.identity import RoleAssigned, UserActivated, UserInvited
from nuxari_events.roles import ADMINISTRATIVE, Role

from services.identity.domain.credentials import INVITATION, Ticket, new_ticket
from services.identity.domain.errors import Refusal
from services.identity.domain.model import User
from services.identity.service.invitations import NO_SUCH_LINK, Invited
from shared.access.permissions import assignable_by
from tests.identity.builders import DAY, PASSWORD, SECOND
from tests.identity.stage import Stage
from tests.identity.web import Web
from tests.web.stage import problem

OWNER, ADMIN = Role.CLIENT_OWNER, Role.CLIENT_ADMIN


async def invited(stage: Stage, name: str = "ida", *roles: Role) -> Invited:
    decision = await stage.invites(f"{name}@acme.example", *(roles or (Role.REQUESTER,)))
    assert isinstance(decision, Invited), decision
    return decision


async def accept(web: Web, token: object, password: str = PASSWORD) -> httpx.Response:
    return await web.post("/v1/invitations/accept", {"invitation_token": str(token), "password": password})


async def invite(web: Web, by: dict[str, str], *roles: Role, email: str = "ida@acme.example", **headers: str) -> Any:
    return await web.post(f"{web.tenant}/users", {"email": email, "roles": list(roles)}, by=by, **headers)


async def test_an_invited_person_accepts_and_signs_in_with_the_roles_that_were_given(web: Web) -> None:
    _, by = await web.an_owner()
    answer = await invite(web, by, Role.APPROVER, Role.REQUESTER, email=" Ida@ACME.example ")
    assert answer.status_code == 201
    assert (answer.json()["user"]["status"], answer.json()["user"]["email"]) == ("invited", "ida@acme.example")
    accepted = await accept(web, answer.json()["invitation_token"])
    assert (accepted.status_code, accepted.json()["status"]) == (201, "active")

    signed_in = await web.signs_in("ida@acme.example", PASSWORD)
    assert (signed_in.status_code, signed_in.json()["roles"]) == (201, ["approver", "requester"])


async def test_before_accepting_nobody_signs_in(web: Web) -> None:
    await web.stage.an_owner()
    await invited(web.stage)

    problem(await web.signs_in("ida@acme.example", PASSWORD), 401, "credentials-wrong")


async def test_a_link_works_once(web: Web) -> None:
    await web.stage.an_owner()
    link = (await invited(web.stage)).link
    assert (await accept(web, link)).status_code == 201

    problem(await accept(web, link, "another good password"), 410, "link-invalid")
    assert (await web.signs_in("ida@acme.example", PASSWORD)).status_code == 201


@pytest.mark.parametrize(("after", "works"), [(3 * DAY - SECOND, True), (3 * DAY, False)])
async def test_a_link_works_for_72_hours(stage: Stage, after: timedelta, works: bool) -> None:  # noqa: FBT001
    invitation = await invited(stage)
    assert invitation.expires_at == stage.now + 3 * DAY
    stage.clock.advance(after)

    assert isinstance(await stage.accepts(invitation.link), User) == works


async def test_a_newer_link_replaces_the_one_before(web: Web) -> None:
    _, by = await web.an_owner()
    first = await invited(web.stage)
    again = await web.post(f"{web.user(first.user.user_id)}/invitation", by=by)
    assert again.status_code == 201

    problem(await accept(web, first.link), 410, "link-invalid")
    assert (await accept(web, again.json()["invitation_token"])).status_code == 201
    problem(await web.post(f"{web.user(first.user.user_id)}/invitation", by=by), 409, "not-invited")


async def test_of_many_who_use_a_link_at_once_one_becomes_the_user(stage: Stage) -> None:
    for number in range(10):
        link = (await invited(stage, f"i{number}")).link
        decisions = await asyncio.gather(*(stage.accepts(link) for _ in range(4)))

        assert sum(isinstance(decision, User) for decision in decisions) == 1
        assert decisions.count(NO_SUCH_LINK) == 3
    assert len(await stage.announced_of(UserActivated)) == 10


async def test_a_link_and_its_replacement_at_once_leave_one_way_in(stage: Stage) -> None:
    from services.identity.service import invitations

    for number in range(10):
        first = await invited(stage, f"i{number}")

        async def again(user_id: str = first.user.user_id) -> Invited | Refusal:
            async with stage.transaction() as transaction:
                return await invitations.invite_again(
                    transaction, user_id, has_fresh_mfa=True, acting=stage.acting(None), at=stage.now
                )

        accepted, replaced = await asyncio.gather(stage.accepts(first.link), again())
        assert isinstance(accepted, User) != isinstance(replaced, Invited)


async def test_a_deactivated_users_link_works_no_more_also_after_coming_back(web: Web) -> None:
    _, by = await web.an_owner()
    invitation = await invited(web.stage)
    user = web.user(invitation.user.user_id)
    assert (await web.post(f"{user}/deactivate", {"reason": "wrong person"}, by=by)).status_code == 200
    problem(await accept(web, invitation.link), 410, "link-invalid")
    problem(await web.post(f"{user}/invitation", by=by), 409, "not-invited")
    back = await web.post(f"{user}/reactivate", {"reason": "right after all"}, by=by)
    assert back.json()["status"] == "invited"

    problem(await accept(web, invitation.link), 410, "link-invalid")
    again = await web.post(f"{user}/invitation", by=by)
    assert (await accept(web, again.json()["invitation_token"])).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        lambda link: Ticket(link.kind, link.tenant_id, link.entity_id, "A" * 43),
        lambda link: Ticket(link.kind, "another-tenant", link.entity_id, link.secret),
        lambda link: new_ticket(INVITATION, tenant_id=link.tenant_id, entity_id=link.entity_id[:-4] + "0000"),
        lambda link: Ticket("nxr", link.tenant_id, link.entity_id, link.secret),
        lambda link: str(link)[:-1],
        lambda _: "nonsense",
    ],
)
async def test_a_link_that_is_not_ours_is_answered_as_one_that_was_used(web: Web, change: Any) -> None:
    await web.stage.an_owner()
    link = (await invited(web.stage)).link

    problem(await accept(web, change(link)), 410, "link-invalid")
    assert (await accept(web, link)).status_code == 201


@pytest.mark.parametrize(
    ("password", "code"),
    [
        ("short", "password-too-short"),
        ("aaaaaaaaaaaaaa", "password-too-simple"),
        ("i am isabella!!", "password-too-simple"),
        ("long enough " * 30, "password-too-long"),
    ],
)
async def test_a_weak_password_is_refused_and_the_link_still_works(web: Web, password: str, code: str) -> None:
    await web.stage.an_owner()
    link = (await invited(web.stage, "isabella")).link

    problem(await accept(web, link, password), 422, code)
    assert (await accept(web, link)).status_code == 201


async def test_an_address_is_invited_once(web: Web) -> None:
    owner, by = await web.an_owner()
    assert (await invite(web, by, Role.REQUESTER)).status_code == 201

    for email in ("ida@acme.example", "IDA@acme.example", owner.email):
        problem(await invite(web, by, Role.REQUESTER, email=email), 409, "already-a-user")
    problem(await invite(web, by, Role.REQUESTER, email="no address"), 422, "bad-email")


async def test_of_many_invitations_of_one_address_at_once_one_is_made(stage: Stage) -> None:
    decisions = await asyncio.gather(*(stage.invites("ida@acme.example", Role.REQUESTER) for _ in range(8)))

    assert sum(isinstance(decision, Invited) for decision in decisions) == 1
    mine = [event for event in await stage.announced_of(UserInvited) if event.data.email == "ida@acme.example"]
    assert len(mine) == 1


@pytest.mark.parametrize("caller_role", Role)
async def test_an_invitation_carries_only_roles_that_its_maker_may_assign(web: Web, caller_role: Role) -> None:
    await web.stage.an_owner()
    _, by = await web.somebody("caller", caller_role)
    for number, role in enumerate(Role):
        answer = await invite(web, by, Role.REQUESTER, role, email=f"i{number}@acme.example")
        if role in assignable_by(caller_role):
            assert answer.status_code == 201, answer.text
        else:
            problem(answer, 403, "permission-denied")
    carried = {e.data.role for e in await web.stage.announced_of(RoleAssigned) if e.actorid != "platform"}
    assert carried == set(assignable_by(caller_role))


@pytest.mark.parametrize("role", Role)
async def test_an_administrative_role_takes_fresh_mfa_to_invite_with(web: Web, role: Role) -> None:
    await web.stage.an_owner()
    _, by = await web.somebody("otto", OWNER, enrolled=False)
    answer = await invite(web, by, role)

    if role in ADMINISTRATIVE:
        problem(answer, 403, "mfa-required")
    else:
        assert answer.status_code == 201


async def test_nobody_gets_a_new_link_to_an_account_with_roles_beyond_their_reach(web: Web) -> None:
    """The link is shown to whoever asks for it, who could become an owner with it."""
    _, by_owner = await web.an_owner()
    _, by_admin = await web.somebody("adam", ADMIN)
    for role in (OWNER, ADMIN):
        new = await invited(web.stage, f"new-{role.value.replace('_', '-')}", role)
        again = f"{web.user(new.user.user_id)}/invitation"
        problem(await web.post(again, by=by_admin), 403, "role-out-of-reach")
        assert (await web.get(web.user(new.user.user_id), by=by_admin)).json()["status"] == "invited"
        assert (await web.post(again, by=by_owner)).status_code == 201


async def test_a_new_link_to_an_account_with_an_administrative_role_takes_fresh_mfa(web: Web) -> None:
    await web.stage.an_owner()
    _, by = await web.somebody("otto", OWNER, enrolled=False)
    sam, rita = await invited(web.stage, "sam", Role.CLIENT_SECURITY_ADMIN), await invited(web.stage, "rita")

    problem(await web.post(f"{web.user(sam.user.user_id)}/invitation", by=by), 403, "mfa-required")
    assert (await web.post(f"{web.user(rita.user.user_id)}/invitation", by=by)).status_code == 201


async def test_an_invited_user_gets_no_administrative_role_by_assignment(web: Web) -> None:
    """Whoever invited them has the link and might accept in their place."""
    _, by = await web.an_owner()
    new = await invited(web.stage)
    roles = f"{web.user(new.user.user_id)}/roles"
    problem(await web.post(roles, {"role": OWNER}, by=by), 409, "user-not-active")
    assert (await web.post(roles, {"role": Role.APPROVER}, by=by)).status_code == 201
    await accept(web, new.link)

    assert (await web.post(roles, {"role": OWNER}, by=by)).status_code == 201


async def test_the_first_owner_of_a_tenant_accepts_enrols_and_owns_it(web: Web) -> None:
    new = await web.stage.found()
    assert (await accept(web, new.link)).status_code == 201
    first = (await web.signs_in(new.owner.email, PASSWORD)).json()
    assert first["roles"] == [OWNER]
    by = {"Authorization": f"Bearer {first['access_token']}"}

    assert (await web.get(f"{web.tenant}/me", by=by)).json()["mfa_enrolled"] is False
    problem(
        await web.post(f"{web.tenant}/users", {"email": "a@acme.example", "roles": [ADMIN]}, by=by), 403, "mfa-required"
    )
