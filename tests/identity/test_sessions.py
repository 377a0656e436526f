"""A session's life: refreshed, raised, ended; and what becomes of its tokens."""

from __future__ import annotations

from datetime import timedelta

import pytest
from nuxari_events.access import SignInCompleted, SignInFlow
from nuxari_events.identity import TokensRevoked
from nuxari_events.roles import Role

from services.identity.domain.credentials import REFRESH, Ticket, new_ticket
from services.identity.domain.errors import Refusal
from services.identity.domain.model import Session, User
from services.identity.service import passwords, sessions
from services.identity.service import users as user_service
from services.identity.service.sessions import NO_SUCH_SESSION, NOT_VALID, WRONG
from services.identity.service.tokens import Grant
from services.identity.store import sessions as store
from shared.access.tokens import Watermarks
from tests.identity.builders import DAY, HOUR, SECOND, acting
from tests.identity.stage import Person, Stage

INSTANT = timedelta(microseconds=1)


@pytest.fixture
async def ada(stage: Stage) -> Person:
    return await stage.a_person("ada", Role.APPROVER)


async def refreshed(stage: Stage, grant: Grant) -> Grant:
    again = await stage.refreshes(grant.refresh)
    assert isinstance(again, Grant), again
    return again


async def session_of(stage: Stage, grant: Grant) -> Session:
    async with stage.transaction() as transaction:
        found = await store.found(transaction, grant.session.session_id)
    assert found is not None
    return found


async def is_void(stage: Stage, grant: Grant) -> bool:
    """Whether a service that has heard all watermarks refuses the token."""
    marks = Watermarks()
    for event in await stage.announced_of(TokensRevoked):
        marks.note(event)
    return marks.voids(
        tenant_id=stage.tenant,
        user_id=grant.claims.user_id,
        session_id=grant.claims.session_id,
        issued_at=grant.issued_at.timestamp(),
    )


async def step_up(stage: Stage, person: Person, grant: Grant, code: str) -> Grant | Refusal:
    mine = acting(person.user_id, session_id=grant.session.session_id)
    async with stage.transaction() as transaction:
        return await sessions.step_up(
            transaction, grant.session.session_id, code=code, seal=stage.seal, acting=mine, at=stage.now
        )


async def sign_out(stage: Stage, person: Person, grant: Grant) -> Session | Refusal:
    async with stage.transaction() as transaction:
        return await sessions.end(
            transaction,
            grant.session.session_id,
            user_id=person.user_id,
            acting=acting(person.user_id, session_id=grant.session.session_id),
            at=stage.now,
        )


async def change_password(stage: Stage, person: Person, grant: Grant, *, right: bool = True) -> User | Refusal:
    async with stage.transaction() as transaction:
        (row,) = await transaction.fetch("select password_hash from tenant_user where user_id = $1", person.user_id)
        return await passwords.change(
            transaction,
            person.user_id,
            checked_hash=row["password_hash"],
            matches=right,
            new_hash="a new hash",
            acting=acting(person.user_id, session_id=grant.session.session_id),
            at=stage.now,
        )


async def test_a_refresh_token_is_used_once_and_the_next_one_works(stage: Stage, ada: Person) -> None:
    grant = await stage.signs_in(ada)
    for _ in range(3):
        stage.clock.advance(SECOND)
        following = await refreshed(stage, grant)
        assert following.refresh != grant.refresh
        assert following.session.session_id == grant.session.session_id
        assert (following.claims, following.issued_at) == (grant.claims, stage.now)
        grant = following


async def test_a_session_slides_by_twelve_hours(stage: Stage, ada: Person) -> None:
    grant = await stage.signs_in(ada)
    for _ in range(3):
        stage.clock.advance(12 * HOUR - 31 * SECOND)
        grant = await refreshed(stage, grant)
    stage.clock.advance(12 * HOUR)

    assert await stage.refreshes(grant.refresh) == NOT_VALID
    assert not await stage.announced_of(TokensRevoked)


async def test_a_session_ends_after_seven_days_however_often_it_is_refreshed(stage: Stage, ada: Person) -> None:
    grant = await stage.signs_in(ada)
    begun_at = grant.session.begun_at
    while stage.now + 11 * HOUR < begun_at + 7 * DAY:
        stage.clock.advance(11 * HOUR)
        grant = await refreshed(stage, grant)
    assert grant.session.idle_until <= begun_at + 7 * DAY
    stage.clock.advance(begun_at + 7 * DAY - stage.now - INSTANT)
    grant = await refreshed(stage, grant)
    stage.clock.advance(INSTANT)

    assert await stage.refreshes(grant.refresh) == NOT_VALID


