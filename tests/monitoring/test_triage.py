"""Alerts are judged by people: in steps, in order, never their own, and everything they do is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import pytest
import pytest_asyncio
from nuxari_events.roles import Role

from services.monitoring.domain.model import Closed, Entity, Updated
from tests.every_service import Standing
from tests.monitoring.desk import HOUR, Desk, standing_monitoring
from tests.web.stage import problem

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def service(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Standing]:
    async with standing_monitoring(postgres, tmp_path_factory.mktemp("monitoring")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def desk(service: Standing) -> Desk:
    """A tenant with one new alert."""
    made = Desk(service)
    await made.says(made.alert("a"))
    return made


# --- steps


async def test_an_alert_goes_from_new_to_resolved_and_each_step_is_told(desk: Desk) -> None:
    await desk.triage("a", "acknowledged")
    await desk.triage("a", "in_progress", assignee="sam")
    answer = await desk.triage("a", "resolved", assignee="sam", verdict="benign", reason="a drill")

    assert answer.status_code == 200, answer.text
    found = await desk.get("/alerts/a")
    assert (found["state"], found["verdict"], found["assignee"], found["version"]) == ("resolved", "benign", "sam", 4)
    assert found["status"] == "open"
    told = [one for one in await desk.told() if one.type == "alert_triaged"]
    assert [(one.data["previous_state"], one.data["state"], one.actor_id) for one in told] == [
        ("new", "acknowledged", "sam"),
        ("acknowledged", "in_progress", "sam"),
        ("in_progress", "resolved", "sam"),
    ]


async def test_the_history_says_who_did_what_when_and_why(desk: Desk) -> None:
    await desk.triage("a", "in_progress", assignee="sam")
    await desk.triage("a", "resolved", assignee="sam", verdict="benign", reason="a drill")
    await desk.triage("a", "acknowledged", who="kim", reason="it was none")

    lines = (await desk.get("/alerts/a/history"))["items"]

    assert [(one["actor_id"], one["kind"], one["before"], one["after"], one["words"]) for one in lines] == [
        ("sam", "state", "new", "in_progress", None),
        ("sam", "assignee", None, "sam", None),
        ("sam", "state", "in_progress", "resolved", "a drill"),
        ("sam", "verdict", None, "benign", "a drill"),
        ("kim", "state", "resolved", "acknowledged", "it was none"),
        ("kim", "verdict", "benign", None, "it was none"),
        ("kim", "assignee", "sam", None, "it was none"),
    ]


async def test_the_audit_log_has_every_change_and_every_refusal(desk: Desk) -> None:
    await desk.triage("a", "acknowledged")
    await desk.triage("a", "new")

    entries = (await desk.get("/monitoring/audit"))["items"]

    assert [(one["action"], one["target"], one["outcome"]) for one in entries] == [
        ("monitoring.alert.triage", "a", "no-such-step"),
        ("monitoring.alert.triage", "a", "done"),
    ]
    assert (await desk.get("/monitoring/audit/verification"))["intact"] is True


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"state": "resolved"}, 422, "verdict-missing"),
        ({"state": "resolved", "verdict": "benign"}, 422, "reason-missing"),
        ({"state": "acknowledged", "verdict": "benign"}, 422, "verdict-without-resolution"),
        ({"state": "suppressed"}, 403, "suppression-is-governed"),
        ({"state": "acknowledged", "assignee": "ada"}, 409, "assignee-is-subject"),
    ],
)
async def test_a_step_that_is_none_is_refused(desk: Desk, wish: dict[str, str], status: int, code: str) -> None:
    answer = await desk.triage("a", **wish)

    problem(answer, status, code)
    assert (await desk.get("/alerts/a"))["version"] == 1


async def test_what_is_so_already_changes_nothing(desk: Desk) -> None:
    await desk.triage("a", "acknowledged", assignee="sam")
    said = await desk.told()

    answer = await desk.triage("a", "acknowledged", assignee="sam")

    assert answer.json()["version"] == 2
    assert await desk.told() == said


async def test_an_alert_that_is_not_there_is_404(desk: Desk) -> None:
    problem(await desk.triage("nonesuch", "acknowledged", version=1), 404, "not-found")
    problem(await desk.ask("POST", "/alerts/nonesuch/notes", json={"text": "well"}), 404, "not-found")
    problem(await desk.ask("GET", "/alerts/nonesuch/history"), 404, "not-found")


# --- who may


async def test_nobody_judges_an_alert_about_themselves(desk: Desk) -> None:
    problem(await desk.triage("a", "acknowledged", who="ada", version=1), 403, "own-alert")
    problem(await desk.ask("POST", "/alerts/a/notes", who="ada", json={"text": "it was not me"}), 403, "own-alert")
    many = await desk.ask("POST", "/alerts/triage", who="ada", json={"alert_ids": ["a"], "state": "acknowledged"})

    assert [one["outcome"] for one in many.json()["items"]] == ["own-alert"]
    assert (await desk.get("/alerts/a"))["state"] == "new"
    outcomes = [one["outcome"] for one in (await desk.get("/monitoring/audit"))["items"]]
    assert outcomes == ["own-alert"] * 3


async def test_who_owns_the_credential_or_is_of_the_ring_judges_neither(desk: Desk) -> None:
    key = desk.alert(
        "k", entities=(Entity("credential", "key-1"),), context={"credential": {"state": "active", "owner_id": "kim"}}
    )
    ring = desk.alert("r", entities=(), group={"ring": "bo → kim"})
    await desk.says(key, ring)

    problem(await desk.triage("k", "acknowledged", who="kim"), 403, "own-alert")
    problem(await desk.triage("r", "acknowledged", who="kim"), 403, "own-alert")
    assert (await desk.triage("r", "acknowledged")).status_code == 200


@pytest.mark.parametrize("role", [Role.CLIENT_ADMIN, Role.CLIENT_COMPLIANCE_AUDITOR])
async def test_who_may_only_look_does_not_judge(desk: Desk, role: Role) -> None:
    looked = await desk.ask("GET", "/alerts/a", roles=(role,))
    judged = await desk.ask(
        "PUT", "/alerts/a/triage", roles=(role,), headers={"If-Match": '"1"'}, json={"state": "new"}
    )

    assert looked.status_code == 200
    problem(judged, 403, "permission-denied")


async def test_another_tenant_s_alert_is_not_there(desk: Desk, service: Standing) -> None:
    other = Desk(service)

    problem(await other.triage("a", "acknowledged", version=1), 404, "not-found")
    assert (await other.get("/alerts"))["items"] == []
    assert (await other.get("/incidents"))["items"] == []
    assert (await other.get("/risk"))["items"] == []


# --- at the same time


async def test_of_two_who_judge_at_once_the_second_is_told_to_read_again(desk: Desk) -> None:
    asked = [
        desk.triage("a", "resolved", who=who, version=1, verdict=verdict, reason="because")
        for who, verdict in (("sam", "benign"), ("kim", "true_positive"))
    ]

    answers = await asyncio.gather(*asked)

    assert sorted(one.status_code for one in answers) == [200, 412]
    assert (await desk.get("/alerts/a"))["version"] == 2
    assert (await desk.kinds()).count("alert_triaged") == 1


async def test_many_who_note_and_judge_while_the_engine_goes_on_lose_nothing(desk: Desk) -> None:
    async def engine() -> None:
        for n in range(11, 31):
            await desk.says(Updated(desk.alert("a", related_events_count=n, value=float(n))))

    notes = [desk.ask("POST", "/alerts/a/notes", json={"text": f"note {n}"}) for n in range(20)]
    await asyncio.gather(engine(), desk.triage("a", "in_progress", version=1), *notes)

    lines = (await desk.get("/alerts/a/history"))["items"]
    assert {one["words"] for one in lines if one["kind"] == "note"} == {f"note {n}" for n in range(20)}
    assert (await desk.get("/alerts/a"))["related_events_count"] == 30
    sequences = [one.sequence for one in await desk.told()]
    assert sequences == list(range(1, len(sequences) + 1))


async def test_without_if_match_nothing_is_judged(desk: Desk) -> None:
    problem(await desk.ask("PUT", "/alerts/a/triage", json={"state": "acknowledged"}), 428, "if-match-required")


async def test_the_etag_of_an_alert_is_that_of_its_triage(desk: Desk) -> None:
    read = await desk.ask("GET", "/alerts/a")
    changed = await desk.ask(
        "PUT", "/alerts/a/triage", headers={"If-Match": read.headers["etag"]}, json={"state": "acknowledged"}
    )

    assert (read.headers["etag"], changed.headers["etag"]) == ('"1"', '"2"')


# --- notes, and many at once


async def test_a_note_sent_twice_is_kept_once(desk: Desk) -> None:
    headers = {"Idempotency-Key": "k-1"}
    first = await desk.ask("POST", "/alerts/a/notes", headers=headers, json={"text": "seen it"})
    again = await desk.ask("POST", "/alerts/a/notes", headers=headers, json={"text": "seen it"})

    assert (first.status_code, first.json()) == (201, again.json())
    assert [one["words"] for one in (await desk.get("/alerts/a/history"))["items"]] == ["seen it"]
    (told,) = [one for one in await desk.told() if one.type == "alert_triaged"]
    assert told.data["note_id"] == first.json()["note_id"]
    assert "seen it" not in str(told.data)


async def test_of_many_each_is_done_or_refused_by_itself(desk: Desk) -> None:
    await desk.says(desk.alert("b"), desk.alert("c"), desk.alert("mine", entities=(Entity("user", "sam"),)))
    await desk.triage("b", "in_progress", assignee="kim")
    await desk.triage("c", "resolved", verdict="benign", reason="a drill")

    answer = await desk.ask(
        "POST",
        "/alerts/triage",
        json={"alert_ids": ["a", "b", "c", "mine", "gone"], "state": "acknowledged", "reason": "looking"},
    )

    items = {one["alert_id"]: one["outcome"] for one in answer.json()["items"]}
    assert items == {"a": "done", "b": "done", "c": "done", "mine": "own-alert", "gone": "not-found"}
    assert (await desk.get("/alerts/b"))["assignee"] == "kim"


async def test_of_many_those_that_were_triaged_since_are_refused(desk: Desk) -> None:
    await desk.says(desk.alert("b"))
    read_at = desk.now
    await desk.triage("b", "in_progress")

    answer = await desk.ask(
        "POST",
        "/alerts/triage",
        json={"alert_ids": ["a", "b"], "state": "acknowledged", "unchanged_since": read_at.isoformat()},
    )

    assert {one["alert_id"]: one["outcome"] for one in answer.json()["items"]} == {"a": "done", "b": "version-stale"}


async def test_more_than_a_hundred_at_once_are_refused(desk: Desk) -> None:
    ids = [f"a{n}" for n in range(101)]

    answer = await desk.ask("POST", "/alerts/triage", json={"alert_ids": ids, "state": "acknowledged"})

    problem(answer, 422, "invalid-request")


# --- the engine goes on


async def test_a_resolved_alert_that_goes_on_is_flagged_and_not_reopened(desk: Desk) -> None:
    await desk.triage("a", "resolved", verdict="false_positive", reason="a test")

    await desk.says(Updated(desk.alert("a", related_events_count=12, value=12.0)))

    found = await desk.get("/alerts/a")
    assert (found["state"], found["has_new_evidence"], found["related_events_count"]) == ("resolved", True, 12)
    lines = (await desk.get("/alerts/a/history"))["items"]
    assert [(one["kind"], one["actor_id"]) for one in lines][-1] == ("new_evidence", None)
    assert (await desk.kinds())[-1] == "alert_updated"


async def test_judged_anew_there_is_no_new_evidence(desk: Desk) -> None:
    await desk.triage("a", "resolved", verdict="false_positive", reason="a test")
    await desk.says(Updated(desk.alert("a", related_events_count=12, value=12.0)))

    await desk.triage("a", "resolved", verdict="true_positive", reason="it goes on")

    assert (await desk.get("/alerts/a"))["has_new_evidence"] is False


async def test_an_episode_that_ends_is_none_of_the_triage_s_business(desk: Desk) -> None:
    await desk.triage("a", "in_progress")
    await desk.says(Closed(desk.alert("a"), "quiet"))

    found = await desk.get("/alerts/a")
    assert (found["status"], found["state"]) == ("closed", "in_progress")
    assert (await desk.triage("a", "resolved", verdict="benign", reason="done")).status_code == 200


async def test_a_version_that_the_engine_changed_is_stale(desk: Desk) -> None:
    await desk.triage("a", "resolved", verdict="benign", reason="a drill")
    read = (await desk.get("/alerts/a"))["version"]
    await desk.says(Updated(desk.alert("a", related_events_count=12, value=12.0)))

    problem(await desk.triage("a", "acknowledged", version=read, reason="on second thoughts"), 412, "version-stale")


async def test_the_history_cannot_be_rewritten_by_the_service(desk: Desk, service: Standing) -> None:
    await desk.triage("a", "acknowledged")
    async with service.parts.database.transaction(desk.tenant) as transaction:
        for statement in ("update triage_history set words = 'nothing'", "delete from triage_history"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with transaction.savepoint():
                    await transaction.execute(statement)


# --- looking


async def test_alerts_are_found_by_what_is_known_of_them(desk: Desk) -> None:
    await desk.says(
        desk.alert(
            "b",
            first=-60,
            severity="high",
            rule_number=13,
            rule_id="mfa_fatigue",
            rule_title="MFA fatigue",
            summary="5 prompts 100% refused_by bo",
            entities=(Entity("user", "bo"), Entity("ip", "192.0.2.7")),
        )
    )
    await desk.triage("b", "in_progress", assignee="kim")

    async def ids(**query: object) -> set[str]:
        return {one["alert_id"] for one in (await desk.get("/alerts", **query))["items"]}

    assert await ids() == {"a", "b"}
    assert await ids(entity="ip:192.0.2.7") == await ids(severity="high") == await ids(detection=13) == {"b"}
    assert await ids(state="in_progress") == await ids(assignee="kim") == await ids(text="FATIGUE") == {"b"}
    assert await ids(text="100% refused_by") == {"b"}
    assert await ids(text="100%refused") == await ids(text="refused by") == await ids(entity="user:cy") == set()
    noon = desk.now
    assert await ids(until=(noon - HOUR / 2).isoformat()) == {"a"}
    assert await ids(since=(noon - HOUR / 2).isoformat(), status="open") == {"b"}


async def test_pages_of_alerts_hold_each_once(desk: Desk) -> None:
    await desk.says(*(desk.alert(f"p{n:02}", first=-n // 2) for n in range(25)))
    seen, cursor = [], None
    while True:
        answer = await desk.get("/alerts", limit=4, **({} if cursor is None else {"cursor": cursor}))
        seen += [one["alert_id"] for one in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break

    assert sorted(seen) == sorted({"a", *(f"p{n:02}" for n in range(25))})


async def test_statistics_count_and_say_how_long_people_took(desk: Desk) -> None:
    await desk.says(desk.alert("b", severity="high", rule_number=13, rule_id="mfa_fatigue"), at=desk.now)
    began = desk.now
    await desk.triage("b", "in_progress")
    acknowledged = desk.now
    await desk.triage("b", "resolved", verdict="benign", reason="a drill")

    found = await desk.get("/alerts/statistics")

    assert (found["total"], found["by_severity"]) == (2, {"high": 1, "medium": 1})
    assert (found["by_state"], found["by_verdict"]) == ({"new": 1, "resolved": 1}, {"benign": 1})
    assert {one["rule_number"]: one["alerts"] for one in found["by_rule"]} == {1: 1, 13: 1}
    assert sum(one["alerts"] for one in found["by_day"]) == 2
    assert found["acknowledged"] == {"alerts": 1, "mean_seconds": (acknowledged - began).total_seconds()}
    assert found["resolved"]["mean_seconds"] > found["acknowledged"]["mean_seconds"]


async def test_a_tenant_without_alerts_has_statistics_of_nothing(service: Standing) -> None:
    found = await Desk(service).get("/alerts/statistics")

    assert (found["total"], found["by_severity"], found["by_day"]) == (0, {}, [])
    assert found["acknowledged"] == {"alerts": 0, "mean_seconds": None}
