"""Things that happen at once: one order is found, each activation ends once, nobody waits for nobody."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

from nuxari_events.pim import EndReason

from services.pim.domain.errors import Refusal
from services.pim.domain.model import Activation, Eligibility
from services.pim.domain.role_settings import RoleSettings
from services.pim.domain.rules import DEACTIVATED
from services.pim.due import make_loop
from services.pim.service import activations, role_settings
from services.pim.service.acting import Acting
from services.pim.store import people
from shared.clock import FixedClock
from tests.pim.builders import HOUR, NOON
from tests.pim.stage import OWNER, Stage, connected, user_deactivated

ROUNDS = 15


async def test_a_deactivation_wins_over_an_activation_that_races_it(stage: Stage) -> None:
    for n in range(ROUNDS):
        eligibility = await stage.eligible(f"u{n}")
        activating = stage.activates(eligibility.eligibility_id, user_id=f"u{n}")
        leaving = stage.learn(user_deactivated(f"u{n}", at=stage.now))
        results = await asyncio.gather(*((activating, leaving) if n % 2 else (leaving, activating)))
        decision = results[0] if n % 2 else results[1]
        assert isinstance(decision, Activation) or decision == DEACTIVATED
        assert await stage.effective(f"u{n}") == {}
    started = {e.data.activation_id for e in await stage.starts()}
    assert [e.data.activation_id for e in await stage.ends()] == sorted(started)
    assert await stage.rows("select 1 from activation where ended_at is null") == []


async def test_a_withdrawal_and_the_expiry_at_once_announce_exactly_one_end(stage: Stage) -> None:
    eligibility = await stage.eligible()
    ids = [(await stage.active(eligibility.eligibility_id, duration=HOUR)).activation_id for _ in range(ROUNDS)]
    just_before = NOON + HOUR - timedelta(microseconds=1)

    async def withdraw(activation_id: str) -> Activation | Refusal:
        async with stage.database.transaction("acme") as transaction:
            acting = Acting(actor_id="ada")
            return await activations.withdraw(transaction, activation_id, user_id="ada", acting=acting, at=just_before)

    loop = make_loop(stage.database, clock=stage.clock)
    await asyncio.gather(*(withdraw(i) for i in ids), loop.sweep(NOON + HOUR), loop.sweep(NOON + HOUR))
    stage.clock.advance(2 * HOUR)
    await stage.sweeps()
    ends = await stage.ends()
    assert sorted(e.data.activation_id for e in ends) == sorted(ids)
    assert {e.data.reason for e in ends} <= {EndReason.ENDED, EndReason.WITHDRAWN}


async def test_several_revocations_at_once_end_an_activation_once(stage: Stage) -> None:
    eligibility = await stage.eligible()
    activation = await stage.active(eligibility.eligibility_id)
    decisions = await asyncio.gather(
        *(stage.revokes(activation.activation_id) for _ in range(4)),
        stage.withdraws(activation.activation_id),
        stage.takes_back(eligibility.eligibility_id),
    )
    assert len(await stage.ends()) == 1
    assert sum(isinstance(d, Activation) for d in decisions) <= 1
    assert sum(isinstance(d, Eligibility) for d in decisions) == 1


async def test_several_due_loops_at_once_end_each_activation_once(stage: Stage) -> None:
    ids = []
    for n in range(40):
        eligibility = await stage.eligible(f"u{n}", role="approver")
        ids.append((await stage.active(eligibility.eligibility_id, user_id=f"u{n}", duration=HOUR)).activation_id)
    clock = FixedClock(NOON + 2 * HOUR)
    async with AsyncExitStack() as exits:
        databases = [await exits.enter_async_context(connected(stage.dsn)) for _ in range(4)]
        loops = [make_loop(database, clock=clock) for database in databases]

        async def drain(n: int) -> None:
            while await loops[n].sweep(clock.now() + n * timedelta(seconds=1)):
                pass

        await asyncio.gather(*(drain(n) for n in range(4)))
    stage.clock.advance(3 * HOUR)
    await stage.sweeps()
    assert sorted(e.data.activation_id for e in await stage.ends()) == sorted(ids)


async def test_due_work_never_waits_for_a_user_whom_somebody_else_decides_about(stage: Stage) -> None:
    eligibility = await stage.eligible()
    await stage.active(eligibility.eligibility_id, duration=HOUR)
    stage.clock.advance(HOUR)
    async with stage.database.transaction("acme") as busy:
        await people.locked(busy, "ada")
        loop = make_loop(stage.database, clock=stage.clock)
        assert await asyncio.wait_for(loop.sweep(stage.now), 2) == 1
        assert await stage.ends() == []
    stage.clock.advance(activations.LOOK_AGAIN)
    await stage.sweeps()
    assert len(await stage.ends()) == 1


async def test_of_two_changes_of_the_same_settings_one_is_refused_as_stale(stage: Stage) -> None:
    async def tighten(hours: int) -> RoleSettings | Refusal:
        wish = role_settings.Change(maximum_duration=timedelta(hours=hours), justification_length=10, mfa_required=True)
        async with stage.database.transaction("acme") as transaction:
            return await role_settings.tighten(
                transaction, "client_admin", wish=wish, read_version=0, acting=OWNER, at=stage.now
            )

    decisions = await asyncio.gather(*(tighten(hours) for hours in (1, 2, 3, 4)))
    assert sorted(d.code if isinstance(d, Refusal) else "done" for d in decisions) == [
        "done",
        *["version-stale"] * 3,
    ]
