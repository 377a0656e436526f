"""Things that happen at once: no credential keeps an owner who is gone, and nothing is announced twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from services.credential_governance.domain.errors import Refusal
from services.credential_governance.domain.model import Credential
from services.credential_governance.service import credentials, people
from shared.clock import FixedClock
from tests.credential_governance.builders import DAY, HOUR, NOON, YEAR, observed, some_facts, user_deactivated
from tests.credential_governance.stage import OLGA, Stage, connected
from tests.waiting import until

ROUNDS = 20
SECOND = timedelta(seconds=1)


async def _still_owned_by_somebody_gone(stage: Stage) -> list[str]:
    rows = await stage.rows(
        "select credential_id from credential join projected_user u"
        " on u.tenant_id = credential.tenant_id and u.user_id = owner_id"
        " where u.status = 'deactivated' and orphaned_at is null"
    )
    return [row["credential_id"] for row in rows]


async def test_no_registration_that_races_a_deactivation_stays_owned(stage: Stage) -> None:
    for n in range(ROUNDS):
        await stage.has_user(f"u{n}")
        acts = [stage.registers(owner_id=f"u{n}"), stage.takes(user_deactivated(f"u{n}", at=stage.now))]
        await asyncio.gather(*(acts if n % 2 else reversed(acts)))
    assert await _still_owned_by_somebody_gone(stage) == []
    orphans = await stage.orphans()
    assert len(orphans) == len(set(orphans)) == ROUNDS


async def test_a_registration_that_saw_an_active_owner_holds_the_deactivation_up_until_it_is_seen(stage: Stage) -> None:
    await stage.has_user()
    async with connected(stage.dsn) as other:
        async with other.transaction("acme") as transaction:
            await credentials.register(transaction, some_facts(), notes="", acting=OLGA, at=NOON)
            leaving = asyncio.create_task(stage.takes(user_deactivated()))
            await _is_waiting(stage)
        await leaving
    assert await _still_owned_by_somebody_gone(stage) == []
    assert len(await stage.orphans()) == 1


async def test_a_deactivation_in_progress_is_waited_for_by_a_registration(stage: Stage) -> None:
    await stage.has_user()
    async with connected(stage.dsn) as other:
        async with other.transaction("acme") as transaction:
            await people.learn(transaction, user_deactivated(), at=NOON)
            registering = asyncio.create_task(stage.registers())
            await _is_waiting(stage)
        credential = await registering
    assert isinstance(credential, Credential)
    assert credential.is_orphaned


async def test_an_observed_owner_nobody_heard_of_cannot_slip_past_their_deactivation(stage: Stage) -> None:
    async with connected(stage.dsn) as other:
        async with other.transaction("acme") as transaction:
            await credentials.observe(transaction, observed(owner_id="new"), at=NOON)
            leaving = asyncio.create_task(stage.takes(user_deactivated("new")))
            await _is_waiting(stage)
        await leaving
    assert await _still_owned_by_somebody_gone(stage) == []
    assert await stage.orphans() == ["c1"]


async def _is_waiting(stage: Stage) -> None:
    """Return when somebody in this database waits for a lock."""
    query = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"

    async def is_waiting() -> bool:
        return bool(await stage.rows(query))

    await until(is_waiting, within=10 * SECOND, what="somebody waits for a lock")


async def test_no_assignment_that_races_a_deactivation_stays_owned(stage: Stage) -> None:
    await stage.has_user("ada")
    for n in range(ROUNDS):
        await stage.has_user(f"u{n}")
        await stage.takes(observed(f"c{n}"))
        acts = [stage.assigns(f"c{n}", owner_id=f"u{n}"), stage.takes(user_deactivated(f"u{n}", at=stage.now))]
        results = await asyncio.gather(*(acts if n % 2 else reversed(acts)))
        decision = results[0] if n % 2 else results[1]
        assert isinstance(decision, Credential) or decision.code == "owner-deactivated"
    assert await _still_owned_by_somebody_gone(stage) == []


async def test_several_assignments_at_once_end_with_the_last_and_announce_each(stage: Stage) -> None:
    await stage.takes(observed())
    for n in range(6):
        await stage.has_user(f"u{n}")
    await asyncio.gather(*(stage.assigns("c1", owner_id=f"u{n}") for n in range(6)))
    assigned = [e.data.owner_id for e in await stage.announced() if e.type.endswith("owner_assigned.v1")]  # type: ignore[attr-defined]
    assert sorted(assigned) == [f"u{n}" for n in range(6)]
    assert (await stage.has("c1")).accountable_id in assigned


async def test_the_same_assignment_twice_at_once_is_announced_once(stage: Stage) -> None:
    await stage.has_user("bo")
    await stage.takes(observed())
    decisions = await asyncio.gather(*(stage.assigns("c1", owner_id="bo") for _ in range(5)))
    assert sum(isinstance(decision, Refusal) for decision in decisions) == 4
    assert (await stage.types()).count("owner_assigned") == 1


async def test_renewals_sweeps_and_a_deactivation_at_once_come_to_an_end_without_a_deadlock(stage: Stage) -> None:
    await stage.takes(*(observed(f"c{n}") for n in range(30)))
    stage.clock = FixedClock(NOON + YEAR - DAY)
    renewals = [
        stage.takes(observed(f"c{n}", at=stage.now + k * HOUR, expires_at=NOON + YEAR + k * HOUR))
        for n in range(30)
        for k in (1, 2)
    ]
    await asyncio.wait_for(
        asyncio.gather(*renewals, stage.sweeps(), stage.sweeps(), stage.takes(user_deactivated(at=stage.now))), 30
    )
    stage.clock.advance(HOUR)
    await stage.sweeps()
    keys = await stage.rows(
        "select payload::json->'data'->>'expires_at' as e, subject from outbox, lateral"
        " (select aggregateid as subject) s where type like '%band%'"
    )
    assert len({(row["e"], row["subject"]) for row in keys}) == len(keys)
    assert sorted(await stage.orphans()) == sorted(f"c{n}" for n in range(30))
