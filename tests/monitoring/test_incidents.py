"""Alerts that share somebody within a day are one incident, in whatever order they come; people judge it as one."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st

from services.monitoring.domain.incidents import RELATED, Joining, Named, clusters, incident_id_of, reaches
from services.monitoring.domain.model import Alert, Closed, Entity, Raised, Updated
from tests.every_service import Standing
from tests.monitoring.desk import Desk, standing_monitoring
from tests.web.stage import problem

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = 3600


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    async with standing_monitoring(postgres, tmp_path_factory.mktemp("monitoring")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def desk(service: Standing) -> Desk:
    return Desk(service)


in_module = pytest.mark.asyncio(loop_scope="module")

# --- which ones belong together, without a database

people = st.frozensets(st.sampled_from(["ada", "bo", "cy", "di"]), max_size=2)
spans = st.tuples(st.integers(-100, 0), st.integers(0, 20))
several = st.lists(st.tuples(people, spans), min_size=1, max_size=12)


def joining(n: int, who: frozenset[str], span: tuple[int, int], incident_id: str | None = None) -> Joining:
    first = NOON + timedelta(hours=span[0])
    entities = tuple(Entity("user", one) for one in sorted(who))
    return Joining(f"a{n:02}", first, first + timedelta(hours=span[1]), entities, incident_id)


def related(one: Joining, other: Joining) -> bool:
    """The definition, word by word."""
    gap = max(one.first_seen, other.first_seen) - min(one.last_seen, other.last_seen)
    return bool(set(one.entities) & set(other.entities)) and gap <= RELATED


def by_definition(alerts: Sequence[Joining]) -> dict[str, str]:
    """The incident of each alert: that of the first one that it is related to, directly or through others."""
    groups: list[list[Joining]] = []
    for alert in alerts:
        mine = [group for group in groups if any(related(alert, one) for one in group)]
        groups = [group for group in groups if group not in mine] + [[alert, *(one for group in mine for one in group)]]
    found = {}
    for group in groups:
        first = min(group, key=lambda one: (one.first_seen, one.alert_id))
        found |= {one.alert_id: incident_id_of("acme", first.alert_id) for one in group}
    return found


@given(several)
def test_what_comes_at_once_is_put_together_as_defined(said: list[tuple[frozenset[str], tuple[int, int]]]) -> None:
    alerts = [joining(n, *one) for n, one in enumerate(said)]

    found = clusters("acme", alerts, near=[], known={})

    assert {alert: one.incident_id for one in found for alert in one.alerts} == by_definition(alerts)


@given(several, st.randoms(use_true_random=False), st.integers(1, 4))
def test_in_any_order_and_any_batches_the_same_incidents_come_out(
    said: list[tuple[frozenset[str], tuple[int, int]]], chance: random.Random, size: int
) -> None:
    alerts = [joining(n, *one) for n, one in enumerate(said)]
    expected = by_definition(alerts)
    order = chance.sample(alerts, len(alerts))

    kept: dict[str, str] = {}
    named: dict[str, Named] = {}
    for begin in range(0, len(order), size):
        batch, before = order[begin : begin + size], order[:begin]
        near = [(one.alert_id, kept[other.alert_id]) for one in batch for other in before if related(one, other)]
        for one in clusters("acme", batch, near=near, known=named):
            kept |= dict.fromkeys(one.alerts, one.incident_id)
            kept |= {alert: one.incident_id for alert, its in kept.items() if its in one.others}
            named[one.incident_id] = Named(one.incident_id, one.named_at, one.named_by)

    assert kept == expected


@given(several, people, spans)
def test_what_is_related_to_a_span_is_related_to_an_alert_of_it(
    said: list[tuple[frozenset[str], tuple[int, int]]], who: frozenset[str], when: tuple[int, int]
) -> None:
    alerts, other = [joining(n, *one) for n, one in enumerate(said)], joining(99, who, when)

    spans_of = [Joining(one.alert_id, one.first_seen, one.last_seen, (one.entity,), None) for one in reaches(alerts)]

    assert any(related(other, one) for one in spans_of) == any(related(other, one) for one in alerts)


# --- with one


def fell(alert: Alert) -> Closed:
    return Closed(alert, "satisfied")


@in_module
async def test_alerts_about_one_user_within_a_day_are_one_incident(desk: Desk) -> None:
    await desk.says(desk.alert("a", first=-30 * HOUR, severity="low"))
    await desk.says(desk.alert("b", first=-7 * HOUR, severity="high", rule_id="mfa_fatigue"))
    await desk.says(desk.alert("c", first=-1, entities=(Entity("user", "bo"),)))

    (other, mine) = (await desk.get("/incidents"))["items"]

    assert (mine["alert_ids"], mine["severity"], mine["alert_count"]) == (["a", "b"], "high", 2)
    assert (other["alert_ids"], other["entities"]) == (["c"], [{"kind": "user", "id": "bo"}])
    assert mine["summary"] == "2 alerts of 2 detections about user ada"
    assert mine["incident_id"] == incident_id_of(desk.tenant, "a")


@in_module
@pytest.mark.parametrize(("gap", "incidents"), [(24 * HOUR, 1), (24 * HOUR + 1, 2)])
async def test_a_day_is_the_longest_pause(desk: Desk, gap: float, incidents: int) -> None:
    await desk.says(desk.alert("a", first=-gap - 100, last=-gap - 50))
    await desk.says(desk.alert("b", first=-50))

    assert len((await desk.get("/incidents"))["items"]) == incidents


@in_module
@pytest.mark.parametrize("kind", ["role", "tenant", "source"])
async def test_what_strangers_share_makes_no_incident(desk: Desk, kind: str) -> None:
    await desk.says(desk.alert("a", entities=(Entity(kind, "x"),)), desk.alert("b", entities=(Entity(kind, "x"),)))

    assert len((await desk.get("/incidents"))["items"]) == 2


@in_module
async def test_a_late_alert_merges_two_incidents_and_nobody_s_work_is_lost(desk: Desk) -> None:
    await desk.says(desk.alert("a", first=-40 * HOUR), desk.alert("b", first=-HOUR))
    first, second = await desk.incident_of("a"), await desk.incident_of("b")
    await desk.judge(second["incident_id"], "in_progress", assignee="kim")

    await desk.says(desk.alert("late", first=-20 * HOUR))

    whole, gone = await desk.incident_of("b"), await desk.get(f"/incidents/{second['incident_id']}")
    assert (whole["incident_id"], whole["alert_ids"]) == (first["incident_id"], ["a", "late", "b"])
    assert (whole["state"], whole["assignee"]) == ("in_progress", "kim")
    assert (gone["state"], gone["merged_into"], gone["alert_count"]) == ("merged", first["incident_id"], 0)
    lines = (await desk.get(f"/incidents/{first['incident_id']}/timeline"))["items"]
    assert ("merged", second["incident_id"]) in {(one["kind"], one.get("before")) for one in lines}
    closings = [one for one in await desk.told() if one.type == "incident_closed"]
    assert [one.data["merged_into"] for one in closings] == [first["incident_id"]]
    assert [one["incident_id"] for one in (await desk.get("/incidents", state="merged"))["items"]] == [
        second["incident_id"]
    ]


@in_module
async def test_a_late_alert_before_the_first_one_moves_the_beginning(desk: Desk) -> None:
    await desk.says(desk.alert("b", first=-HOUR))
    old = await desk.incident_of("b")
    await desk.says(desk.alert("a", first=-2 * HOUR))

    new = await desk.incident_of("b")

    assert new["incident_id"] == incident_id_of(desk.tenant, "a")
    assert (await desk.get(f"/incidents/{old['incident_id']}"))["merged_into"] == new["incident_id"]


@in_module
async def test_in_any_order_the_database_has_the_same_incidents(service: Standing) -> None:
    chance = random.Random(4)  # noqa: S311 - a made-up story
    users = ["ada", "bo", "cy"]
    stories = [
        {
            "name": f"s{n:02}",
            "first": -chance.randrange(0, 100) * HOUR,
            "entities": tuple(Entity("user", one) for one in chance.sample(users, chance.choice([1, 1, 2]))),
        }
        for n in range(14)
    ]
    found = set()
    for _ in range(4):
        desk = Desk(service)
        alerts = [desk.alert(one["name"], first=one["first"], entities=one["entities"]) for one in stories]
        for batch in _batches(chance.sample(alerts, len(alerts)), chance):
            await desk.says(*batch)
        shown = (await desk.get("/incidents"))["items"]
        assert {one["incident_id"] for one in shown} == {
            incident_id_of(desk.tenant, one["alert_ids"][0]) for one in shown
        }
        found.add(frozenset(tuple(one["alert_ids"]) for one in shown))

    assert len(found) == 1


def _batches(alerts: list[Alert], chance: random.Random) -> list[list[Alert]]:
    size = chance.randrange(1, 5)
    return [alerts[n : n + size] for n in range(0, len(alerts), size)]


@in_module
async def test_a_replay_opens_nothing_twice(desk: Desk) -> None:
    await desk.says(desk.alert("a"), desk.alert("b"))
    said, shown = await desk.told(), await desk.get("/incidents")

    await desk.says(desk.alert("b"))
    await desk.says(desk.alert("a"), desk.alert("b"))

    assert (await desk.told(), await desk.get("/incidents")) == (said, shown)


@in_module
async def test_an_alert_that_goes_on_can_meet_another_incident(desk: Desk) -> None:
    await desk.says(desk.alert("a", first=-40 * HOUR), desk.alert("b", first=-HOUR))
    assert len((await desk.get("/incidents"))["items"]) == 2

    await desk.says(Updated(desk.alert("a", first=-40 * HOUR, last=-20 * HOUR, related_events_count=20)))

    assert [one["alert_ids"] for one in (await desk.get("/incidents"))["items"]] == [["a", "b"]]


@in_module
async def test_an_incident_of_which_no_alert_stands_is_taken_back_and_may_come_back(desk: Desk) -> None:
    await desk.says(desk.alert("a"))
    await desk.says(fell(desk.alert("a")))
    taken_back = await desk.incident_of("a")
    await desk.says(Raised(desk.alert("a")))

    assert (taken_back["state"], taken_back["alert_count"]) == ("taken_back", 0)
    assert ((await desk.incident_of("a"))["state"], (await desk.incident_of("a"))["alert_count"]) == ("open", 1)
    kinds = [one for one in await desk.kinds() if one.startswith("incident")]
    assert kinds == ["incident_opened", "incident_closed", "incident_opened"]


@in_module
async def test_suppressed_alerts_make_no_incident(desk: Desk) -> None:
    await desk.says(msgspec.structs.replace(desk.alert("a"), is_suppressed=True))

    assert (await desk.get("/incidents"))["items"] == []


# --- judged


@in_module
async def test_who_resolves_an_incident_resolves_its_alerts_with_the_verdict(desk: Desk) -> None:
    await desk.says(desk.alert("a"), desk.alert("b"), desk.alert("c"))
    await desk.triage("c", "resolved", verdict="false_positive", reason="known before")
    incident = await desk.incident_of("a")

    answer = await desk.judge(
        incident["incident_id"], "resolved", verdict="true_positive", reason="it was an attack", assignee="sam"
    )

    assert (answer.status_code, answer.json()["state"], answer.json()["verdict"]) == (200, "resolved", "true_positive")
    verdicts = {one["alert_id"]: one["verdict"] for one in (await desk.get("/alerts"))["items"]}
    assert verdicts == {"a": "true_positive", "b": "true_positive", "c": "false_positive"}
    assert (await desk.kinds())[-3:] == ["alert_triaged", "alert_triaged", "incident_closed"]
    audited = [(one["action"], one["target"]) for one in (await desk.get("/monitoring/audit"))["items"]]
    assert ("monitoring.incident.triage", incident["incident_id"]) in audited
    assert ("monitoring.alert.triage", "a") in audited


@in_module
async def test_a_resolved_incident_takes_no_more_alerts(desk: Desk) -> None:
    await desk.says(desk.alert("a"))
    old = await desk.incident_of("a")
    await desk.judge(old["incident_id"], "resolved", verdict="benign", reason="a drill")

    await desk.says(desk.alert("b", first=-60), Updated(desk.alert("a", related_events_count=30)))

    new = await desk.incident_of("b")
    assert (new["alert_ids"], new["state"]) == (["b"], "open")
    assert (await desk.incident_of("a"))["incident_id"] == old["incident_id"]
    assert (await desk.get("/alerts/a"))["has_new_evidence"] is True


@in_module
async def test_what_was_judged_does_not_keep_others_from_their_incident(desk: Desk) -> None:
    await desk.says(desk.alert("a", first=-30 * HOUR))
    judged = await desk.incident_of("a")
    await desk.judge(judged["incident_id"], "resolved", verdict="benign", reason="a drill")
    await desk.says(desk.alert("b", first=-3 * HOUR))

    await desk.says(Updated(desk.alert("a", first=-30 * HOUR, related_events_count=30)), desk.alert("c", first=-HOUR))

    assert (await desk.incident_of("c"))["alert_ids"] == ["b", "c"]
    assert (await desk.incident_of("a"))["alert_ids"] == ["a"]


@in_module
async def test_a_resolved_incident_can_be_opened_again(desk: Desk) -> None:
    await desk.says(desk.alert("a"))
    incident = await desk.incident_of("a")
    await desk.judge(incident["incident_id"], "resolved", verdict="benign", reason="a drill")

    problem(await desk.judge(incident["incident_id"], "open"), 422, "reason-missing")
    answer = await desk.judge(incident["incident_id"], "open", reason="it was none")

    assert (answer.json()["state"], answer.json()["verdict"]) == ("open", None)
    assert [one for one in await desk.kinds() if one.startswith("incident")] == [
        "incident_opened",
        "incident_closed",
        "incident_opened",
    ]


@in_module
@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"state": "resolved", "reason": "done"}, 422, "verdict-missing"),
        ({"state": "open", "verdict": "benign"}, 422, "verdict-without-resolution"),
        ({"state": "merged"}, 409, "no-such-step"),
        ({"state": "open", "assignee": "ada"}, 409, "assignee-is-subject"),
    ],
)
async def test_a_step_that_is_none_is_refused(desk: Desk, wish: dict[str, str], status: int, code: str) -> None:
    await desk.says(desk.alert("a"))
    incident = await desk.incident_of("a")

    problem(await desk.judge(incident["incident_id"], **wish), status, code)


@in_module
async def test_nobody_judges_an_incident_with_an_alert_about_themselves(desk: Desk) -> None:
    shared = (Entity("ip", "192.0.2.7"),)
    await desk.says(desk.alert("a", entities=shared), desk.alert("mine", entities=(*shared, Entity("user", "sam"))))
    incident = await desk.incident_of("a")

    answer = await desk.judge(incident["incident_id"], "resolved", verdict="benign", reason="nothing")

    problem(answer, 403, "own-incident")
    assert (await desk.get("/alerts/a"))["state"] == "new"


@in_module
async def test_what_is_merged_is_judged_where_it_went(desk: Desk) -> None:
    await desk.says(desk.alert("b", first=-HOUR))
    old = await desk.incident_of("b")
    await desk.says(desk.alert("a", first=-2 * HOUR))

    problem(await desk.judge(old["incident_id"], "in_progress"), 409, "incident-is-over")


@in_module
async def test_a_new_alert_does_not_make_what_people_read_stale_but_their_changes_do(desk: Desk) -> None:
    await desk.says(desk.alert("a"))
    incident = await desk.incident_of("a")
    await desk.says(desk.alert("b"))
    path, headers = f"/incidents/{incident['incident_id']}/triage", {"If-Match": f'"{incident["version"]}"'}

    first = await desk.ask("PUT", path, headers=headers, json={"state": "in_progress"})
    second = await desk.ask("PUT", path, headers=headers, json={"state": "open"})

    assert first.status_code == 200
    problem(second, 412, "version-stale")


@in_module
async def test_incidents_are_found_by_state_severity_assignee_and_entity(desk: Desk) -> None:
    await desk.says(desk.alert("a", severity="critical"), desk.alert("b", entities=(Entity("ip", "192.0.2.9"),)))
    incident = await desk.incident_of("a")
    await desk.judge(incident["incident_id"], "in_progress", assignee="kim")

    async def ids(**query: str) -> list[str]:
        return [one["alert_ids"][0] for one in (await desk.get("/incidents", **query))["items"]]

    assert await ids(state="in_progress") == await ids(severity="critical") == await ids(assignee="kim") == ["a"]
    assert await ids(entity="ip:192.0.2.9") == await ids(state="open") == ["b"]
    page = await desk.get("/incidents", limit=1)
    assert [one["alert_ids"] for one in (await desk.get("/incidents", limit=1, cursor=page["next"]))["items"]] != [
        page["items"][0]["alert_ids"]
    ]
