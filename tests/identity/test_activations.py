"""PIM's activations carried out: effective, ended by PIM, ended at their own deadline if nobody says so."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta
from typing import Any

import pytest
from nuxari_events.envelope import Event
from nuxari_events.identity import AssignmentOrigin, RoleAssigned, RoleRevoked, TokensRevoked
from nuxari_events.pim import ActivationEnded, RoleActivated
from nuxari_events.roles import Role

from services.identity.domain.rules import effective_roles
from services.identity.due import make_loop
from services.identity.service import roles
from services.identity.store import roles as store
from services.identity.store import users
from tests.identity.builders import HOUR, MINUTE, SECOND, activation_ended, role_activated
from tests.identity.stage import Person, Stage

ADMIN = Role.CLIENT_ADMIN


@pytest.fixture
async def ada(stage: Stage) -> Person:
    return await stage.a_person("ada", Role.REQUESTER)


def begun(stage: Stage, person: Person, **more: Any) -> RoleActivated:
    facts: dict[str, Any] = {"tenant": stage.tenant, "starts_at": stage.now, "ends_at": stage.now + HOUR}
    return role_activated(person.user_id, **(facts | more))


def over(stage: Stage, person: Person, **more: Any) -> ActivationEnded:
    facts: dict[str, Any] = {"tenant": stage.tenant, "ended_at": stage.now}
    return activation_ended(person.user_id, **(facts | more))


async def held(stage: Stage, person: Person) -> dict[str, datetime | None]:
    """What the next token of the person says."""
    async with stage.transaction() as transaction:
        user = await users.found(transaction, person.user_id)
        assert user is not None
        return dict(effective_roles(user, await store.held_by(transaction, person.user_id), at=stage.now))


async def changes(stage: Stage, person: Person) -> list[Event]:
    """What was announced about the person's activations."""
    kinds = (RoleAssigned, RoleRevoked)
    everything = [e for e in await stage.announced() if isinstance(e, kinds) and e.subject == person.user_id]
    return [e for e in everything if e.data.origin is AssignmentOrigin.PIM]


async def acts(stage: Stage) -> list[str]:
    return [entry.action for entry in await stage.the_log() if entry.action.startswith("identity.role.")]


async def test_an_activation_is_effective_with_its_own_end_and_announced_with_its_cause(
    stage: Stage, ada: Person
) -> None:
    event = begun(stage, ada, correlationid="request-9")
    await stage.follows(event)

    assert await held(stage, ada) == {"requester": None, ADMIN: event.data.ends_at}
    (announced,) = await changes(stage, ada)
    assert isinstance(announced, RoleAssigned)
    assert (announced.data.activation_id, announced.data.ends_at) == ("activation-1", event.data.ends_at)
    assert (announced.causationid, announced.correlationid, announced.actorid) == (event.id, "request-9", ada.user_id)
    assert await acts(stage) == ["identity.role.activate"]


async def test_its_end_takes_the_role_back_and_voids_the_tokens(stage: Stage, ada: Person) -> None:
    await stage.follows(begun(stage, ada))
    stage.clock.advance(MINUTE)
    event = over(stage, ada)
    await stage.follows(event)

    assert await held(stage, ada) == {"requester": None}
    _, announced = await changes(stage, ada)
    assert isinstance(announced, RoleRevoked)
    assert (announced.time, announced.causationid, announced.correlationid) == (stage.now, event.id, event.id)
    (mark,) = await stage.announced_of(TokensRevoked)
    assert (mark.data.user_id, mark.data.reason, mark.causationid) == (ada.user_id, "roles_changed", event.id)
    assert await acts(stage) == ["identity.role.activate", "identity.role.deactivate"]


async def test_without_any_event_it_ends_at_its_own_deadline(stage: Stage, ada: Person) -> None:
    event = begun(stage, ada)
    await stage.follows(event)
    grant = await stage.signs_in(ada)
    assert grant.claims.roles[ADMIN] == event.data.ends_at
    stage.clock.advance(event.data.ends_at - stage.now - timedelta(microseconds=1))
    assert await stage.sweeps() == 0
    assert ADMIN in await held(stage, ada)
    stage.clock.advance(timedelta(microseconds=1))
    assert await held(stage, ada) == {"requester": None}

    assert await stage.sweeps() == 1
    _, announced = await changes(stage, ada)
    assert (announced.time, announced.actorid, announced.causationid) == (event.data.ends_at, None, None)
    assert (await acts(stage))[-1] == "identity.role.expire"


