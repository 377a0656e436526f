"""Two tenants whose ids collide: nothing of one is seen, ended or counted in the other."""

from __future__ import annotations

from dataclasses import replace

import asyncpg
import pytest
from nuxari_events.pim import EndReason

from services.pim.domain.errors import Refusal
from services.pim.domain.model import Activation
from services.pim.store import activations, eligibilities
from shared import due
from tests.pim.builders import HOUR, NOON
from tests.pim.stage import Stage, user_deactivated

TABLES = ("projected_user", "projected_role", "eligibility", "activation", "activation_step", "role_settings")


@pytest.fixture
async def twins(stage: Stage) -> Activation:
    """The same user, eligibility and activation, id for id, in `acme` and in `other`."""
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id, duration=HOUR)
    await stage.has_user(tenant="other")
    async with stage.database.transaction("other") as transaction:
        await eligibilities.add(transaction, eligibility)
        await activations.add(transaction, activation)
        await due.schedule(transaction, kind="activation_end", key=activation.activation_id, due_at=activation.ends_at)
    return activation


async def test_a_withdrawal_ends_the_activation_of_its_own_tenant_alone(stage: Stage, twins: Activation) -> None:
    await stage.withdraws(twins.activation_id, tenant="other")
    assert "client_admin" in await stage.effective(tenant="acme")
    assert await stage.effective(tenant="other") == {}
    assert [e.tenantid for e in await stage.ends(tenant="other")] == ["other"]
    assert await stage.ends(tenant="acme") == []


async def test_a_deactivation_in_one_tenant_leaves_the_namesake_in_the_other_alone(
    stage: Stage, twins: Activation
) -> None:
    await stage.learn(user_deactivated("ada", at=NOON, tenant="other"))
    assert (await stage.effective(tenant="acme"))["client_admin"].activation_ids == (twins.activation_id,)
    assert await stage.effective(tenant="other") == {}


async def test_both_expire_on_their_own_and_are_announced_under_different_ids(stage: Stage, twins: Activation) -> None:
    stage.clock.advance(HOUR)
    await stage.sweeps()
    mine, theirs = await stage.ends(tenant="acme"), await stage.ends(tenant="other")
    assert [e.data.reason for e in mine + theirs] == [EndReason.ENDED, EndReason.ENDED]
    assert [e.data.activation_id for e in mine + theirs] == [twins.activation_id] * 2
    assert mine[0].id != theirs[0].id


async def test_an_eligibility_of_another_tenant_activates_nothing(stage: Stage) -> None:
    eligibility = await stage.eligible()
    await stage.has_user(tenant="other")
    refused = await stage.activates(eligibility.eligibility_id, tenant="other")
    assert isinstance(refused, Refusal)
    assert refused.code == "not-found"


@pytest.mark.parametrize("table", TABLES)
async def test_the_database_itself_shows_a_tenant_only_its_own_rows(
    stage: Stage, twins: Activation, table: str
) -> None:
    everything = await stage.rows(f"select tenant_id from {table}")  # noqa: S608 - a constant
    service = await asyncpg.connect(stage.dsn)
    try:
        assert await service.fetch(f"select 1 from {table}") == []  # noqa: S608
        async with service.transaction():
            await service.execute("select set_config('nuxari.tenant', 'other', true)")
            seen = await service.fetch(f"select tenant_id from {table}")  # noqa: S608
    finally:
        await service.close()
    assert {row["tenant_id"] for row in seen} <= {"other"}
    assert len(seen) == sum(row["tenant_id"] == "other" for row in everything)
    assert twins.activation_id


async def test_a_row_of_another_tenant_cannot_be_written(stage: Stage) -> None:
    eligibility = await stage.eligible()
    async with stage.database.transaction("acme") as transaction:
        transaction.tenant_id = "other"
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with transaction.connection.transaction():
                await eligibilities.add(transaction, replace(eligibility, eligibility_id="stolen"))
    assert await stage.rows("select 1 from eligibility where eligibility_id = 'stolen'") == []