async def test_a_token_that_is_used_again_ends_the_whole_family_and_voids_its_tokens(stage: Stage, ada: Person) -> None:
    other = await stage.signs_in(ada)
    stolen = await stage.signs_in(ada)
    following = await refreshed(stage, stolen)

    assert await stage.refreshes(stolen.refresh) == NOT_VALID
    assert await stage.refreshes(following.refresh) == NOT_VALID
    (mark,) = await stage.announced_of(TokensRevoked)
    assert (mark.data.session_id, mark.data.reason) == (stolen.session.session_id, "refresh_token_reused")
    assert [await is_void(stage, one) for one in (stolen, following, other)] == [True, True, False]
    assert isinstance(await stage.refreshes(other.refresh), Grant)


async def test_reuse_is_reported_once_as_a_failed_refresh_and_kept_in_the_log(stage: Stage, ada: Person) -> None:
    grant = await stage.signs_in(ada)
    await refreshed(stage, grant)
    for _ in range(3):
        await stage.refreshes(grant.refresh)

    *_, report = await stage.announced_of(SignInCompleted)
    assert (report.data.flow, report.data.failure_reason) == (SignInFlow.REFRESH, "refresh_token_reused")
    reuse = [entry for entry in await stage.the_log() if entry.action == "identity.session.reuse"]
    assert [(entry.target, entry.outcome) for entry in reuse] == [(ada.user_id, NOT_VALID.code)]
    assert len(await stage.announced_of(TokensRevoked)) == 1


async def test_a_made_up_token_ends_nobodys_session(stage: Stage, ada: Person) -> None:
    grant = await stage.signs_in(ada)
    made_up = new_ticket(REFRESH, tenant_id=stage.tenant, entity_id=grant.session.session_id)
    elsewhere = Ticket(REFRESH, "another-tenant", grant.session.session_id, made_up.secret)

    assert await stage.refreshes(made_up) == NOT_VALID
    assert await stage.refreshes(elsewhere) == NOT_VALID
    assert isinstance(await stage.refreshes(grant.refresh), Grant)


async def test_a_token_of_one_session_is_none_of_another(stage: Stage, ada: Person) -> None:
    one, other = await stage.signs_in(ada), await stage.signs_in(ada)
    assert one.refresh is not None
    mixed = Ticket(REFRESH, stage.tenant, other.session.session_id, one.refresh.secret)

    assert await stage.refreshes(mixed) == NOT_VALID
    assert isinstance(await stage.refreshes(one.refresh), Grant)
    assert isinstance(await stage.refreshes(other.refresh), Grant)


async def test_to_show_the_factor_again_gives_fresh_mfa_and_leaves_the_refresh_token(stage: Stage, ada: Person) -> None:
    grant = await stage.signs_in(ada)
    stage.clock.advance(HOUR)
    raised = await step_up(stage, ada, grant, ada.code(stage.now))

    assert isinstance(raised, Grant)
    assert (raised.claims.mfa_at, raised.refresh) == (stage.now, None)
    stage.clock.advance(HOUR)
    again = await refreshed(stage, grant)
    assert again.claims.mfa_at == stage.now - HOUR


async def test_wrong_codes_at_a_step_up_lock_the_account(stage: Stage, ada: Person) -> None:
    grant = await stage.signs_in(ada)
    for _ in range(5):
        assert await step_up(stage, ada, grant, "000000") == WRONG

    assert (await stage.user(ada)).is_locked(stage.now)
    assert await step_up(stage, ada, grant, ada.code(stage.now)) == WRONG
    assert (await session_of(stage, grant)).mfa_at == grant.session.mfa_at


async def test_nobody_raises_the_session_of_somebody_else_or_one_that_is_over(stage: Stage, ada: Person) -> None:
    bo = await stage.a_person("bo")
    grant = await stage.signs_in(ada)
    assert await step_up(stage, bo, grant, bo.code(stage.now)) == NO_SUCH_SESSION
    await sign_out(stage, ada, grant)

    assert await step_up(stage, ada, grant, ada.code(stage.now)) == NO_SUCH_SESSION


async def test_without_a_factor_there_is_nothing_to_show(stage: Stage) -> None:
    bare = await stage.a_person("bare", enrolled=False)
    decision = await step_up(stage, bare, await stage.signs_in(bare), "000000")

    assert isinstance(decision, Refusal)
    assert decision.code == "no-factor"


async def test_enrolling_in_a_session_gives_that_session_its_mfa(stage: Stage) -> None:
    sam = await stage.a_person("sam", Role.CLIENT_SECURITY_ADMIN, enrolled=False)
    grant = await stage.signs_in(sam)
    assert set(grant.claims.roles) == {Role.READONLY_VIEWER}
    enrolled_at = stage.now
    await stage.enrols(sam, session_id=grant.session.session_id)

    following = await refreshed(stage, grant)
    assert set(following.claims.roles) == {Role.CLIENT_SECURITY_ADMIN}
    assert (following.claims.mfa_at, "mfa" in following.claims.amr) == (enrolled_at, True)


