"""A deactivated user leaves orphans: all of them, at once, each announced once, until somebody is assigned."""

from __future__ import annotations

import pytest
from nuxari_events.credentials import CredentialOrphaned, CredentialOwnerAssigned
from nuxari_events.envelope import Event
from nuxari_events.ids import derived_id, uuid7

from services.credential_governance.domain.errors import Refusal
from services.credential_governance.domain.model import Credential
from services.credential_governance.service import people
from tests.credential_governance.builders import HOUR, NOON, YEAR, observed, user_activated, user_deactivated
from tests.credential_governance.stage import Stage

MANY = 2000


async def test_a_deactivation_orphans_every_credential_of_the_user_and_no_other(stage: Stage) -> None:
    mine = [(await stage.registered(name=f"key {n}")).credential_id for n in range(3)]
    others = (await stage.registered(owner_id="bo")).credential_id
    event = user_deactivated(at=NOON + HOUR)
    await stage.takes(event)
    announced = await stage.announced_of(CredentialOrphaned)
    assert sorted(e.data.credential_id for e in announced) == sorted(mine)
    assert {(e.data.former_owner_id, e.data.orphaned_at, e.causationid) for e in announced} == {
        ("ada", NOON + HOUR, event.id)
    }
    assert (await stage.has(others)).accountable_id == "bo"


async def test_the_ids_of_the_announcements_follow_from_the_deactivation(stage: Stage) -> None:
    await stage.takes(observed(), event := user_deactivated())
    (orphaned,) = await stage.announced_of(CredentialOrphaned)
    assert orphaned.id == derived_id(*event.identity, "acme", "c1", orphaned.type)


async def test_thousands_of_credentials_are_orphaned_with_few_statements(stage: Stage) -> None:
    await _has_many(stage, MANY)
    statements: list[str] = []
    async with stage.database.transaction("acme") as transaction:
        with transaction.connection.query_logger(lambda one: statements.append(one.query)):
            await people.learn(transaction, user_deactivated(), at=NOON)
            await transaction.flush()
    assert len(statements) <= 13, "three of them when asyncpg first asks for the types of the outbox"
    orphans = await stage.orphans()
    assert len(orphans) == len(set(orphans)) == MANY
    assert await stage.rows("select 1 from credential where orphaned_at is null") == []


async def _has_many(stage: Stage, number: int) -> None:
    await stage.has_user()
    await stage.rows(
        "insert into credential (tenant_id, credential_id, name, kind, notes, issued_at, expires_at, owner_id,"
        " owned_since, facts_at, registered_at)"
        " select 'acme', 'c' || n, 'key', 'api_key', '', $1, $2, 'ada', $1, $1, $1 from generate_series(1, $3) n",
        NOON,
        NOON + YEAR,
        number,
    )


async def test_a_doubled_deactivation_announces_nothing_twice(stage: Stage) -> None:
    event = user_deactivated()
    await stage.takes(observed(), event, event, user_deactivated(at=NOON + HOUR))
    assert await stage.orphans() == ["c1"]


async def test_a_credential_registered_for_somebody_gone_is_an_orphan_at_once(stage: Stage) -> None:
    await stage.takes(user_deactivated())
    credential = await stage.registers()
    assert isinstance(credential, Credential)
    assert await stage.types() == ["credential_registered", "credential_orphaned"]
    assert (await stage.has(credential.credential_id)).is_orphaned


async def test_a_reactivated_user_gets_nothing_back_until_it_is_assigned(stage: Stage) -> None:
    await stage.takes(observed(), user_deactivated(), user_activated(at=NOON + HOUR))
    assert (await stage.has("c1")).is_orphaned
    assigned = await stage.assigns("c1", owner_id="ada")
    assert isinstance(assigned, Credential)
    assert (await stage.has("c1")).accountable_id == "ada"


async def test_an_assigned_owner_is_announced_and_the_credential_is_no_orphan_any_more(stage: Stage) -> None:
    await stage.has_user("bo")
    await stage.takes(observed(), user_deactivated())
    await stage.assigns("c1", owner_id="bo")
    (announced,) = await stage.announced_of(CredentialOwnerAssigned)
    assert (announced.data.credential_id, announced.data.owner_id) == ("c1", "bo")
    assert (announced.actorid, announced.correlationid) == ("olga", "r-1")
    assert await stage.finds(orphaned=True) == []


async def test_an_assigned_credential_is_orphaned_again_when_its_new_owner_leaves(stage: Stage) -> None:
    await stage.has_user("bo")
    await stage.takes(observed(), user_deactivated())
    await stage.assigns("c1", owner_id="bo")
    await stage.takes(user_deactivated("bo", at=NOON + HOUR))
    former = [e.data.former_owner_id for e in await stage.announced_of(CredentialOrphaned)]
    assert former == ["ada", "bo"]


@pytest.mark.parametrize("owner_id", ["nobody", "gone"])
async def test_a_credential_cannot_be_given_to_somebody_who_is_not_there(stage: Stage, owner_id: str) -> None:
    await stage.takes(observed(), user_deactivated("gone"))
    decision = await stage.assigns("c1", owner_id=owner_id)
    assert isinstance(decision, Refusal)
    assert decision.code == {"nobody": "owner-unknown", "gone": "owner-deactivated"}[owner_id]
    assert (await stage.has("c1")).accountable_id == "ada"


async def test_a_late_deactivation_orphans_what_was_owned_before_it_and_leaves_the_rest(stage: Stage) -> None:
    await stage.takes(user_activated(at=NOON - 2 * HOUR), observed("before"))
    stage.clock.advance(2 * HOUR)
    await stage.takes(user_activated(at=NOON + 2 * HOUR), observed("after", at=NOON + 2 * HOUR))
    await stage.takes(user_deactivated(at=NOON + HOUR))
    assert await stage.orphans() == ["before"]
    assert isinstance(await stage.registers(), Credential)
    assert await stage.finds(orphaned=True) == ["before"]


async def test_an_older_status_than_is_known_changes_nothing(stage: Stage) -> None:
    await stage.takes(user_deactivated(at=NOON), user_activated(at=NOON - HOUR))
    credential = await stage.registers()
    assert isinstance(credential, Credential)
    assert credential.is_orphaned


async def test_events_about_other_things_change_nothing(stage: Stage) -> None:
    other = Event(id=uuid7(), source="/nuxari/identity", type="other", time=NOON, subject="ada", tenantid="acme")
    async with stage.database.transaction("acme") as transaction:
        await people.learn(transaction, other, at=NOON)
    assert await stage.rows("select 1 from projected_user") == []


async def test_the_owner_of_a_credential_can_leave_without_one_being_announced(stage: Stage) -> None:
    await stage.has_user("ada")
    await stage.takes(observed(owner_id=None), user_deactivated("ada"))
    assert await stage.orphans() == []
    assert not (await stage.has("c1")).is_orphaned
