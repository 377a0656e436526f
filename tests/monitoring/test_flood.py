"""A rule that raises too much is told in digests, never off: everything is kept, and a critical alert gets through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import msgspec
import pytest
import pytest_asyncio

from services.monitoring.domain import flood
from services.monitoring.domain.flood import DIGESTED_EVERY, MOST, Told, told
from services.monitoring.domain.model import Closed, Entity, Raised, Updated
from services.monitoring.due import make_loop
from tests.every_service import Standing
from tests.monitoring.desk import Desk, standing_monitoring

in_module = pytest.mark.asyncio(loop_scope="module")

ORDINARY = {"user": {"state": "active", "roles": [{"role": "requester"}]}}
ADMIN = {"user": {"state": "active", "roles": [{"role": "client_admin"}]}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    async with standing_monitoring(postgres, tmp_path_factory.mktemp("monitoring")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def desk(service: Standing, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A tenant of which three alerts of a rule are told by themselves in an hour."""
    monkeypatch.setattr(flood, "MOST", 3)
    return Desk(service)


def flooded(desk: Desk, count: int, *, first: int = 0, **more: object) -> list[Raised]:
    return [
        Raised(
            desk.alert(
                f"f{n:03}", entities=(Entity("user", f"u{n:03}"),), related_events_count=n + 1, context=ORDINARY, **more
            )
        )
        for n in range(first, first + count)
    ]


async def sweep(desk: Desk, at: datetime) -> None:
    """Do what is due at that time."""
    await make_loop(desk.service.parts.database, clock=desk.service.clock).sweep(at)


def digests(told: list) -> list[dict]:
    return [one.data for one in told if one.type == "alert_digested"]


# --- which ones


@pytest.mark.parametrize(
    ("severity", "context", "before", "expected"),
    [
        ("low", ORDINARY, MOST - 1, Told.SELF),
        ("low", ORDINARY, MOST, Told.DIGEST),
        ("critical", ORDINARY, MOST, Told.DIGEST),
        ("high", ADMIN, MOST, Told.DIGEST),
        ("critical", ADMIN, MOST, Told.SELF),
        ("critical", {}, MOST, Told.SELF),
        ("critical", {"user": {"activations": [{"role": "client_security_admin"}]}}, MOST, Told.SELF),
        ("critical", {"user": {"roles": [{"role": "AdministratorAccess", "privileged": True}]}}, MOST, Told.SELF),
        ("critical", {"user": {"state": "active"}}, MOST, Told.DIGEST),
    ],
)
def test_beyond_the_limit_only_what_is_critical_and_privileged_is_told_by_itself(
    severity: str, context: dict, before: int, expected: Told
) -> None:
    assert told(severity, context, told_before=before) is expected


# --- as it is kept and told


@in_module
async def test_what_comes_beyond_the_limit_is_kept_and_told_together(desk: Desk) -> None:
    await desk.says(*flooded(desk, 10))
    before = [kind for kind in await desk.kinds() if kind.startswith("alert")]

    await sweep(desk, desk.now + DIGESTED_EVERY)

    assert before == ["alert_raised"] * 3
    (digest,) = digests(await desk.told())
    assert (digest["count"], digest["severities"], digest["group_count"], digest["limit"]) == (7, {"medium": 7}, 7, 3)
    assert digest["rule"]["id"] == "brute_force"
    assert digest["groups"][0] == {"group": {"user_id": "u009"}, "alerts": 1, "events": 10}
    assert len((await desk.get("/alerts"))["items"]) == 10
    assert {one["told"] for one in (await desk.get("/alerts"))["items"]} == {"self", "digest"}


@in_module
async def test_each_alert_is_in_one_digest_and_none_is_told_when_there_are_none(desk: Desk) -> None:
    await desk.says(*flooded(desk, 5))
    await sweep(desk, desk.now + DIGESTED_EVERY)
    await desk.says(*flooded(desk, 4, first=5))
    await sweep(desk, desk.now + 2 * DIGESTED_EVERY)
    await sweep(desk, desk.now + 4 * DIGESTED_EVERY)

    assert [one["count"] for one in digests(await desk.told())] == [2, 4]


@in_module
async def test_a_digest_waits_its_time_however_much_comes(desk: Desk) -> None:
    began = desk.now
    await desk.says(*flooded(desk, 5), at=began)
    for n in range(5, 9):
        await desk.says(*flooded(desk, 1, first=n), at=began + timedelta(minutes=n - 4))
    await sweep(desk, began + DIGESTED_EVERY - timedelta(seconds=1))
    early = digests(await desk.told())
    await sweep(desk, began + DIGESTED_EVERY)

    assert early == []
    assert [one["count"] for one in digests(await desk.told())] == [6]


@in_module
async def test_a_replay_of_a_flood_tells_nothing_anew(desk: Desk) -> None:
    await desk.says(*flooded(desk, 10))
    await sweep(desk, desk.now + DIGESTED_EVERY)
    said = await desk.told()

    await desk.says(*flooded(desk, 10))
    await sweep(desk, desk.now + 2 * DIGESTED_EVERY)

    assert await desk.told() == said


@in_module
async def test_what_was_told_in_a_digest_goes_on_and_ends_there(desk: Desk) -> None:
    await desk.says(*flooded(desk, 4))
    (last,) = flooded(desk, 1, first=3)
    alerts = [kind for kind in await desk.kinds() if kind.startswith("alert")]

    await desk.says(Updated(msgspec.structs.replace(last.alert, related_events_count=99)))
    await desk.says(Closed(last.alert, "quiet"))

    assert [kind for kind in await desk.kinds() if kind.startswith("alert")] == alerts
    assert (await desk.get("/alerts/f003"))["closure"] == "quiet"


@in_module
async def test_incidents_of_digested_alerts_are_kept_and_not_told(desk: Desk) -> None:
    await desk.says(*flooded(desk, 10))

    assert (await desk.kinds()).count("incident_opened") == 3
    assert len((await desk.get("/incidents"))["items"]) == 10


@in_module
async def test_a_critical_alert_about_an_administrator_gets_through_the_flood(desk: Desk) -> None:
    await desk.says(*flooded(desk, 10))
    await desk.says(desk.alert("z", severity="critical", context=ADMIN, entities=(Entity("user", "root"),)))

    assert "z" in {one.subject for one in await desk.told() if one.type == "alert_raised"}


@in_module
async def test_other_rules_other_tenants_and_the_next_hour_are_told_as_ever(desk: Desk, service: Standing) -> None:
    other = Desk(service)
    await desk.says(*flooded(desk, 5))
    await desk.says(desk.alert("r", rule_id="mfa_fatigue"), *flooded(other, 1))
    await desk.says(desk.alert("later"), at=desk.now + timedelta(hours=2))

    raised = {one.subject for one in await desk.told() if one.type == "alert_raised"}
    assert raised == {"f000", "f001", "f002", "r", "later"}
    assert "alert_raised" in await other.kinds()


@in_module
async def test_a_flood_of_suppressed_alerts_uses_up_nothing(desk: Desk) -> None:
    await desk.says(*(Raised(msgspec.structs.replace(one.alert, is_suppressed=True)) for one in flooded(desk, 10)))
    await desk.says(desk.alert("a"))

    assert (await desk.kinds())[0] == "alert_raised"
