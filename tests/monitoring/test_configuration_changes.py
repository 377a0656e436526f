"""A tenant configures its detections: at once where nothing is weakened, else with another person; all of it kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from nuxari_events.monitoring import DetectionConfigurationChanged, DetectionSilenced, SilenceEnded
from nuxari_events.roles import Role

from tests.monitoring.configured import BRUTE_FORCE, FILTER, OWN, Stage, effective, requested, settings, staged
from tests.web.stage import problem


@pytest.fixture
async def stage(monitoring_database: dict[str, str]) -> AsyncIterator[Stage]:
    async with staged(monitoring_database) as found:
        yield found


LIVE = {"mode": "live", "severity": None, "threshold": None, "timespan_seconds": None}


async def test_a_tenant_that_set_nothing_has_the_pack_as_it_is(stage: Stage) -> None:
    answer = await stage.asks("GET", "detection-configuration")

    assert answer.headers["ETag"] == '"0"'
    assert answer.json()["detections"] == {}
    items = (await stage.gets("detections"))["items"]
    assert [(one["id"], one["number"], one["mode"], one["threshold"]) for one in items] == [
        ("brute_force", 1, "live", 10),
        ("success_after_brute_force", 2, "live", None),
        ("no_mfa", 12, "live", None),
        ("many_countries", 13, "live", 3),
    ]
    assert all(one["version"] for one in items)


async def test_what_weakens_nothing_counts_at_once_and_is_announced_and_audited(stage: Stage) -> None:
    tuned = LIVE | {"severity": "high", "threshold": 5, "timespan_seconds": 1200}

    found = effective(await stage.sets(detections={"brute_force": tuned}))

    assert found["version"] == 1
    assert found["detections"] == {"brute_force": tuned}
    detection = await stage.gets("detections/brute_force")
    assert (detection["severity"], detection["threshold"], detection["timespan_seconds"]) == ("high", 5, 1200)
    assert detection["defaults"] == {"severity": "medium", "threshold": 10, "timespan_seconds": 600}
    assert "title: Brute force" in detection["file"]["text"]
    changed = [one for one in await stage.announced() if isinstance(one, DetectionConfigurationChanged)]
    assert {(one.data.setting, one.data.before, one.data.after) for one in changed} == {
        ("severity", "medium", "high"),
        ("threshold", "10", "5.0"),
        ("window", "0:10:00", "0:20:00"),
    }
    assert {(one.actorid, one.data.rule_id, one.data.weakened, one.data.version) for one in changed} == {
        ("sam", "brute_force", False, 1)
    }
    (entry,) = await stage.audited()
    assert (entry["action"], entry["outcome"]) == ("monitoring.configuration.change", "done")


async def test_what_changes_nothing_makes_no_version(stage: Stage) -> None:
    await stage.sets(time_zone="UTC")

    assert await stage.version() == 0
    assert await stage.announced() == []


@pytest.mark.parametrize(
    ("weaker", "setting"),
    [
        ({"detections": {"brute_force": LIVE | {"mode": "off"}}}, "enabled"),
        ({"detections": {"brute_force": LIVE | {"mode": "shadow"}}}, "enabled"),
        ({"detections": {"many_countries": LIVE | {"severity": "high"}}}, "severity"),
        ({"detections": {"brute_force": LIVE | {"threshold": 11}}}, "threshold"),
        ({"detections": {"brute_force": LIVE | {"timespan_seconds": 300}}}, "window"),
        ({"trusted_networks": ["192.0.2.0/24"]}, "trusted_networks"),
        ({"vpn_networks": ["2001:db8::/32"]}, "vpn_networks"),
        ({"mobile_networks": ["192.0.2.0/24"]}, "mobile_networks"),
        ({"working_hours": {"days": [0, 1, 2, 3, 4], "begin": "07:00", "end": "18:00"}}, "working_hours"),
        ({"time_zone": "Europe/Berlin"}, "working_hours"),
    ],
)
async def test_what_weakens_anything_waits_for_another_person(
    stage: Stage, weaker: dict[str, Any], setting: str
) -> None:
    answer = await stage.sets(**weaker)

    change_id = requested(answer)
    assert [one["setting"] for one in answer.json()["change_request"]["weakens"]] == [setting]
    assert await stage.version() == 0
    assert (await stage.decides("approve", change_id)).json()["version"] == 1
    assert await stage.version() == 1
    assert {(one.actorid, one.data.weakened, one.data.approval_request_id) for one in await stage.announced()} == {  # type: ignore[attr-defined]
        ("sam", True, change_id)
    }


async def test_nobody_approves_or_denies_what_they_asked_for(stage: Stage) -> None:
    change_id = requested(await stage.sets(trusted_networks=["192.0.2.0/24"]))

    for verb in ("approve", "deny"):
        problem(await stage.decides(verb, change_id, by="sam"), 403, "self-approval")

    assert await stage.version() == 0
    refused = [one for one in await stage.audited() if one["outcome"] == "self-approval"]
    assert [one["action"] for one in refused] == [
        "monitoring.change_request.approve",
        "monitoring.change_request.deny",
    ]


@pytest.mark.parametrize("role", [Role.CLIENT_OWNER, Role.CLIENT_ADMIN, Role.APPROVER])
async def test_an_approver_reads_the_request_and_decides(stage: Stage, role: Role) -> None:
    change_id = requested(await stage.sets(trusted_networks=["192.0.2.0/24"]))

    shown = await stage.gets(f"change-requests/{change_id}", by="olga", roles=(role,))
    decided = await stage.decides("deny", change_id, role=role)

    assert shown["wanted"]["trusted_networks"] == ["192.0.2.0/24"]
    assert (decided.json()["state"], decided.json()["decided_by"]) == ("denied", "olga")
    problem(await stage.decides("approve", change_id), 409, "already-decided")
    assert await stage.version() == 0


async def test_only_who_asked_withdraws(stage: Stage) -> None:
    change_id = requested(await stage.sets(trusted_networks=["192.0.2.0/24"]))

    problem(await stage.decides("withdraw", change_id, by="olga"), 403, "not-yours")
    answer = await stage.decides("withdraw", change_id, by="sam", role=Role.CLIENT_SECURITY_ADMIN)

    assert answer.json()["state"] == "withdrawn"
    problem(await stage.decides("approve", change_id), 409, "already-decided")


async def test_an_unanswered_request_dies_after_a_day(stage: Stage) -> None:
    change_id = requested(await stage.sets(trusted_networks=["192.0.2.0/24"]))
    stage.clock.advance(timedelta(hours=24))

    problem(await stage.decides("approve", change_id), 409, "expired")
    await stage.sweeps()

    shown = await stage.gets("change-requests", roles=(Role.CLIENT_COMPLIANCE_AUDITOR,))
    assert [(one["change_id"], one["state"]) for one in shown["items"]] == [(change_id, "expired")]
    assert await stage.version() == 0


async def test_a_request_whose_base_has_moved_is_asked_for_again(stage: Stage) -> None:
    change_id = requested(await stage.sets(trusted_networks=["192.0.2.0/24"]))
    effective(await stage.sets(detections={"brute_force": LIVE | {"threshold": 5}}))

    problem(await stage.decides("approve", change_id), 409, "base-moved")

    found = await stage.gets("detection-configuration")
    assert (found["version"], found["trusted_networks"]) == (1, [])


async def test_of_two_changes_at_once_one_is_told_that_it_is_stale(stage: Stage) -> None:
    bodies = [settings(detections={"brute_force": LIVE | {"threshold": number}}) for number in (5, 6)]

    answers = await asyncio.gather(
        *(stage.asks("PUT", "detection-configuration", version=0, json=body) for body in bodies)
    )

    assert sorted(one.status_code for one in answers) == [200, 412]
    assert await stage.version() == 1


async def test_two_approvals_at_once_make_one_version(stage: Stage) -> None:
    change_id = requested(await stage.sets(trusted_networks=["192.0.2.0/24"]))

    answers = await asyncio.gather(*(stage.decides("approve", change_id, by=who) for who in ("olga", "otto")))

    assert sorted(one.status_code for one in answers) == [200, 409]
    assert await stage.version() == 1


async def test_without_if_match_nothing_is_set(stage: Stage) -> None:
    problem(await stage.asks("PUT", "detection-configuration", json=settings()), 428, "if-match-required")


async def test_the_same_post_again_is_carried_out_once(stage: Stage) -> None:
    body = {"user_id": "eve", "owner": "sam", "reason": "exercise", "ends_at": stage.after(hours=1)}
    key = {"Idempotency-Key": "k1"}

    answers = [await stage.asks("POST", "silences", json=body, headers=key) for _ in range(2)]

    assert [one.status_code for one in answers] == [202, 202]
    assert answers[0].json() == answers[1].json()
    assert len((await stage.gets("change-requests"))["items"]) == 1


async def test_a_silence_begins_with_its_approval_and_ends_with_its_time(stage: Stage) -> None:
    change_id = await stage.silences(user_id="eve", detection="brute_force")
    assert (await stage.gets("silences"))["items"] == []
    await stage.decides("approve", change_id)

    (silence,) = (await stage.gets("silences"))["items"]
    stage.clock.advance(timedelta(hours=2))
    await stage.sweeps()

    assert (silence["user_id"], silence["detection"]) == ("eve", "brute_force")
    assert (await stage.gets("silences"))["items"] == []
    begun, ended = await stage.announced()
    assert isinstance(begun, DetectionSilenced)
    assert (begun.actorid, begun.data.rule_id, begun.data.user_id) == ("sam", "brute_force", "eve")
    assert begun.data.approval_request_id == change_id
    assert isinstance(ended, SilenceEnded)
    assert (ended.data.silence_id, ended.data.rule_id, ended.data.reason) == (
        silence["silence_id"],
        "brute_force",
        "expired",
    )


async def test_a_silence_about_oneself_is_flagged_and_announced_with_both(stage: Stage) -> None:
    change_id = await stage.silences(user_id="sam")

    shown = await stage.gets(f"change-requests/{change_id}")
    await stage.decides("approve", change_id)

    assert shown["about_requester"] is True
    (begun,) = await stage.announced()
    assert isinstance(begun, DetectionSilenced)
    assert (begun.actorid, begun.data.user_id) == ("sam", "sam")


async def test_an_exception_that_names_oneself_is_flagged_too(stage: Stage) -> None:
    change_id = await stage.excepts(filter="s:\n  data.user_id: SAM\ncondition: not s\n")

    assert (await stage.gets(f"change-requests/{change_id}"))["about_requester"] is True


async def test_lifting_counts_at_once(stage: Stage) -> None:
    await stage.decides("approve", await stage.excepts())
    (exception,) = (await stage.gets("exceptions"))["items"]

    found = effective(await stage.asks("DELETE", f"exceptions/{exception['exception_id']}"))

    assert found["exceptions"] == []
    assert [type(one) for one in await stage.announced()] == [DetectionSilenced, SilenceEnded]
    stage.clock.advance(timedelta(days=31))
    await stage.sweeps()
    assert len(await stage.announced()) == 2
    problem(await stage.asks("DELETE", f"exceptions/{exception['exception_id']}"), 404, "not-found")


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"filter": "s:\n  data.user_id: a\ncondition: s\n"}, "filter:3"),
        ({"filter": "s:\n  data.usr: a\ncondition: not s\n"}, "filter:2"),
        ({"filter": "s:\n  data.user_id|no: a\ncondition: not s\n"}, "filter:2"),
        ({"filter": "s: [\n"}, "filter:1"),
        ({"detection": "nobody"}, "rule"),
        ({"ends_at": "2026-03-02T11:00:00Z"}, "ends_at"),
        ({"ends_at": "2026-07-02T11:00:00Z"}, "ends_at"),
    ],
)
async def test_an_exception_that_cannot_be_is_refused_with_its_place(
    stage: Stage, wrong: dict[str, str], where: str
) -> None:
    body = {"detection": "brute_force", "filter": FILTER, "owner": "sam", "reason": "x", "ends_at": stage.after(days=1)}

    answer = await stage.asks("POST", "exceptions", json=body | wrong)

    assert [one["where"] for one in problem(answer, 422, "invalid-configuration")["errors"]] == [where]


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"trusted_networks": ["192.0.2.1/24"]}, "trusted_networks.0"),
        ({"vpn_networks": ["192.0.2.0/24", "here"]}, "vpn_networks.1"),
        ({"mobile_networks": ["::/0"]}, "mobile_networks.0"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"working_hours": {"days": [1, 1], "begin": "08:00", "end": "18:00"}}, "working_hours.days"),
        ({"working_hours": {"days": [1], "begin": "8:00", "end": "18:00"}}, "working_hours.begin"),
        ({"working_hours": {"days": [1], "begin": "08:00", "end": "24:01"}}, "working_hours.end"),
        ({"detections": {"nobody": LIVE}}, "detections.nobody"),
        ({"detections": {"brute_force": LIVE | {"threshold": 0}}}, "detections.brute_force.threshold"),
        ({"detections": {"no_mfa": LIVE | {"threshold": 2}}}, "detections.no_mfa.threshold"),
        ({"detections": {"no_mfa": LIVE | {"timespan_seconds": 60}}}, "detections.no_mfa.timespan_seconds"),
        ({"detections": {"brute_force": LIVE | {"timespan_seconds": 59}}}, "detections.brute_force.timespan_seconds"),
        (
            {"detections": {"brute_force": LIVE | {"timespan_seconds": 31 * 86400}}},
            "detections.brute_force.timespan_seconds",
        ),
    ],
)
async def test_settings_that_cannot_be_are_refused_with_their_place(
    stage: Stage, wrong: dict[str, Any], where: str
) -> None:
    answer = await stage.sets(**wrong)

    assert [one["where"] for one in problem(answer, 422, "invalid-configuration")["errors"]] == [where]
    assert await stage.version() == 0


async def test_a_silence_about_everything_is_none(stage: Stage) -> None:
    body = {"owner": "sam", "reason": "quiet", "ends_at": stage.after(hours=1)}

    problem(await stage.asks("POST", "silences", json=body), 422, "invalid-configuration")


async def test_going_back_is_a_new_version_and_governed_where_it_weakens(stage: Stage) -> None:
    effective(await stage.sets(detections={"brute_force": LIVE | {"threshold": 5}}))
    effective(await stage.sets(detections={"brute_force": LIVE | {"threshold": 3}}))

    weaker = await stage.asks("POST", "detection-configuration/versions/1/restore", json={"reason": "too many"})
    change_id = str(weaker.json()["change_request"]["change_id"])
    await stage.decides("approve", change_id)

    found = await stage.gets("detection-configuration")
    assert (found["version"], found["detections"]["brute_force"]["threshold"]) == (3, 5)
    stricter = await stage.asks("POST", "detection-configuration/versions/2/restore", json={"reason": "now"})
    assert stricter.json()["state"] == "effective"
    versions = (await stage.gets("detection-configuration/versions"))["items"]
    assert [(one["version"], one["restored_version"], one["change_id"]) for one in versions] == [
        (4, 2, None),
        (3, 1, change_id),
        (2, None, None),
        (1, None, None),
    ]
    changes = await stage.gets("detection-configuration/versions/3/changes")
    assert [one["what"] for one in changes["changes"]] == ["detections.brute_force"]
    assert [one["setting"] for one in changes["weakens"]] == ["threshold"]


async def test_history_goes_on_with_a_cursor(stage: Stage) -> None:
    for number in (9, 8, 7):
        effective(await stage.sets(detections={"brute_force": LIVE | {"threshold": number}}))

    first = await stage.gets("detection-configuration/versions?limit=2")
    second = await stage.gets(f"detection-configuration/versions?limit=2&cursor={first['next']}")

    assert [one["version"] for one in (*first["items"], *second["items"])] == [3, 2, 1]
    assert second["next"] is None


async def test_a_version_is_never_changed_or_removed(stage: Stage) -> None:
    import asyncpg

    effective(await stage.sets(detections={"brute_force": LIVE | {"threshold": 5}}))

    for statement in ("update configuration_version set document = '{}'", "delete from configuration_version"):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with stage.database.transaction("acme") as transaction:
                await transaction.execute(statement)


async def test_what_one_tenant_sets_is_nobody_elses(stage: Stage) -> None:
    effective(await stage.sets(detections={"brute_force": LIVE | {"threshold": 5}}))
    change_id = await stage.silences(user_id="eve")

    assert await stage.version(tenant="globex") == 0
    assert (await stage.gets("change-requests", tenant="globex"))["items"] == []
    problem(await stage.decides("approve", change_id, tenant="globex"), 404, "not-found")
    async with stage.database.transaction("globex") as transaction:
        for table in ("configuration_version", "configuration_change", "configuration_running"):
            assert await transaction.fetchval(f"select count(*) from {table}") == 0  # noqa: S608 - constants
    assert (await stage.gets(f"change-requests/{change_id}"))["state"] == "requested"


async def test_one_detection_can_be_set_by_its_name_or_id(stage: Stage) -> None:
    body = LIVE | {"severity": "critical", "reason": "crown jewels"}

    by_name = await stage.asks("PUT", "detections/brute_force", version=0, json=body)
    by_id = await stage.asks("PUT", f"detections/{BRUTE_FORCE}", version=1, json=body | {"threshold": 4})

    assert effective(by_name)["detections"]["brute_force"]["severity"] == "critical"
    assert effective(by_id)["detections"]["brute_force"]["threshold"] == 4
    problem(await stage.asks("PUT", "detections/nobody", version=2, json=body), 404, "not-found")


async def test_what_ran_out_leaves_the_next_version_and_an_approval_of_it_is_no_fault(stage: Stage) -> None:
    change_id = await stage.silences(user_id="eve", ends_at=stage.after(hours=1))
    stage.clock.advance(timedelta(hours=2))

    approved = await stage.decides("approve", change_id)

    assert approved.json()["state"] == "approved"
    assert (await stage.gets("detection-configuration"))["silences"] == []
    assert await stage.announced() == []


async def test_own_rules_come_with_a_version_and_leave_with_another_person(stage: Stage) -> None:
    put = await stage.asks(
        "PUT", "own-rules/mine.yml", version=0, content=OWN, headers={"Content-Type": "application/yaml"}
    )
    assert effective(put)["own_rules"] == ["mine.yml"]
    effective(await stage.sets(detections={"five_failures": LIVE | {"severity": "critical"}}))
    listed = {one["id"]: one for one in (await stage.gets("detections"))["items"]}

    removed = await stage.asks("DELETE", "own-rules/mine.yml", version=2)
    await stage.decides("approve", requested(removed))

    assert (listed["five_failures"]["origin"], listed["five_failures"]["severity"]) == ("own", "critical")
    found = await stage.gets("detection-configuration")
    assert (found["own_rules"], found["detections"]) == ([], {})
    assert (await stage.gets("own-rules"))["files"] == {}


async def test_an_own_rule_in_shadow_is_rewritten_without_asking(stage: Stage) -> None:
    effective(await stage.asks("PUT", "own-rules", version=0, json={"files": {"mine.yml": OWN}}))
    shadow = requested(await stage.sets(detections={"five_failures": LIVE | {"mode": "shadow"}}))
    await stage.decides("approve", shadow)
    changed = OWN.replace("gte: 5", "gte: 50")

    found = await stage.asks("PUT", "own-rules/mine.yml", version=2, json={"text": changed})

    assert effective(found)["version"] == 3
    text = await stage.asks("GET", "own-rules/mine.yml")
    assert text.text == changed
