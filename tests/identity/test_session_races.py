"""Requests about one session at once: in whatever order they fall, nothing is used twice and nothing old outlives."""

from __future__ import annotations

import asyncio

from nuxari_events.identity import TokensRevoked
from nuxari_events.roles import Role

from services.identity.service.sessions import NOT_VALID
from services.identity.service.tokens import Grant
from tests.identity.builders import HOUR, SECOND, activation_ended, role_activated
from tests.identity.stage import Stage
from tests.identity.test_sessions import INSTANT, is_void

ROUNDS = 12


async def test_of_two_refreshes_with_one_token_one_wins_and_the_family_ends(stage: Stage) -> None:
    ada = await stage.a_person("ada", Role.APPROVER)
    for _ in range(ROUNDS):
        grant = await stage.signs_in(ada)
        decisions = await asyncio.gather(stage.refreshes(grant.refresh), stage.refreshes(grant.refresh))
        (won,) = [decision for decision in decisions if isinstance(decision, Grant)]

        assert NOT_VALID in decisions
        assert await is_void(stage, won)
        assert await stage.refreshes(won.refresh) == NOT_VALID
    assert len(await stage.announced_of(TokensRevoked)) == ROUNDS


async def test_no_token_with_a_lost_role_outlives_its_watermark_however_a_refresh_races_it(stage: Stage) -> None:
    olga = await stage.an_owner()
    for number in range(ROUNDS):
        person = await stage.a_person(f"p{number}", Role.APPROVER, Role.REQUESTER)
        grants = [await stage.signs_in(person) for _ in range(3)]
        skew = [0 * SECOND, INSTANT, -INSTANT, SECOND, -SECOND][number % 5]
        racing = [stage.refreshes(grant.refresh) for grant in grants]
        racing.insert(number % 4, stage.revokes(olga, person, Role.APPROVER, at=stage.now + skew))  # type: ignore[arg-type]
        issued = [one for one in await asyncio.gather(*racing) if isinstance(one, Grant)]

        assert len(issued) == 3
        (mark,) = [e for e in await stage.announced_of(TokensRevoked) if e.data.user_id == person.user_id]
        for grant in [*grants, *issued]:
            has_lost_role = Role.APPROVER in grant.claims.roles
            assert has_lost_role == (grant.issued_at < mark.data.not_before)
            assert await is_void(stage, grant) == has_lost_role


async def test_no_token_of_an_ended_activation_outlives_it_however_a_refresh_races_it(stage: Stage) -> None:
    for number in range(ROUNDS):
        person = await stage.a_person(f"p{number}", Role.REQUESTER)
        about = {"tenant": stage.tenant, "activation_id": f"a{number}", "role": Role.CLIENT_ADMIN}
        await stage.follows(role_activated(person.user_id, starts_at=stage.now, ends_at=stage.now + HOUR, **about))
        grants = [await stage.signs_in(person) for _ in range(2)]
        assert all(Role.CLIENT_ADMIN in grant.claims.roles for grant in grants)
        ended = activation_ended(person.user_id, ended_at=stage.now, **about)
        racing = [stage.refreshes(grant.refresh) for grant in grants]
        racing.insert(number % 3, stage.follows(ended))  # type: ignore[arg-type]
        issued = [one for one in await asyncio.gather(*racing) if isinstance(one, Grant)]

        for grant in [*grants, *issued]:
            assert await is_void(stage, grant) == (Role.CLIENT_ADMIN in grant.claims.roles)


async def test_after_a_deactivation_that_races_sign_ins_and_refreshes_no_token_is_left(stage: Stage) -> None:
    olga = await stage.an_owner()
    for number in range(ROUNDS):
        person = await stage.a_person(f"p{number}", Role.APPROVER)
        before = await stage.signs_in(person)
        racing = [
            stage.refreshes(before.refresh),
            stage.tries(person.email, code=person.code(stage.now)),
            stage.tries(person.email, code=person.recovery_codes[0]),
        ]
        racing.insert(number % 4, stage.deactivates(olga, person))  # type: ignore[arg-type]
        issued = [one for one in await asyncio.gather(*racing) if isinstance(one, Grant)]

        for grant in [before, *issued]:
            assert await is_void(stage, grant)
            assert grant.refresh is None or await stage.refreshes(grant.refresh) == NOT_VALID
        assert await stage.rows("select 1 from session where user_id = $1 and ended_at is null", person.user_id) == []