async def test_however_late_the_deadline_is_noticed_the_role_ended_at_it_and_once(stage: Stage, ada: Person) -> None:
    event = begun(stage, ada)
    await stage.follows(event)
    stage.clock.advance(5 * HOUR)
    loops = [make_loop(stage.database, clock=stage.clock) for _ in range(4)]
    await asyncio.gather(*(loop.sweep(stage.now) for loop in loops))
    await stage.sweeps()
    await stage.follows(over(stage, ada, ended_at=event.data.ends_at))

    _, announced = await changes(stage, ada)
    assert announced.time == event.data.ends_at


async def test_an_end_that_comes_before_its_beginning_makes_the_beginning_have_no_effect(
    stage: Stage, ada: Person
) -> None:
    beginning, end = begun(stage, ada), over(stage, ada)
    await stage.follows(end, beginning, beginning, end)

    assert await held(stage, ada) == {"requester": None}
    assert await changes(stage, ada) == []
    assert await acts(stage) == []
    stage.clock.advance(2 * HOUR)
    assert await stage.sweeps() == 0


async def test_what_comes_twice_is_announced_and_kept_once(stage: Stage, ada: Person) -> None:
    beginning = begun(stage, ada)
    await stage.follows(beginning, beginning, begun(stage, ada))
    end = over(stage, ada)
    await stage.follows(end, end, over(stage, ada), beginning)

    assert [event.type for event in await changes(stage, ada)] == [
        "nuxari.identity.role_assigned.v1",
        "nuxari.identity.role_revoked.v1",
    ]
    assert len(await stage.announced_of(TokensRevoked)) == 1
    assert await acts(stage) == ["identity.role.activate", "identity.role.deactivate"]


async def test_a_replay_after_a_crash_announces_under_the_same_ids(stage: Stage, ada: Person) -> None:
    tried = []
    for event in (begun(stage, ada), over(stage, ada)):
        tried += await announced_in_vain(stage, event)
        await stage.follows(event)

    marks = [event.id for event in await stage.announced_of(TokensRevoked)]
    assert sorted(tried) == sorted([event.id for event in await changes(stage, ada)] + marks)
    assert len(tried) == 3


async def announced_in_vain(stage: Stage, event: Event) -> list[str]:
    """Follow the event and die before the commit; return the ids of what would have been announced."""
    ids: list[str] = []
    with contextlib.suppress(ZeroDivisionError):
        async with stage.transaction() as transaction:
            await roles.follow(transaction, event, at=stage.now)
            ids += [announced.id for announced in transaction._announcements]
            raise ZeroDivisionError
    return ids


async def test_a_beginning_that_comes_after_its_deadline_has_no_effect(stage: Stage, ada: Person) -> None:
    late = begun(stage, ada)
    stage.clock.advance(HOUR)
    await stage.follows(late)

    assert await held(stage, ada) == {"requester": None}
    assert await changes(stage, ada) == []


async def test_only_what_pim_says_counts(stage: Stage, ada: Person) -> None:
    await stage.follows(begun(stage, ada, source="/somebody/else"))
    assert await held(stage, ada) == {"requester": None}
    await stage.follows(begun(stage, ada))
    await stage.follows(over(stage, ada, source="/somebody/else"))

    assert ADMIN in await held(stage, ada)


@pytest.mark.parametrize("about", [{"user_id": "nobody"}, {"role": "superuser"}])
async def test_an_unknown_user_or_role_changes_nothing(stage: Stage, ada: Person, about: dict[str, str]) -> None:
    whom = Person(about.get("user_id", ada.user_id), "")
    role = about.get("role", ADMIN)
    await stage.follows(begun(stage, whom, role=role), over(stage, whom, role=role))

    assert await held(stage, ada) == {"requester": None}
    assert await changes(stage, ada) == await stage.announced_of(TokensRevoked) == []


