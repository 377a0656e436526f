"""Credential governance between its topics on a real broker: what happens is announced, once, whatever is doubled."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from nuxari_events.credentials import (
    CredentialOrphaned,
    CredentialRegistered,
    ExpiryBandCrossed,
)
from nuxari_events.envelope import Event
from nuxari_events.ids import uuid7
from nuxari_events.topics import CREDENTIAL_OBSERVATIONS

from services.credential_governance.due import make_loop
from shared.clock import SystemClock
from shared.messaging.provision import apply_topics
from tests.credential_governance.builders import observed, user_activated, user_deactivated
from tests.credential_governance.kafka import (
    SOON,
    announced_to,
    arrived,
    consuming,
    on_topic,
    publish,
    publish_raw,
    relaying,
    running,
)
from tests.credential_governance.stage import Stage, connected
from tests.waiting import until

MANY = 2000
HOUR = timedelta(hours=1)


@pytest.fixture
async def topics(kafka: str) -> str:
    await apply_topics(kafka, replication_factor=1)
    return kafka


@pytest.fixture
def tenant() -> str:
    return f"t-{uuid7()[-12:]}"


@pytest.fixture
def now() -> datetime:
    return SystemClock().now()


def _orphans(events: Sequence[Event]) -> list[str]:
    return [event.data.credential_id for event in events if isinstance(event, CredentialOrphaned)]


async def test_a_leavers_credentials_are_orphaned_and_a_replay_announces_nothing_twice(
    stage: Stage, topics: str, tenant: str, now: datetime
) -> None:
    joined, left = user_activated(at=now - HOUR, tenant=tenant), user_deactivated(at=now, tenant=tenant)
    seen = [observed(f"c{n}", at=now - HOUR, tenant=tenant) for n in range(3)]
    async with consuming(stage, topics), relaying(stage, topics):
        await publish(topics, [joined, *seen, seen[0], left, joined, left, *seen])
        await arrived(topics, tenant, lambda e: len(_orphans(e)) == 3, what="three orphans")
        await publish(topics, [left, *seen, last := observed("last", at=now, owner_id=None, tenant=tenant)])
        events = await arrived(topics, tenant, lambda e: e[-1].subject == "last", what="the last event applied")
    assert sorted(_orphans(events)) == ["c0", "c1", "c2"]
    assert [e.subject for e in events if isinstance(e, CredentialRegistered)].count("c0") == 1
    assert {e.causationid for e in events if isinstance(e, CredentialOrphaned)} <= {left.id, *(s.id for s in seen)}
    assert events[-1].causationid == last.id


async def test_in_whatever_order_the_two_topics_are_read_nothing_keeps_an_owner_who_is_gone(
    stage: Stage, topics: str, tenant: str, now: datetime
) -> None:
    before = [observed(f"before-{n}", at=now - HOUR, owner_id=f"u{n}", tenant=tenant) for n in range(50)]
    leaving = [user_deactivated(f"u{n}", at=now, tenant=tenant) for n in range(50)]
    after = [observed(f"after-{n}", at=now + HOUR, owner_id=f"u{n}", tenant=tenant) for n in range(50)]
    async with consuming(stage, topics), consuming(stage, topics), relaying(stage, topics):
        mixed = [event for three in zip(before, leaving, after, strict=True) for event in three]
        await publish(topics, mixed)
        await publish(topics, mixed)
        events = await arrived(topics, tenant, lambda e: len(_orphans(e)) >= 100, what="a hundred orphans")
    assert sorted(_orphans(events)) == sorted(e.subject for e in (*before, *after))


async def test_one_deactivation_announces_thousands_of_orphans_each_once(
    stage: Stage, topics: str, tenant: str, now: datetime
) -> None:
    async with consuming(stage, topics), relaying(stage, topics):
        await publish(topics, [observed(f"c{n}", at=now - HOUR, tenant=tenant) for n in range(MANY)])
        await until(lambda: _has(stage, tenant, MANY), within=2 * SOON, what="thousands of credentials")
        left = user_deactivated(at=now, tenant=tenant)
        await publish(topics, [left, left])
        events = await arrived(topics, tenant, lambda e: len(_orphans(e)) >= MANY, what="thousands of orphans")
    assert len(_orphans(events)) == len(set(_orphans(events))) == MANY
    assert len({event.id for event in events}) == len(events)


async def _has(stage: Stage, tenant: str, number: int) -> bool:
    rows = await stage.rows("select count(*) as n from credential where tenant_id = $1", tenant)
    return int(rows[0]["n"]) == number


async def test_what_cannot_be_read_is_buried_and_the_rest_goes_on(
    stage: Stage, topics: str, tenant: str, now: datetime
) -> None:
    async with consuming(stage, topics), relaying(stage, topics):
        await publish(topics, [observed("first", at=now, tenant=tenant)])
        await publish_raw(topics, CREDENTIAL_OBSERVATIONS, key=tenant, value=b'{"not": "an event"')
        await publish_raw(topics, CREDENTIAL_OBSERVATIONS, key=tenant, value=None)
        await publish(topics, [observed("second", at=now, tenant=tenant)])
        events = await arrived(topics, tenant, lambda e: len(e) == 2, what="both readable ones")
        assert [event.subject for event in events] == ["first", "second"]

        async def both_are_buried() -> bool:
            buried = await on_topic(topics, CREDENTIAL_OBSERVATIONS.dead_letter)
            return [record.key for record in buried].count(tenant.encode()) == 2

        await until(both_are_buried, within=SOON, what="two dead letters")


async def test_a_consumer_that_stops_and_starts_again_goes_on_where_it_was(
    stage: Stage, topics: str, tenant: str, now: datetime
) -> None:
    async with relaying(stage, topics):
        async with consuming(stage, topics):
            await publish(topics, [observed("first", at=now, tenant=tenant)])
            await arrived(topics, tenant, lambda e: len(e) == 1, what="the first")
        await publish(topics, [observed("second", at=now, tenant=tenant)])
        async with consuming(stage, topics):
            await arrived(topics, tenant, lambda e: len(e) == 2, what="the second")
    assert [event.subject for event in await announced_to(topics, tenant)] == ["first", "second"]


async def test_a_band_is_announced_once_by_one_of_two_loops_and_never_before_it_is_crossed(
    stage: Stage, topics: str, tenant: str, now: datetime
) -> None:
    clock, lifetime = SystemClock(), timedelta(seconds=6)
    async with (
        connected(stage.dsn) as one,
        connected(stage.dsn) as two,
        consuming(stage, topics),
        relaying(stage, topics),
        running(make_loop(one, clock=clock).run),
        running(make_loop(two, clock=clock).run),
    ):
        await publish(topics, [observed("fresh", at=now, tenant=tenant)])
        await arrived(topics, tenant, lambda e: len(e) == 1, what="the consumer at work")
        issued_at = clock.now()
        await publish(topics, [observed(issued_at=issued_at, expires_at=issued_at + lifetime, tenant=tenant)])
        events = await arrived(topics, tenant, lambda e: "expired" in _bands(e), what="the end of a short life")
    crossed = [event.data.band.value for event in events if isinstance(event, ExpiryBandCrossed)]
    # on a machine that pauses for longer than a band lasts, the band is passed over
    assert crossed == [band for band in ("warning", "high", "critical", "expired") if band in crossed]
    assert crossed[-1] == "expired"
    shares = {"warning": 2 / 3, "high": 5 / 6, "critical": 11 / 12, "expired": 1}
    late = [at - (issued_at + lifetime * shares[band]) for band, at in _bands(events).items()]
    assert min(late) >= timedelta(0)


def _bands(events: Sequence[Event]) -> dict[str, datetime]:
    """Each crossed band with the time of its announcement, in order."""
    return {event.data.band.value: event.time for event in events if isinstance(event, ExpiryBandCrossed)}
