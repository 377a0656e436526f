"""What the engine says becomes rows and announcements, once, however often it is said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import msgspec
import pytest
import pytest_asyncio

from services.monitoring.domain.model import Alert, Closed, Raised, Suppression, Updated
from tests.every_service import Standing
from tests.monitoring.desk import Desk, standing_monitoring

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    async with standing_monitoring(postgres, tmp_path_factory.mktemp("monitoring")) as made:
        yield made


@pytest.fixture
def desk(service: Standing) -> Desk:
    return Desk(service)


def longer(alert: Alert, *, events: int = 11, **more: object) -> Alert:
    return msgspec.structs.replace(alert, related_events_count=events, value=float(events), **more)


def quiet(alert: Alert) -> Alert:
    """The alert as an exception keeps it from being raised."""
    why = Suppression("exception", "x-1", "the weekly drill", 10)
    return msgspec.structs.replace(alert, is_suppressed=True, suppressed_by=(why,))


async def test_a_replay_of_the_same_changes_says_nothing_more(desk: Desk) -> None:
    story = [Raised(desk.alert("a")), Raised(desk.alert("b")), Updated(longer(desk.alert("a")))]
    for change in story:
        await desk.says(change)
    said = await desk.told()

    for change in story[-1:] + story[1:]:
        await desk.says(change)
    await desk.says(*story)

    assert await desk.told() == said


async def test_one_batch_of_many_tenants_is_kept_apart(desk: Desk, service: Standing) -> None:
    other = Desk(service)

    await desk.says(desk.alert("a"), other.alert("a"), other.alert("b"))

    assert [one["alert_id"] for one in (await desk.get("/alerts"))["items"]] == ["a"]
    assert {one["alert_id"] for one in (await other.get("/alerts"))["items"]} == {"a", "b"}
    assert (await desk.kinds()) == ["alert_raised", "incident_opened"]


async def test_an_alert_says_what_it_is_about_how_grave_that_is_and_what_to_do(desk: Desk) -> None:
    await desk.says(desk.alert("a", severity="high", context={"user": {"state": "active"}}, approximate=True))

    found = await desk.get("/alerts/a")

    assert found["entities"] == [{"kind": "user", "id": "ada"}]
    assert (found["risk"], found["tactics"], found["mode"]) == (50.0, ["credential-access"], "live")
    assert found["context"] == {"user": {"state": "active"}}
    assert found["approximate"] is True
    assert found["runbook"]
    assert found["evidence"][0]["rule"] == "sign_in_failed"


async def test_a_suppressed_alert_is_kept_with_its_reasons_and_not_announced(desk: Desk) -> None:
    await desk.says(quiet(desk.alert("a")))

    (found,) = (await desk.get("/alerts", state="suppressed"))["items"]

    assert found["suppressed_by"] == [{"kind": "exception", "id": "x-1", "reason": "the weekly drill", "events": 10}]
    assert (found["told"], found["incident_id"]) == ("nobody", None)
    assert await desk.told() == []


async def test_an_alert_that_is_no_longer_suppressed_is_raised_then(desk: Desk) -> None:
    await desk.says(quiet(desk.alert("a")))
    await desk.says(Updated(longer(desk.alert("a"))))

    assert await desk.kinds() == ["alert_raised", "incident_opened"]
    assert (await desk.get("/alerts/a"))["state"] == "new"


async def test_a_raised_alert_that_is_suppressed_later_says_so_in_an_update(desk: Desk) -> None:
    await desk.says(desk.alert("a"))
    await desk.says(Updated(quiet(desk.alert("a"))))

    assert await desk.kinds() == ["alert_raised", "incident_opened", "alert_updated"]
    assert (await desk.told())[-1].data["suppressed"] is True
    assert (await desk.get("/alerts/a"))["state"] == "suppressed"


async def test_what_people_have_taken_up_stays_in_their_hands(desk: Desk) -> None:
    await desk.says(desk.alert("a"))
    await desk.triage("a", "in_progress")

    await desk.says(Updated(quiet(desk.alert("a"))))

    assert (await desk.get("/alerts/a"))["state"] == "in_progress"


async def test_an_alert_of_a_detection_that_is_tried_out_is_kept_alone(desk: Desk) -> None:
    await desk.says(desk.alert("a", mode="shadow"), desk.alert("b"))

    assert [one["alert_id"] for one in (await desk.get("/alerts"))["items"]] == ["b"]
    assert [one["alert_id"] for one in (await desk.get("/alerts", mode="shadow"))["items"]] == ["a"]
    assert {one.subject for one in await desk.told() if one.type.startswith("alert")} == {"b"}
    assert (await desk.get("/risk/user/ada"))["alerts"] == 1


async def test_an_alert_that_was_never_told_closes_without_a_word(desk: Desk) -> None:
    await desk.says(quiet(desk.alert("a")))
    await desk.says(Closed(quiet(desk.alert("a")), "quiet"))

    assert await desk.told() == []
    assert (await desk.get("/alerts/a"))["closure"] == "quiet"


async def test_a_closing_says_why_on_the_stream_as_well(desk: Desk) -> None:
    await desk.says(desk.alert("a"))
    await desk.says(Closed(desk.alert("a"), "superseded", "b"))

    (closing,) = [one for one in await desk.told() if one.type == "alert_closed"]

    assert (closing.data["reason"], closing.data["superseded_by"]) == ("superseded", "b")
    assert closing.data["alert_id"] == "a"


async def test_the_log_of_announcements_keeps_the_newest_ones(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.monitoring.store.changes.KEPT", 5)
    for n in range(8):
        await desk.says(desk.alert(f"a{n}", entities=()), at=desk.now + timedelta(seconds=n))

    sequences = [one.sequence for one in await desk.told()]

    assert sequences == list(range(12, 17))
