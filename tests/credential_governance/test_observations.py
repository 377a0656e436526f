"""What sources see: registered once, refreshed by what is later, untouched by what is older, late or doubled."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from nuxari_events.credentials import CredentialOrphaned, CredentialRegistered
from structlog.testing import capture_logs

from services.credential_governance.domain.rules import REDACTED
from tests.credential_governance.builders import (
    DAY,
    HOUR,
    NOON,
    YEAR,
    observed,
    user_activated,
    user_deactivated,
    user_invited,
)
from tests.credential_governance.stage import Stage, connected


async def test_a_new_credential_is_registered_and_announced_with_its_cause(stage: Stage) -> None:
    event = observed()
    await stage.takes(event)
    (announced,) = await stage.announced_of(CredentialRegistered)
    assert announced.data == event.data
    assert (announced.causationid, announced.correlationid) == (event.id, event.id)


async def test_a_doubled_observation_announces_nothing_twice(stage: Stage) -> None:
    event = observed()
    await stage.takes(event, event)
    await stage.takes(observed(at=NOON + HOUR))
    assert await stage.types() == ["credential_registered"]


async def test_a_second_attempt_has_the_same_ids(stage: Stage) -> None:
    event = observed()
    await stage.takes(event)
    first = await stage.announced()
    await stage.rows("truncate outbox, inbox, due_work, crossed_band, credential, projected_user")
    await stage.takes(event)
    assert [e.id for e in await stage.announced()] == [e.id for e in first]


async def test_new_facts_are_announced_again(stage: Stage) -> None:
    await stage.takes(observed(), observed(at=NOON + HOUR, name="renamed"))
    first, second = await stage.announced_of(CredentialRegistered)
    assert (first.data.name, second.data.name) == ("nightly export", "renamed")
    assert (await stage.has("c1")).name == "renamed"


async def test_an_older_observation_changes_nothing(stage: Stage) -> None:
    await stage.takes(observed(at=NOON + HOUR), observed(at=NOON, name="older", expires_at=None))
    credential = await stage.has("c1")
    assert (credential.name, credential.validity.expires_at) == ("nightly export", NOON + YEAR)
    assert await stage.types() == ["credential_registered"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)))
async def test_in_any_order_the_latest_facts_win(
    migrated: tuple[str, str], fresh_database: str, order: list[int]
) -> None:
    tenant = "t-" + "".join(map(str, order))
    async with connected(migrated[0]) as database:
        stage = Stage(database=database, admin_dsn=fresh_database, dsn=migrated[0], relay_dsn=migrated[1])
        events = [
            observed(
                at=NOON + n * timedelta(seconds=1), name=f"name {n}", expires_at=NOON + (n + 1) * DAY, tenant=tenant
            )
            for n in order
        ]
        await stage.takes(*events)
        credential = await stage.has("c1", tenant=tenant)
    assert (credential.name, credential.validity.expires_at) == ("name 5", NOON + 6 * DAY)


async def test_a_reported_owner_who_was_never_heard_of_is_taken_and_orphaned_by_their_deactivation(
    stage: Stage,
) -> None:
    await stage.takes(observed(owner_id="ada"))
    assert (await stage.has("c1")).accountable_id == "ada"
    await stage.takes(user_deactivated("ada"))
    assert await stage.orphans() == ["c1"]


async def test_an_owner_who_is_invited_later_is_heard_of_then(stage: Stage) -> None:
    await stage.takes(observed(owner_id="ada"), user_invited("ada"), user_activated("ada", at=NOON + HOUR))
    rows = await stage.rows("select status from projected_user")
    assert [row["status"] for row in rows] == ["active"]


async def test_a_credential_of_somebody_gone_is_an_orphan_from_the_start(stage: Stage) -> None:
    event = observed(owner_id="ada")
    await stage.takes(user_deactivated("ada"), event)
    assert await stage.types() == ["credential_registered", "credential_orphaned"]
    (registered,), (orphaned,) = (
        await stage.announced_of(CredentialRegistered),
        await stage.announced_of(CredentialOrphaned),
    )
    assert registered.data.owner_id is None
    assert (orphaned.data.former_owner_id, orphaned.causationid) == ("ada", event.id)


async def test_a_source_that_repeats_a_gone_owner_orphans_nothing_again(stage: Stage) -> None:
    await stage.has_user("bo")
    await stage.takes(user_deactivated("ada"), observed(owner_id="ada"))
    await stage.assigns("c1", owner_id="bo")
    await stage.takes(observed(at=NOON + HOUR, owner_id="ada"))
    assert (await stage.has("c1")).accountable_id == "bo"
    assert await stage.orphans() == ["c1"]


async def test_a_source_that_names_a_new_owner_of_an_orphan_is_believed_once_they_are_active(stage: Stage) -> None:
    await stage.takes(user_deactivated("ada"), observed(owner_id="ada"), observed(at=NOON + HOUR, owner_id="bo"))
    assert (await stage.has("c1")).is_orphaned
    await stage.has_user("bo")
    await stage.takes(observed(at=NOON + 2 * HOUR, owner_id="bo"))
    assert (await stage.has("c1")).accountable_id == "bo"
    assert (await stage.types())[-2:] == ["credential_registered", "owner_assigned"]


async def test_a_secret_in_an_observed_name_reaches_neither_row_nor_event(stage: Stage) -> None:
    await stage.takes(observed(name="-----BEGIN PRIVATE KEY----- MIIEvQIBADANBg"))
    assert (await stage.has("c1")).name == REDACTED
    rows = await stage.rows("select payload from outbox")
    assert all("MII" not in row["payload"] for row in rows)


async def test_a_source_that_uses_the_secret_as_id_is_not_followed_and_not_quoted(stage: Stage) -> None:
    secret = "ghp_" + "a1B2" * 9
    with capture_logs() as logs:
        await stage.takes(observed(secret))
    assert await stage.rows("select 1 from credential") == []
    assert len(logs) == 1
    assert secret not in str(logs)


@pytest.mark.parametrize(
    ("issued_at", "expires_at"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
        (datetime(9999, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)),
        (datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)),
    ],
)
async def test_the_dates_that_sources_make_up_are_kept(stage: Stage, issued_at: datetime, expires_at: datetime) -> None:
    await stage.takes(*(observed(issued_at=issued_at, expires_at=expires_at, at=at) for at in (issued_at, NOON)))
    await stage.sweeps()
    credential = await stage.has("c1")
    assert (credential.validity.issued_at, credential.validity.expires_at) == (issued_at, expires_at)
    assert await stage.finds(state=credential.state(stage.now)) == ["c1"]
    assert (await stage.types()).count("credential_registered") == 1


async def test_an_id_may_hold_whatever_one_line_can(stage: Stage) -> None:
    for credential_id in (
        "arn:aws:acm:eu-central-1:123456789012:certificate/abc",
        "'; drop table credential; --",
        "ключ",
    ):
        await stage.takes(observed(credential_id))
        assert (await stage.has(credential_id)).credential_id == credential_id
