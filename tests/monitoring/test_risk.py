"""The risk of an entity: every alert about it, faded by its age; the same by the domain and by the database."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.model import Closed, Entity, Updated
from services.monitoring.domain.risk import HALF_LIFE, REMEMBERED, Contribution, faded, risk
from tests.every_service import Standing
from tests.monitoring.desk import Desk, standing_monitoring

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = 3600

contributions = st.lists(
    st.builds(
        Contribution,
        alert_id=st.uuids().map(str),
        points=st.sampled_from([1.0, 10.0, 25.0, 50.0, 80.0]),
        tactics=st.lists(st.sampled_from(["persistence", "impact", "discovery"]), max_size=2).map(tuple),
        at=st.integers(-800_000, 1000).map(lambda seconds: NOON + timedelta(seconds=seconds)),
    ),
    max_size=12,
)

in_module = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    async with standing_monitoring(postgres, tmp_path_factory.mktemp("monitoring")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def desk(service: Standing) -> Desk:
    return Desk(service)


@given(contributions, st.randoms(use_true_random=False))
def test_risk_does_not_depend_on_the_order_of_the_alerts(found: list[Contribution], chance: random.Random) -> None:
    assert risk(found, at=NOON) == risk(chance.sample(found, len(found)), at=NOON)


@given(contributions)
def test_risk_only_fades_while_nothing_happens(found: list[Contribution]) -> None:
    past = [one for one in found if one.at <= NOON]

    now, later = risk(past, at=NOON), risk(past, at=NOON + timedelta(hours=1))

    assert later.score <= now.score
    assert later.sum_24h <= now.sum_24h
    assert set(later.tactics_7d) <= set(now.tactics_7d)


def test_after_a_half_life_half_is_left_and_after_a_week_nothing() -> None:
    assert faded(80, age=timedelta(0)) == 80
    assert faded(80, age=HALF_LIFE) == 40
    assert faded(80, age=REMEMBERED) == 0
    assert faded(80, age=-HALF_LIFE) == 80


@in_module
async def test_alerts_add_up_for_whom_they_are_about(desk: Desk) -> None:
    both = (Entity("user", "ada"), Entity("ip", "192.0.2.7"))
    await desk.says(
        desk.alert("a", severity="high", first=-HOUR, entities=both),
        desk.alert("b", severity="low", first=-30 * HOUR, tactics=("persistence",)),
        desk.alert("c", severity="critical", entities=(Entity("user", "bo"),)),
    )

    found = await desk.get("/risk/user/ada")

    assert (found["sum_24h"], found["alerts"]) == (50.0, 2)
    assert found["tactics_7d"] == ["credential-access", "persistence"]
    assert 50 < found["score"] + 5 < 60
    assert [(one["alert_id"], one["points"]) for one in found["contributions"]] == [("a", 50.0), ("b", 10.0)]
    top = (await desk.get("/risk"))["items"]
    assert [(one["kind"], one["entity_id"]) for one in top] == [("user", "bo"), ("user", "ada"), ("ip", "192.0.2.7")]
    assert [one["entity_id"] for one in (await desk.get("/risk", kind="ip"))["items"]] == ["192.0.2.7"]


@in_module
async def test_the_list_and_the_single_answer_agree(desk: Desk) -> None:
    chance = random.Random(7)  # noqa: S311 - a made-up story
    severities = ["informational", "low", "medium", "high", "critical"]
    await desk.says(
        *(
            desk.alert(f"a{n:03}", first=-chance.randrange(0, 9 * 24 * HOUR), severity=chance.choice(severities))
            for n in range(60)
        )
    )

    (listed,) = (await desk.get("/risk"))["items"]
    single = await desk.get("/risk/user/ada")

    assert listed["score"] == pytest.approx(single["score"], rel=0.01)  # asked ten seconds apart
    assert (listed["alerts"], listed["tactics_7d"]) == (single["alerts"], single["tactics_7d"])
    assert listed["sum_24h"] == single["sum_24h"]


@in_module
async def test_what_is_suppressed_counts_as_much(desk: Desk) -> None:
    await desk.says(msgspec.structs.replace(desk.alert("a", severity="critical"), is_suppressed=True))

    assert (await desk.get("/risk/user/ada"))["sum_24h"] == 80.0


@in_module
async def test_what_is_tried_out_or_taken_back_counts_nothing(desk: Desk) -> None:
    await desk.says(desk.alert("shadow", mode="shadow"), desk.alert("a"))
    await desk.says(Closed(desk.alert("a"), "satisfied"))

    assert (await desk.get("/risk/user/ada"))["score"] == 0.0
    assert (await desk.get("/risk"))["items"] == []


@in_module
async def test_an_episode_that_ended_counts_on(desk: Desk) -> None:
    await desk.says(desk.alert("a"))
    await desk.says(Closed(desk.alert("a"), "quiet"))

    assert (await desk.get("/risk/user/ada"))["sum_24h"] == 25.0


@in_module
@pytest.mark.parametrize(("verdict", "points"), [("true_positive", 25.0), ("benign", 0.0), ("false_positive", 0.0)])
async def test_a_verdict_that_there_was_no_risk_takes_it_away_until_reopened(
    desk: Desk, verdict: str, points: float
) -> None:
    await desk.says(desk.alert("a"))
    await desk.triage("a", "resolved", verdict=verdict, reason="looked at")
    judged = await desk.get("/risk/user/ada")
    await desk.says(Updated(desk.alert("a", related_events_count=40)))
    went_on = await desk.get("/risk/user/ada")
    await desk.triage("a", "in_progress", reason="not so sure")

    assert (judged["sum_24h"], went_on["sum_24h"]) == (points, points)
    assert judged["contributions"][0]["counts"] is (points > 0)
    assert (await desk.get("/risk/user/ada"))["sum_24h"] == 25.0


@in_module
async def test_an_id_with_slashes_has_its_risk(desk: Desk) -> None:
    await desk.says(desk.alert("a", entities=(Entity("credential", "arn:aws:iam::1:key/x/y"),)))

    assert (await desk.get("/risk/credential/arn:aws:iam::1:key/x/y"))["alerts"] == 1


@in_module
async def test_who_has_no_alerts_has_no_risk(desk: Desk) -> None:
    found = await desk.get("/risk/user/nobody")

    assert (found["score"], found["contributions"]) == (0, [])
