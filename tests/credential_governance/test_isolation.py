"""Tenants do not meet: not in rows, lists, deactivations or sweeps, and not even where their ids are equal."""

from __future__ import annotations

import asyncpg
import pytest

from services.credential_governance.domain.errors import Refusal
from services.credential_governance.store import credentials as store
from shared.clock import FixedClock
from tests.credential_governance.builders import DAY, NOON, YEAR, observed, user_deactivated
from tests.credential_governance.stage import Stage

TABLES = ("projected_user", "credential", "crossed_band")


async def _two_tenants_with_equal_ids(stage: Stage) -> None:
    for tenant in ("acme", "globex"):
        await stage.has_user("bo", tenant=tenant)
        await stage.takes(observed("c1", tenant=tenant, name=f"of {tenant}"))


async def test_equal_ids_of_two_tenants_are_two_credentials(stage: Stage) -> None:
    await _two_tenants_with_equal_ids(stage)
    assert [(await stage.has("c1", tenant=tenant)).name for tenant in ("acme", "globex")] == ["of acme", "of globex"]


async def test_a_deactivation_orphans_in_its_own_tenant_alone(stage: Stage) -> None:
    await _two_tenants_with_equal_ids(stage)
    await stage.takes(user_deactivated("ada", tenant="acme"))
    assert (await stage.has("c1", tenant="acme")).is_orphaned
    assert not (await stage.has("c1", tenant="globex")).is_orphaned
    assert await stage.orphans(tenant="globex") == []


async def test_a_sweep_announces_each_tenants_own_under_an_id_of_its_own(stage: Stage) -> None:
    await _two_tenants_with_equal_ids(stage)
    stage.clock = FixedClock(NOON + YEAR - DAY)
    await stage.sweeps()
    assert await stage.bands(tenant="acme") == await stage.bands(tenant="globex") == [("c1", "critical")]
    ids = [event.id for event in await stage.announced(tenant=None)]
    assert len(set(ids)) == len(ids)


async def test_an_owner_is_looked_for_in_the_own_tenant_alone(stage: Stage) -> None:
    await stage.has_user("eve", tenant="globex")
    decision = await stage.registers(owner_id="eve", tenant="acme")
    assert isinstance(decision, Refusal)
    assert decision.code == "owner-unknown"


async def test_a_query_without_a_tenant_sees_nothing(stage: Stage) -> None:
    await _two_tenants_with_equal_ids(stage)
    stage.clock = FixedClock(NOON + YEAR - DAY)
    await stage.sweeps()
    async with stage.database.transaction() as transaction:
        seen = [await transaction.fetchval(f"select count(*) from {table}") for table in TABLES]  # noqa: S608
    assert seen == [0, 0, 0]


@pytest.mark.parametrize("table", TABLES)
async def test_a_query_that_forgets_its_tenant_sees_only_the_one_that_is_set(stage: Stage, table: str) -> None:
    await _two_tenants_with_equal_ids(stage)
    stage.clock = FixedClock(NOON + YEAR - DAY)
    await stage.sweeps()
    async with stage.database.transaction("acme") as transaction:
        tenants = await transaction.fetch(f"select distinct tenant_id from {table}")  # noqa: S608 - a constant
    assert [row["tenant_id"] for row in tenants] == ["acme"]


async def test_a_row_of_another_tenant_cannot_be_written(stage: Stage) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with stage.database.transaction("acme") as transaction:
            await transaction.execute(
                "insert into projected_user (tenant_id, user_id, status) values ('globex', 'eve', 'unheard_of')"
            )


async def test_another_tenants_credential_is_not_found(stage: Stage) -> None:
    await stage.takes(observed("theirs", tenant="globex"))
    async with stage.database.transaction("acme") as transaction:
        assert await store.found(transaction, "theirs") is None
    assert await stage.finds(tenant="acme") == []