async def test_signing_out_ends_one_session_and_its_tokens(stage: Stage, ada: Person) -> None:
    here, there = await stage.signs_in(ada), await stage.signs_in(ada)
    assert isinstance(await sign_out(stage, ada, here), Session)

    assert await stage.refreshes(here.refresh) == NOT_VALID
    assert [await is_void(stage, one) for one in (here, there)] == [True, False]
    assert isinstance(await stage.refreshes(there.refresh), Grant)
    assert await sign_out(stage, ada, here) == NO_SUCH_SESSION


async def test_nobody_signs_somebody_else_out(stage: Stage, ada: Person) -> None:
    bo, grant = await stage.a_person("bo"), await stage.signs_in(ada)

    assert await sign_out(stage, bo, grant) == NO_SUCH_SESSION
    assert isinstance(await stage.refreshes(grant.refresh), Grant)


async def test_a_new_password_ends_the_other_sessions_and_keeps_this_one(stage: Stage, ada: Person) -> None:
    this, others = await stage.signs_in(ada), [await stage.signs_in(ada) for _ in range(2)]
    assert isinstance(await change_password(stage, ada, this), User)

    assert [await is_void(stage, one) for one in (this, *others)] == [False, True, True]
    assert [await stage.refreshes(one.refresh) for one in others] == [NOT_VALID, NOT_VALID]
    assert isinstance(await stage.refreshes(this.refresh), Grant)


async def test_a_wrong_current_password_changes_nothing_and_counts_towards_the_lock(stage: Stage, ada: Person) -> None:
    this, other = await stage.signs_in(ada), await stage.signs_in(ada)
    for _ in range(5):
        assert await change_password(stage, ada, this, right=False) == passwords.WRONG
    assert await change_password(stage, ada, this) == passwords.WRONG

    assert (await stage.user(ada)).is_locked(stage.now)
    assert isinstance(await stage.refreshes(other.refresh), Grant)


async def test_a_deactivated_users_refresh_is_refused_and_every_token_is_void(stage: Stage, ada: Person) -> None:
    grants = [await stage.signs_in(ada) for _ in range(2)]
    olga = await stage.an_owner()
    await stage.deactivates(olga, ada)
    assert [await stage.refreshes(one.refresh) for one in grants] == [NOT_VALID, NOT_VALID]
    assert [await is_void(stage, one) for one in grants] == [True, True]
    await stage.reactivates(olga, ada)

    assert [await stage.refreshes(one.refresh) for one in grants] == [NOT_VALID, NOT_VALID]
    back = await stage.signs_in(ada)
    assert set(back.claims.roles) == {Role.READONLY_VIEWER}
    assert not await is_void(stage, back)


async def test_signing_somebody_out_everywhere_lets_them_sign_in_again(stage: Stage, ada: Person) -> None:
    grants = [await stage.signs_in(ada) for _ in range(2)]
    async with stage.transaction() as transaction:
        await user_service.sign_out_everywhere(
            transaction, ada.user_id, reason="lost phone", acting=acting("olga"), at=stage.now
        )

    assert [await is_void(stage, one) for one in grants] == [True, True]
    assert [await stage.refreshes(one.refresh) for one in grants] == [NOT_VALID, NOT_VALID]
    again = await stage.signs_in(ada)
    assert set(again.claims.roles) == {Role.APPROVER}
    assert not await is_void(stage, again)


async def test_a_gained_role_takes_a_refresh_and_a_lost_one_voids_what_was(stage: Stage, ada: Person) -> None:
    olga, before = await stage.an_owner(), await stage.signs_in(ada)
    await stage.assigns(olga, ada, Role.REQUESTER)
    assert not await is_void(stage, before)
    with_both = await refreshed(stage, before)
    assert set(with_both.claims.roles) == {Role.APPROVER, Role.REQUESTER}
    await stage.revokes(olga, ada, Role.APPROVER)

    assert [await is_void(stage, one) for one in (before, with_both)] == [True, True]
    after = await refreshed(stage, with_both)
    assert set(after.claims.roles) == {Role.REQUESTER}
    assert not await is_void(stage, after)


@pytest.mark.parametrize("clock_of_the_revocation", [timedelta(), -INSTANT, -SECOND, SECOND])
async def test_a_token_issued_in_the_very_microsecond_of_a_revocation_is_void_whatever_the_clocks_say(
    stage: Stage, ada: Person, clock_of_the_revocation: timedelta
) -> None:
    olga = await stage.an_owner()
    before = await stage.signs_in(ada)
    await stage.revokes(olga, ada, Role.APPROVER, at=before.issued_at + clock_of_the_revocation)
    after = await stage.refreshes(before.refresh, at=before.issued_at + clock_of_the_revocation)

    assert isinstance(after, Grant)
    assert set(after.claims.roles) == {Role.READONLY_VIEWER}
    assert await is_void(stage, before)
    assert not await is_void(stage, after)
