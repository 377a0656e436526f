"""Crossed bands reach the outbox exactly once: however many sweeps are missed, doubled, late or at once."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nuxari_events.credentials import ExpiryBandCrossed
from nuxari_events.ids import derived_id

from services.credential_governance.domain.expiry import ExpiryBand, Validity
from services.credential_governance.due import make_loop
from services.credential_governance.events import SOURCE
from services.credential_governance.service.expiry import LOOK_AGAIN, look
from services.credential_governance.store import credentials as store
from shared.clock import FixedClock
from tests.credential_governance.builders import DAY, NOON, YEAR, observed
from tests.credential_governance.stage import Stage, connected
from tests.waiting import until

END = NOON + YEAR
SOON = timedelta(seconds=10)


async def test_each_band_is_announced_when_it_is_crossed(stage: Stage) -> None:
    credential_id = (await stage.registered()).credential_id
    for start in (END - 30 * DAY, END - 14 * DAY, END - 7 * DAY, END):
        stage.clock = FixedClock(start - timedelta(microseconds=1))
        await stage.sweeps()
        stage.clock = FixedClock(start)
        await stage.sweeps()
    assert await stage.bands() == [(credential_id, band) for band in ("warning", "high", "critical", "expired")]
    assert await stage.rows("select * from due_work") == []


async def test_missed_sweeps_are_collapsed_to_the_most_severe_band(stage: Stage) -> None:
    credential_id = (await stage.registered()).credential_id
    stage.clock = FixedClock(END - DAY)
    await stage.sweeps()
    stage.clock = FixedClock(END + YEAR)
    await stage.sweeps()
    assert await stage.bands() == [(credential_id, "critical"), (credential_id, "expired")]


async def test_what_is_expired_when_it_is_first_seen_is_announced_once_and_at_once(stage: Stage) -> None:
    await stage.takes(observed(issued_at=NOON - YEAR, expires_at=NOON - DAY))
    await stage.sweeps()
    await stage.sweeps()
    assert await stage.bands() == [("c1", "expired")]


async def test_a_clock_that_goes_back_announces_nothing_again(stage: Stage) -> None:
    await stage.takes(observed())
    for at in (END - 10 * DAY, END - 20 * DAY, END - 10 * DAY, END - 40 * DAY, END - 5 * DAY):
        stage.clock = FixedClock(at)
        await stage.sweeps()
    assert await stage.bands() == [("c1", "high"), ("c1", "critical")]


async def test_the_announcement_says_what_is_needed_and_its_id_follows_from_expiry_and_band(stage: Stage) -> None:
    await stage.takes(observed())
    stage.clock = FixedClock(END - 30 * DAY)
    await stage.sweeps()
    (event,) = await stage.announced_of(ExpiryBandCrossed)
    assert (event.subject, event.data.owner_id, event.data.expires_at) == ("c1", "ada", END)
    assert event.id == derived_id(SOURCE, "acme", "c1", END.isoformat(), "warning")
    assert (event.time, event.actorid, event.causationid) == (stage.now, None, None)


async def test_many_sweeps_at_once_announce_each_band_once(stage: Stage) -> None:
    await stage.takes(*(observed(f"c{n}", expires_at=NOON + (n + 1) * DAY, issued_at=NOON - YEAR) for n in range(60)))
    at = NOON + 40 * DAY
    stage.clock = FixedClock(at)
    loop = make_loop(stage.database, clock=stage.clock)
    while sum(await asyncio.gather(*(loop.sweep(at) for _ in range(4)))):
        pass
    assert len(await stage.bands()) == len({c for c, _ in await stage.bands()}) == 60


async def test_two_running_loops_cross_every_band_once(stage: Stage) -> None:
    await stage.takes(*(observed(f"c{n}") for n in range(150)))
    async with connected(stage.dsn) as other:
        loops = [make_loop(database, clock=stage.clock) for database in (stage.database, other)]
        running = [asyncio.create_task(loop.run()) for loop in loops]
        for at, announced in ((END - 30 * DAY, 150), (END - 14 * DAY, 300), (END, 450)):
            stage.clock.advance(at - stage.now)
            await _has_bands(stage, announced)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
    assert len(set(await stage.bands())) == 450


async def _has_bands(stage: Stage, number: int) -> None:
    async def there() -> bool:
        return len(await stage.bands()) >= number

    await until(there, within=SOON, what=f"{number} bands")


async def test_a_sweep_that_dies_before_its_commit_loses_nothing_and_doubles_nothing(stage: Stage) -> None:
    await stage.takes(observed())
    with pytest.raises(ZeroDivisionError):
        await _look_and_die(stage)
    stage.clock = FixedClock(END)
    await stage.sweeps()
    assert await stage.bands() == [("c1", "expired")]


async def _look_and_die(stage: Stage) -> None:
    async with stage.database.transaction("acme") as transaction:
        await look(transaction, "c1", END)
        await transaction.flush()
        raise ZeroDivisionError


async def test_a_sweep_does_not_wait_for_a_credential_that_somebody_decides_about(stage: Stage) -> None:
    await stage.takes(observed())
    stage.clock = FixedClock(END)
    loop = make_loop(stage.database, clock=stage.clock)
    async with connected(stage.dsn) as other, other.transaction("acme") as transaction:
        await store.locked(transaction, "c1")
        assert await asyncio.wait_for(loop.sweep(END), 5) == 1
        assert await stage.bands() == []
    stage.clock.advance(LOOK_AGAIN)
    await stage.sweeps()
    assert await stage.bands() == [("c1", "expired")]


async def test_a_second_announcement_of_a_band_is_refused_by_the_database_itself(stage: Stage) -> None:
    await stage.takes(observed())
    credential = await stage.has("c1")
    async with stage.database.transaction("acme") as transaction:
        answers = [
            await store.cross(transaction, credential, band=band, at=END)
            for band in (ExpiryBand.HIGH, ExpiryBand.HIGH, ExpiryBand.WARNING, ExpiryBand.EXPIRED)
        ]
    assert answers == [True, False, False, True]


async def test_an_extended_expiry_can_be_crossed_anew(stage: Stage) -> None:
    await stage.takes(observed())
    stage.clock = FixedClock(END - DAY)
    await stage.sweeps()
    await stage.takes(observed(at=stage.now, issued_at=stage.now, expires_at=END + YEAR))
    await stage.sweeps()
    assert (await stage.has("c1")).band(stage.now) is None
    stage.clock = FixedClock(END + YEAR - 30 * DAY)
    await stage.sweeps()
    assert await stage.bands() == [("c1", "critical"), ("c1", "warning")]


async def test_a_shortened_expiry_is_noticed_at_once(stage: Stage) -> None:
    await stage.takes(observed())
    await stage.takes(observed(at=NOON + DAY, expires_at=NOON + 2 * DAY))
    stage.clock.advance(DAY + timedelta(hours=23))
    await stage.sweeps()
    assert await stage.bands() == [("c1", "critical")]


async def test_an_expiry_that_was_taken_away_is_crossed_no_more(stage: Stage) -> None:
    await stage.takes(observed(), observed(at=NOON + DAY, expires_at=None))
    stage.clock = FixedClock(END)
    assert await stage.sweeps() == 0
    assert await stage.bands() == []


async def test_an_observation_that_leaves_the_expiry_alone_announces_no_band(stage: Stage) -> None:
    await stage.takes(observed())
    stage.clock = FixedClock(END - 10 * DAY)
    await stage.sweeps()
    await stage.takes(observed(at=stage.now), observed(at=stage.now, name="renamed"))
    await stage.sweeps()
    assert await stage.bands() == [("c1", "high")]


async def test_an_expiry_that_comes_back_is_not_announced_twice(stage: Stage) -> None:
    stage.clock = FixedClock(END - 10 * DAY)
    for n, expires_at in enumerate((END, END + YEAR, END)):
        await stage.takes(observed(at=stage.now + n * timedelta(seconds=1), expires_at=expires_at))
        await stage.sweeps()
    assert await stage.bands() == [("c1", "high")]
    stage.clock = FixedClock(END)
    await stage.sweeps()
    assert await stage.bands() == [("c1", "high"), ("c1", "expired")]


_numbers = count()
_steps = st.lists(
    st.tuples(
        st.timedeltas(min_value=timedelta(0), max_value=60 * DAY),
        st.one_of(st.just("sweep"), st.just("double sweep"), st.sampled_from((0, 20, 100, 400))),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_steps)
def test_any_mixture_of_sweeps_and_renewals_announces_as_a_naive_model_would(
    migrated: tuple[str, str], fresh_database: str, steps: list[tuple[timedelta, str | int]]
) -> None:
    tenant = f"t{next(_numbers)}"

    async def played() -> tuple[list[tuple[str, datetime]], list[tuple[str, datetime]]]:
        async with connected(migrated[0]) as database:
            stage = Stage(database=database, admin_dsn=fresh_database, dsn=migrated[0], relay_dsn=migrated[1])
            expected = await _play(stage, tenant, steps)
            crossed = await stage.announced_of(ExpiryBandCrossed, tenant=tenant)
            return expected, [(event.data.band.value, event.data.expires_at) for event in crossed]

    expected, announced = asyncio.run(played())
    assert announced == expected


async def _play(stage: Stage, tenant: str, steps: list[tuple[timedelta, str | int]]) -> list[tuple[str, datetime]]:
    """Do the steps and return what somebody announces who remembers, per expiry, all that they have said."""
    expires_at, said, expected = NOON + 100 * DAY, dict[datetime, int](), []
    await stage.takes(observed(expires_at=expires_at, tenant=tenant))
    for passed, step in steps:
        at = stage.clock.advance(passed)
        if isinstance(step, int):
            expires_at = NOON + step * DAY
            await stage.takes(observed(at=at, expires_at=expires_at, tenant=tenant))
            continue
        for _ in range(2 if step == "double sweep" else 1):
            await stage.sweeps()
            band = Validity(NOON, expires_at).band_at(at)
            rank = band.severity if band is not None else 0
            if band is not None and rank > said.get(expires_at, 0):
                said[expires_at] = rank
                expected.append((band.value, expires_at))
    return expected
