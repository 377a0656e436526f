"""Signing in: with what it works, what is refused and how it looks from outside, and when it locks."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from nuxari_events.access import MfaChallengeCompleted, MfaMethod, MfaOutcome, Outcome, SignInCompleted
from nuxari_events.roles import Role

from services.identity.authenticator import STEP
from services.identity.domain.credentials import LOCKED_FOR
from services.identity.domain.errors import Refusal
from services.identity.service import factors, sessions
from services.identity.service.sessions import ABSOLUTE, CODE_NEEDED, IDLE, WRONG
from services.identity.service.tokens import Grant
from tests.identity.builders import MINUTE, acting
from tests.identity.stage import Person, Stage

EMAIL = "ada@acme.example"


@pytest.fixture
async def ada(stage: Stage) -> Person:
    """Somebody without a second factor."""
    return await stage.a_person("ada", Role.APPROVER, enrolled=False)


@pytest.fixture
async def eve(stage: Stage) -> Person:
    """Somebody with a second factor."""
    return await stage.a_person("eve", Role.CLIENT_SECURITY_ADMIN)


async def last_sign_in(stage: Stage) -> SignInCompleted:
    return (await stage.announced_of(SignInCompleted))[-1]


async def fails(stage: Stage, times: int, *, email: str = EMAIL) -> None:
    for _ in range(times):
        assert await stage.tries(email, right=False) == WRONG


async def test_with_the_password_a_session_begins(stage: Stage, ada: Person) -> None:
    grant = await stage.tries(EMAIL)

    assert isinstance(grant, Grant)
    assert (grant.claims.user_id, grant.claims.tenant_id) == (ada.user_id, stage.tenant)
    assert dict(grant.claims.roles) == {Role.APPROVER: None}
    assert (grant.claims.amr, grant.claims.mfa_at) == (("pwd",), None)
    assert grant.session.idle_until == stage.now + IDLE == stage.now + timedelta(hours=12)
    assert grant.session.absolute_end == stage.now + ABSOLUTE == stage.now + timedelta(days=7)
    announced = await last_sign_in(stage)
    assert (announced.data.outcome, announced.data.mfa) == (Outcome.SUCCESS, False)
    assert (announced.data.user_id, announced.actorid) == (ada.user_id, ada.user_id)
    assert (announced.data.session_id, announced.data.ip) == (grant.session.session_id, "192.0.2.7")


async def test_with_password_and_code_the_session_has_fresh_mfa(stage: Stage, eve: Person) -> None:
    grant = await stage.tries(eve.email, code=eve.code(stage.now))

    assert isinstance(grant, Grant)
    assert (grant.claims.amr, grant.claims.mfa_at) == (("pwd", "otp", "mfa"), stage.now)
    assert set(grant.claims.roles) == {Role.CLIENT_SECURITY_ADMIN}
    announced = await last_sign_in(stage)
    assert (announced.data.mfa, announced.data.administrative) == (True, True)
    (challenge,) = await stage.announced_of(MfaChallengeCompleted)
    assert (challenge.data.method, challenge.data.outcome) == (MfaMethod.TOTP, MfaOutcome.APPROVED)


async def test_wrong_unknown_locked_inactive_and_a_wrong_code_have_one_answer(
    stage: Stage, ada: Person, eve: Person
) -> None:
    gone = await stage.a_person("gone", Role.REQUESTER, enrolled=False)
    await stage.deactivates(await stage.an_owner(), gone)
    await fails(stage, 5)
    answers = {
        "wrong_password": await stage.tries(eve.email, right=False),
        "unknown_user": await stage.tries("nobody@acme.example"),
        "locked": await stage.tries(ada.email),
        "not_active": await stage.tries(gone.email),
        "wrong_code": await stage.tries(eve.email, code="000000"),
    }

    assert list(answers.values()) == [WRONG] * 5
    failures = [event.data.failure_reason for event in await stage.announced_of(SignInCompleted)]
    assert failures[-5:] == list(answers)
    assert [entry.outcome for entry in (await stage.the_log())[-5:]] == [WRONG.code] * 5


async def test_an_address_that_nobody_has_is_reported_without_being_repeated(stage: Stage) -> None:
    await stage.tries("my password, typed into the wrong field")
    await stage.tries("my password, typed into the wrong field")

    first, second = await stage.announced_of(SignInCompleted)
    assert first.data.user_id == second.data.user_id
    assert first.data.user_id.startswith("unknown:")
    assert "password" not in first.model_dump_json()
    assert "wrong field" not in str(await stage.the_log())


async def test_a_tenant_that_does_not_exist_answers_as_any_other_and_keeps_nothing(stage: Stage) -> None:
    stage.tenant = "no-such-tenant"

    assert await stage.tries(EMAIL) == WRONG
    assert await stage.announced() == []
    assert await stage.the_log() == []


async def test_a_right_password_without_the_code_is_asked_for_it_and_kept_in_the_log(stage: Stage, eve: Person) -> None:
    assert await stage.tries(eve.email) == CODE_NEEDED

    assert (await stage.user(eve)).failures == 0
    last = (await stage.the_log())[-1]
    assert (last.action, last.target, last.outcome) == ("identity.session.begin", eve.user_id, "code-needed")
    assert (last.ip, last.correlation_id) == ("192.0.2.7", "request-1")


async def test_a_code_counts_once(stage: Stage, eve: Person) -> None:
    code = eve.code(stage.now)
    assert isinstance(await stage.tries(eve.email, code=code), Grant)
    assert await stage.tries(eve.email, code=code) == WRONG
    stage.clock.advance(STEP)
    assert await stage.tries(eve.email, code=code) == WRONG
    assert isinstance(await stage.tries(eve.email, code=eve.code(stage.now)), Grant)


async def test_of_many_who_show_the_same_code_at_once_one_gets_in(stage: Stage, eve: Person) -> None:
    code = eve.code(stage.now)
    decisions = await asyncio.gather(*(stage.tries(eve.email, code=code) for _ in range(5)))

    assert sum(isinstance(decision, Grant) for decision in decisions) == 1
    assert len(await stage.rows("select 1 from session where user_id = $1", eve.user_id)) == 1


async def test_the_code_that_enrolled_the_authenticator_signs_nobody_in(stage: Stage, ada: Person) -> None:
    mine = acting(ada.user_id)
    async with stage.transaction() as transaction:
        begun = await factors.begin(transaction, ada.user_id, seal=stage.seal, acting=mine, at=stage.now)
    assert not isinstance(begun, Refusal)
    ada.secret = begun.secret
    code = ada.code(stage.now)
    assert not isinstance(await stage.confirms(ada, begun.factor_id, code), Refusal)

    assert await stage.tries(ada.email, code=code) == WRONG


async def test_each_recovery_code_replaces_the_authenticator_once(stage: Stage, eve: Person) -> None:
    for code in (eve.recovery_codes[0], eve.recovery_codes[1].lower().replace("-", " ")):
        grant = await stage.tries(eve.email, code=code)
        assert isinstance(grant, Grant)
        assert grant.claims.mfa_at == stage.now
        assert await stage.tries(eve.email, code=code) == WRONG
    methods = {(event.data.method, event.data.outcome) for event in await stage.announced_of(MfaChallengeCompleted)}
    assert methods == {(MfaMethod.RECOVERY_CODE, MfaOutcome.APPROVED), (MfaMethod.RECOVERY_CODE, MfaOutcome.FAILED)}


async def test_a_recovery_code_of_somebody_else_is_none(stage: Stage, eve: Person) -> None:
    mallory = await stage.a_person("mallory")

    assert await stage.tries(eve.email, code=mallory.recovery_codes[0]) == WRONG
    assert isinstance(await stage.tries(mallory.email, code=mallory.recovery_codes[0]), Grant)


async def test_five_failures_lock_and_the_right_password_does_not_help(stage: Stage, ada: Person) -> None:
    await fails(stage, 5)

    assert await stage.tries(EMAIL) == WRONG
    assert (await last_sign_in(stage)).data.failure_reason == "locked"
    assert (await stage.user(ada)).locked_until == stage.now + LOCKED_FOR


async def test_wrong_codes_lock_as_wrong_passwords_do(stage: Stage, eve: Person) -> None:
    for _ in range(3):
        assert await stage.tries(eve.email, code="000000") == WRONG
    await fails(stage, 2, email=eve.email)

    assert (await stage.user(eve)).is_locked(stage.now)
    assert await stage.tries(eve.email, code=eve.code(stage.now)) == WRONG


async def test_a_right_sign_in_forgets_the_failures_before_it(stage: Stage, ada: Person) -> None:
    for _ in range(3):
        await fails(stage, 4)
        assert isinstance(await stage.tries(EMAIL), Grant)

    assert (await stage.user(ada)).failures == 0


async def test_twenty_wrong_guesses_at_once_lock_and_none_is_lost(stage: Stage, ada: Person) -> None:
    guesses = await asyncio.gather(*(stage.tries(EMAIL, right=False) for _ in range(20)))

    assert guesses == [WRONG] * 20
    assert (await stage.user(ada)).failures == 5
    assert await stage.tries(EMAIL) == WRONG
    reasons = [event.data.failure_reason for event in await stage.announced_of(SignInCompleted)]
    assert reasons == ["wrong_password"] * 5 + ["locked"] * 16


async def test_a_right_guess_among_wrong_ones_gets_in_only_if_it_is_of_the_first(stage: Stage, ada: Person) -> None:
    for _ in range(5):
        wrong = [stage.tries(EMAIL, right=False) for _ in range(8)]
        *_, right = await asyncio.gather(*wrong, stage.tries(EMAIL))
        kinds = [event.data.failure_reason for event in (await stage.announced_of(SignInCompleted))[-9:]]
        before = kinds[: kinds.index(None)] if None in kinds else kinds
        assert isinstance(right, Grant) == (None in kinds)
        assert before.count("wrong_password") <= 5
        assert "locked" not in before or None not in kinds
        stage.clock.advance(LOCKED_FOR)
        assert isinstance(await stage.tries(EMAIL), Grant)


async def test_more_tries_do_not_prolong_a_lock_and_it_ends_after_half_an_hour(stage: Stage, ada: Person) -> None:
    await fails(stage, 5)
    stage.clock.advance(LOCKED_FOR - MINUTE)
    await fails(stage, 3)
    stage.clock.advance(MINUTE)

    assert isinstance(await stage.tries(EMAIL), Grant)


async def test_an_administrator_unlocks(stage: Stage, ada: Person) -> None:
    await fails(stage, 5)
    assert not isinstance(await stage.unlocks(await stage.an_owner(), ada), Refusal)

    assert isinstance(await stage.tries(EMAIL), Grant)


async def test_guesses_at_an_invited_users_account_do_not_keep_the_user_out(stage: Stage) -> None:
    invited = await stage.invites("ida@acme.example", Role.REQUESTER)
    assert not isinstance(invited, Refusal)
    await fails(stage, 5, email="ida@acme.example")
    await stage.accepts(invited.link)

    assert isinstance(await stage.tries("ida@acme.example"), Grant)


async def test_a_password_that_was_replaced_meanwhile_no_longer_counts(stage: Stage, ada: Person) -> None:
    attempt = sessions.Attempt(email=EMAIL, checked_hash="the hash that was before", password_matches=True)
    async with stage.transaction() as transaction:
        decision = await sessions.sign_in(transaction, attempt, seal=stage.seal, acting=acting(), at=stage.now)

    assert decision == WRONG
    assert (await stage.user(ada)).failures == 1