async def test_a_user_of_another_tenant_is_unknown(stage: Stage, ada: Person) -> None:
    mine = stage.tenant
    await stage.found("Globex", owner_email="gus@globex.example")
    await stage.follows(begun(stage, ada), begun(stage, ada, tenant="no-such-tenant"))
    assert await stage.rows("select 1 from role_assignment where origin = 'pim' and user_id = $1", ada.user_id) == []
    stage.tenant = mine

    assert await held(stage, ada) == {"requester": None}


async def test_a_deactivated_user_gets_nothing_and_loses_what_was_active(stage: Stage, ada: Person) -> None:
    olga = await stage.an_owner()
    await stage.follows(begun(stage, ada))
    await stage.deactivates(olga, ada)
    await stage.follows(begun(stage, ada, activation_id="activation-2"))
    await stage.follows(over(stage, ada), over(stage, ada, activation_id="activation-2"))
    await stage.reactivates(olga, ada)

    assert await held(stage, ada) == {"readonly_viewer": None}
    assert len(await changes(stage, ada)) == 2
    stage.clock.advance(2 * HOUR)
    await stage.sweeps()
    assert len(await changes(stage, ada)) == 2


async def test_a_user_who_has_not_accepted_yet_gets_nothing(stage: Stage) -> None:
    invited = await stage.invites("ida@acme.example", Role.REQUESTER)
    whom = Person(invited.user.user_id, invited.user.email)  # type: ignore[union-attr]
    await stage.follows(begun(stage, whom))

    assert await changes(stage, whom) == []


async def test_of_overlapping_activations_the_last_one_decides(stage: Stage, ada: Person) -> None:
    first = begun(stage, ada)
    second = begun(stage, ada, activation_id="activation-2", ends_at=stage.now + 3 * HOUR)
    await stage.follows(first, second)
    assert (await held(stage, ada))[ADMIN] == second.data.ends_at
    await stage.follows(over(stage, ada))
    assert (await held(stage, ada))[ADMIN] == second.data.ends_at
    stage.clock.advance(3 * HOUR)
    await stage.sweeps()

    assert await held(stage, ada) == {"requester": None}
    assert [event.subject for event in await changes(stage, ada)] == [ada.user_id] * 4


async def test_an_activation_of_a_role_that_is_held_anyway_takes_nothing_with_it_when_it_ends(
    stage: Stage, ada: Person
) -> None:
    await stage.follows(begun(stage, ada, role="requester"))
    await stage.follows(over(stage, ada, role="requester"))

    assert await held(stage, ada) == {"requester": None}


async def test_no_event_of_pim_ends_an_assignment_that_is_no_activation(stage: Stage) -> None:
    """Not even one that names its id: the last owner would be gone."""
    olga = await stage.an_owner()
    async with stage.transaction() as transaction:
        (assignment,) = await store.held_by(transaction, olga.user_id)
    await stage.follows(over(stage, olga, activation_id=assignment.assignment_id, role=Role.CLIENT_OWNER))

    assert await held(stage, olga) == {Role.CLIENT_OWNER: None}


async def test_no_event_about_one_user_ends_an_activation_of_another(stage: Stage, ada: Person) -> None:
    bo = await stage.a_person("bo")
    await stage.follows(begun(stage, ada))
    await stage.follows(over(stage, bo))

    assert ADMIN in await held(stage, ada)


async def test_a_user_who_is_decided_about_right_now_is_come_back_to(stage: Stage, ada: Person) -> None:
    await stage.follows(begun(stage, ada))
    stage.clock.advance(HOUR)
    async with stage.transaction() as deciding:
        await users.locked(deciding, ada.user_id)
        loop = make_loop(stage.database, clock=stage.clock)
        assert await asyncio.wait_for(loop.sweep(stage.now), 5) == 1
        assert len(await changes(stage, ada)) == 1
    assert await stage.sweeps() == 0
    stage.clock.advance(SECOND)

    assert await stage.sweeps() == 1
    assert len(await changes(stage, ada)) == 2
