"""Lists: the states that the database finds are those that the domain sees, and pages leave nothing out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from services.credential_governance.domain.model import State
from services.credential_governance.store import search
from shared.clock import FixedClock
from tests.credential_governance.builders import DAY, NOON, YEAR, observed, user_deactivated
from tests.credential_governance.stage import Stage, connected

MOMENT = timedelta(microseconds=1)

_lives = st.lists(
    st.one_of(st.none(), st.timedeltas(min_value=-DAY, max_value=2 * YEAR), st.timedeltas(timedelta(0), 9 * MOMENT)),
    min_size=1,
    max_size=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lives=_lives, at=st.timedeltas(min_value=-DAY, max_value=2 * YEAR))
@example(lives=[90 * DAY, 90 * DAY - MOMENT, 90 * DAY + MOMENT, 3 * MOMENT], at=60 * DAY)
@example(lives=[10 * MOMENT, 9 * MOMENT, 8 * MOMENT], at=6 * MOMENT)
async def test_a_list_by_state_holds_what_the_domain_says_is_in_it(
    migrated: tuple[str, str], fresh_database: str, lives: list[timedelta | None], at: timedelta
) -> None:
    async with connected(migrated[0]) as database:
        stage = Stage(database=database, admin_dsn=fresh_database, dsn=migrated[0], relay_dsn=migrated[1])
        await stage.rows("truncate outbox, inbox, due_work, crossed_band, credential")
        for n, life in enumerate(lives):
            await stage.takes(observed(f"c{n}", expires_at=None if life is None else NOON + life))
        stage.clock = FixedClock(NOON + at)
        for state in State:
            expected = [c for c in sorted(await stage.finds()) if (await stage.has(c)).state(stage.now) is state]
            assert await stage.finds(state=state) == expected


@pytest.fixture
async def shelf(stage: Stage) -> Stage:
    """Credentials of every kind of interest."""
    await stage.takes(
        observed("a-fresh", owner_id="ada"),
        observed("b-expiring", owner_id="bo", issued_at=NOON - YEAR, expires_at=NOON + DAY),
        observed("c-expired", owner_id="bo", issued_at=NOON - YEAR, expires_at=NOON - DAY),
        observed("d-orphan", owner_id="cy", expires_at=None),
        observed("e-nobodys", owner_id=None, expires_at=NOON + 10 * DAY),
        user_deactivated("cy"),
    )
    return stage


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({}, "abcde"),
        ({"state": State.ACTIVE}, "ade"),
        ({"state": State.EXPIRING}, "b"),
        ({"state": State.EXPIRED}, "c"),
        ({"owner_id": "bo"}, "bc"),
        ({"owner_id": "cy"}, "d"),
        ({"owner_id": "bo", "state": State.EXPIRED}, "c"),
        ({"orphaned": True}, "d"),
        ({"orphaned": False}, "abce"),
        ({"expires_before": NOON + 10 * DAY}, "bc"),
        ({"expires_before": NOON + 10 * DAY + MOMENT}, "bce"),
        ({"kind": "api_key"}, "abcde"),
        ({"kind": "certificate"}, ""),
    ],
)
async def test_filters_find_what_they_say(shelf: Stage, wanted: dict[str, Any], found: str) -> None:
    assert [credential_id[0] for credential_id in await shelf.finds(**wanted)] == list(found)


async def test_pages_follow_one_another_without_gap_or_repetition(stage: Stage) -> None:
    ids = [f"c{n:03}" for n in range(25)]
    await stage.takes(*(observed(i) for i in ids))
    seen: list[str] = []
    async with stage.database.transaction("acme") as transaction:
        while page := await search.page(
            transaction, search.Wanted(), at=NOON, after=seen[-1] if seen else None, limit=10
        ):
            seen += [credential.credential_id for credential in page]
    assert seen == ids
