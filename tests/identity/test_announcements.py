"""Each change announces what it is, about whom, by whom and for which request; and is kept in the log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from nuxari_events.access import SignInCompleted, SignInFlow
from nuxari_events.envelope import Event
from nuxari_events.identity import RoleRevoked, TenantCreated, TokensRevoked, UserDeactivated, UserInvited
from nuxari_events.roles import Role

from tests.identity.builders import HOUR, PASSWORD, role_activated
from tests.identity.stage import Person
from tests.identity.test_http import accepted, bearer, begun, enrolled
from tests.identity.web import Web
from tests.web.stage import problem

REASON = {"reason": "left the company"}


@dataclass
class Office:
    """An owner, and somebody to be decided about, who is signed in."""

    web: Web
    owner: Person
    by: dict[str, str]
    ada: Person
    ada_by: dict[str, str]
    seen: int = 0

    async def news(self, kind: str | None = None) -> list[Event]:
        """What was announced since it was asked last."""
        events = await self.web.stage.announced()
        news, self.seen = events[self.seen :], len(events)
        return [event for event in news if kind is None or _short(event) == kind]

    async def does(self, path: str, body: Any = None, *, by: dict[str, str] | None = None) -> httpx.Response:
        await self.news()
        answer = await self.web.post(f"{self.web.tenant}{path}", body, by=by or self.by)
        assert answer.is_success, answer.text
        return answer

    async def last_entry(self) -> Any:
        return (await self.web.stage.the_log())[-1]


@pytest.fixture
async def office(web: Web) -> Office:
    owner = await web.stage.an_owner()
    ada = await web.stage.a_person("ada", Role.APPROVER)
    return Office(web, owner, await web.token_of(owner), ada, await web.token_of(ada))


def _short(event: Event) -> str:
    return event.type.removeprefix("nuxari.").removesuffix(".v1")


def kinds(events: list[Event]) -> list[str]:
    return [_short(event) for event in events]


async def test_a_new_tenant_announces_itself_its_first_owner_and_the_role(web: Web) -> None:
    new = await web.stage.found("Acme Works")
    events = await web.stage.announced()

    assert kinds(events) == ["identity.tenant_created", "identity.user_invited", "identity.role_assigned"]
    created, invited, assigned = events
    assert isinstance(created, TenantCreated)
    assert isinstance(invited, UserInvited)
    assert (created.subject, created.data.name) == (new.tenant.tenant_id, "Acme Works")
    assert (invited.subject, invited.data.email) == (new.owner.user_id, "olga@acme.example")
    assert {event.actorid for event in events} == {"platform"}
    assert assigned.data.origin == "bootstrap"  # type: ignore[attr-defined]
    assert [entry.action for entry in await web.stage.the_log()] == ["identity.tenant.create"]


@pytest.mark.parametrize(
    ("path", "body", "announced", "action"),
    [
        ("/roles", {"role": "requester"}, ["identity.role_assigned"], "role.assign"),
        (
            "/roles/approver/revoke",
            REASON,
            ["identity.role_revoked", "identity.tokens_revoked"],
            "role.revoke",
        ),
        (
            "/deactivate",
            REASON,
            ["identity.user_deactivated", "identity.tokens_revoked", "identity.role_revoked"],
            "user.deactivate",
        ),
        ("/sign-out", REASON, ["identity.tokens_revoked"], "session.end_all"),
        ("/unlock", None, [], "user.unlock"),
    ],
)
async def test_what_is_decided_about_a_user_is_announced_with_who_and_for_which_request(
    office: Office, path: str, body: Any, announced: list[str], action: str
) -> None:
    answer = await office.does(f"/users/{office.ada.user_id}{path}", body)
    events = await office.news()

    assert kinds(events) == announced
    for event in events:
        assert (event.source, event.subject) == ("/nuxari/identity", office.ada.user_id)
        assert (event.actorid, event.correlationid) == (office.owner.user_id, answer.headers["x-request-id"])
        assert (event.time, event.causationid) == (office.web.stage.now, None)
    entry = await office.last_entry()
    assert (entry.action, entry.target, entry.outcome) == (f"identity.{action}", office.ada.user_id, "done")
    assert (entry.actor_id, entry.correlation_id) == (office.owner.user_id, answer.headers["x-request-id"])
    assert entry.reason == (body or {}).get("reason")


async def test_an_invitation_and_its_acceptance_are_announced(office: Office) -> None:
    answer = await office.does("/users", {"email": "ida@acme.example", "roles": ["approver", "requester"]})
    invited, *assigned = await office.news()
    user_id = answer.json()["user"]["user_id"]
    assert (_short(invited), invited.subject, invited.actorid) == (
        "identity.user_invited",
        user_id,
        office.owner.user_id,
    )
    assert [event.data.role for event in assigned] == ["approver", "requester"]  # type: ignore[attr-defined]
    body = {"invitation_token": answer.json()["invitation_token"], "password": PASSWORD}
    await office.web.post("/v1/invitations/accept", body)

    (accepted_,) = await office.news()
    assert (_short(accepted_), accepted_.subject, accepted_.actorid) == ("identity.user_activated", user_id, user_id)


@pytest.mark.parametrize("had_accepted", [True, False])
async def test_a_reactivation_says_whether_the_user_may_sign_in_or_is_invited(
    office: Office,
    had_accepted: bool,  # noqa: FBT001
) -> None:
    invited = await office.web.stage.invites("ida@acme.example", Role.REQUESTER)
    user_id = office.ada.user_id if had_accepted else invited.user.user_id  # type: ignore[union-attr]
    await office.does(f"/users/{user_id}/deactivate", REASON)
    await office.does(f"/users/{user_id}/reactivate", REASON)

    (event,) = await office.news()
    assert (_short(event), event.subject) == (
        "identity.user_activated" if had_accepted else "identity.user_invited",
        user_id,
    )


async def test_a_deactivation_ends_every_role_and_each_end_names_its_assignment(office: Office) -> None:
    begun_ = role_activated(
        office.ada.user_id,
        tenant=office.web.stage.tenant,
        starts_at=office.web.stage.now,
        ends_at=office.web.stage.now + HOUR,
    )
    await office.web.stage.follows(begun_)
    await office.does(f"/users/{office.ada.user_id}/deactivate", REASON)
    events = await office.news()
    assert isinstance(events[0], UserDeactivated)
    assert events[0].data.reason == REASON["reason"]

    ended = {(event.data.role, event.data.activation_id) for event in events if isinstance(event, RoleRevoked)}
    assert ended == {("approver", None), ("client_admin", "activation-1")}
    (mark,) = [event for event in events if isinstance(event, TokensRevoked)]
    assert (mark.data.session_id, mark.data.reason) == (None, "user_deactivated")


async def test_an_enrolment_and_a_raised_session_are_announced(web: Web) -> None:
    await web.stage.found()
    ida = await accepted(web)
    by = bearer(await begun(web, ida))
    answer = await enrolled(web, ida, by)
    *_, factor = await web.stage.announced()
    assert (_short(factor), factor.subject, factor.actorid) == ("identity.factor_enrolled", ida.user_id, ida.user_id)
    assert factor.correlationid == answer.headers["x-request-id"]
    web.stage.clock.advance(HOUR / 60)
    await web.post(f"{web.tenant}/me/mfa", {"code": ida.code(web.stage.now)}, by=by)

    *_, challenge = await web.stage.announced()
    assert (_short(challenge), challenge.data.outcome) == ("access.mfa_challenge_completed", "approved")  # type: ignore[attr-defined]
    assert [entry.action for entry in await web.stage.the_log()][-4:] == [
        "identity.factor.begin",
        "identity.factor.confirm",
        "identity.factor.confirm",
        "identity.session.step_up",
    ]


async def test_sign_ins_are_reported_on_access_activity_with_where_they_came_from(web: Web) -> None:
    await web.stage.found()
    ida = await accepted(web, "ida", Role.CLIENT_COMPLIANCE_AUDITOR)
    body = {"email": ida.email, "password": PASSWORD}
    right = await web.post(f"{web.tenant}/sessions", body, User_Agent="a browser")
    await web.post(f"{web.tenant}/sessions", body | {"password": "wrong password"}, User_Agent="a script")
    topics = await web.stage.rows(
        "select aggregatetype as topic, type, headers from outbox where tenant_id = $1 and type like '%sign_in%'",
        web.stage.tenant,
    )
    success, failure = await web.stage.announced_of(SignInCompleted)

    assert [row["topic"] for row in topics] == ["access.activity"] * 2
    assert (success.data.outcome, success.data.failure_reason) == ("success", None)
    assert (failure.data.outcome, failure.data.failure_reason) == ("failure", "wrong_password")
    assert (success.data.user_agent, failure.data.user_agent) == ("a browser", "a script")
    for event in (success, failure):
        assert (event.subject, event.data.user_id, event.data.flow) == (
            ida.user_id,
            ida.user_id,
            SignInFlow.INTERACTIVE,
        )
        assert (event.data.ip, event.data.application, event.data.administrative) == ("127.0.0.1", "nuxari", True)
    assert (success.actorid, failure.actorid) == (ida.user_id, None)
    assert success.correlationid == right.headers["x-request-id"]
    assert success.data.session_id == right.json()["session_id"]


async def test_each_announcement_is_on_its_topic_under_the_key_that_orders_it(office: Office) -> None:
    await office.does(f"/users/{office.ada.user_id}/deactivate", REASON)
    rows = await office.web.stage.rows(
        "select distinct aggregatetype as topic, message_key as key from outbox where tenant_id = $1 order by 1",
        office.web.stage.tenant,
    )

    tenant = office.web.stage.tenant
    by_topic = {row["topic"]: row["key"] for row in rows}
    assert set(by_topic) == {"access.activity", "identity.lifecycle", "identity.token_watermarks"}
    assert by_topic["access.activity"] == by_topic["identity.lifecycle"] == tenant
    assert office.ada.user_id in by_topic["identity.token_watermarks"]


async def test_what_is_refused_is_kept_in_the_log_and_announced_to_nobody(office: Office) -> None:
    before, web = len(await office.web.stage.announced()), office.web
    refused = [
        (f"/users/{office.owner.user_id}/roles", {"role": "approver"}, "own-role"),
        (f"/users/{office.owner.user_id}/roles/client_owner/revoke", REASON, "last-owner"),
        (f"/users/{office.owner.user_id}/deactivate", REASON, "own-account"),
        (f"/users/{office.ada.user_id}/roles", {"role": "approver"}, "already-held"),
        (f"/users/{office.ada.user_id}/reactivate", REASON, "not-deactivated"),
        (f"/users/{office.ada.user_id}/invitation", None, "not-invited"),
        ("/users/nobody/unlock", None, "not-found"),
        ("/users", {"email": office.ada.email, "roles": ["approver"]}, "already-a-user"),
    ]
    for path, body, code in refused:
        answer = await web.post(f"{web.tenant}{path}", body, by=office.by)
        problem(answer, answer.status_code, code)

    assert len(await web.stage.announced()) == before
    entries = (await web.stage.the_log())[-len(refused) :]
    assert [entry.outcome for entry in entries] == [code for _, _, code in refused]
    assert {entry.actor_id for entry in entries} == {office.owner.user_id}
