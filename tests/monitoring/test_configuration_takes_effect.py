"""What is set counts in every process within seconds, without a restart; what cannot be taken up leaves what runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from services.monitoring.domain.configuration import Configuration, Mode, Silence, Tuning
from services.monitoring.domain.effective import Effective, effective
from services.monitoring.domain.model import Alert, Entity, Suppression
from services.monitoring.domain.silencing import SilencedAlert, Silencer, silenced_by
from services.monitoring.service.rulebooks import Rulebooks
from services.monitoring.sigma.filters import silenced
from tests.access.credentials import NOON
from tests.monitoring.configured import (
    BRUTE_FORCE,
    FILTER,
    MANY_COUNTRIES,
    NO_MFA,
    OWN,
    OWN_ID,
    SUCCESS_AFTER,
    Stage,
    a_pack,
    counting,
    following,
    staged,
)
from tests.monitoring.configured import effective as counts
from tests.monitoring.test_configuration_changes import LIVE
from tests.waiting import until

SOON = timedelta(seconds=3)


@pytest.fixture
async def stage(monitoring_database: dict[str, str]) -> AsyncIterator[Stage]:
    async with staged(monitoring_database) as found:
        yield found


def made(**what: Any) -> Effective:
    pack = a_pack()
    return effective(pack.rules, raising=pack.raising, configuration=Configuration(**what))


def test_without_anything_set_the_pack_is_what_counts() -> None:
    pack, found = a_pack(), made()

    assert found.rules == pack.rules
    assert {rule: one.severity for rule, one in found.raising.items()} == {
        BRUTE_FORCE: "medium",
        SUCCESS_AFTER: "high",
        NO_MFA: "low",
        MANY_COUNTRIES: "critical",
    }


def test_what_is_off_runs_only_where_another_rests_on_it() -> None:
    off = Tuning(mode=Mode.OFF)

    some = made(tunings={BRUTE_FORCE: off, NO_MFA: off})
    both = made(tunings={BRUTE_FORCE: off, SUCCESS_AFTER: off, MANY_COUNTRIES: off})

    assert set(some.raising) == {SUCCESS_AFTER, MANY_COUNTRIES}
    assert [one.head.id for one in some.rules.correlations] == [BRUTE_FORCE, SUCCESS_AFTER, MANY_COUNTRIES]
    assert NO_MFA not in some.rules.selections
    assert both.rules.correlations == ()
    assert set(both.raising) == {NO_MFA}


def test_numbers_modes_and_severities_are_as_they_were_set() -> None:
    found = made(
        tunings={
            BRUTE_FORCE: Tuning(threshold=5.0, timespan=timedelta(minutes=20), severity="high"),
            NO_MFA: Tuning(mode=Mode.SHADOW),
        }
    )

    rule = next(one for one in found.rules.correlations if one.head.id == BRUTE_FORCE)
    assert (rule.condition.number, rule.timespan) == (5, timedelta(minutes=20))  # type: ignore[union-attr]
    assert (found.raising[BRUTE_FORCE].severity, found.raising[NO_MFA].mode) == ("high", "shadow")


async def test_a_change_counts_in_another_process_within_seconds(stage: Stage) -> None:
    async with following(stage.replica("one")) as one, following(stage.replica("two")) as two:
        before, told = two.made_for("acme"), list[str]()
        two.on_change(told.append)

        counts(await stage.sets(detections={"brute_force": LIVE | {"severity": "high"}}))

        await until(lambda: one.of("acme").version == two.of("acme").version == 1, within=SOON, what="version 1")
        assert two.made_for("acme") is not before
        assert two.made_for("acme") is two.made_for("acme")
        assert two.made_for("globex") is before
        assert told == ["acme"]
        ready = {each.name: each.about for each in two.made_for("acme").ready}
        assert ready["brute_force"].severity == "high"


async def test_a_change_counts_also_where_nobody_was_told(stage: Stage) -> None:
    """Without a connection that listens, looking every two seconds finds it."""
    deaf = stage.replica("deaf")
    deaf._listening._channel = "something_else"
    async with following(deaf):
        counts(await stage.sets(detections={"brute_force": LIVE | {"severity": "high"}}))

        await until(lambda: deaf.of("acme").version == 1, within=SOON, what="version 1")


async def test_a_process_that_starts_has_what_was_set_before(stage: Stage) -> None:
    counts(await stage.sets(detections={"brute_force": LIVE | {"severity": "high"}}))

    async with following(stage.replica("late", make=counting)) as late:
        assert late.made_for("acme").raising[BRUTE_FORCE].severity == "high"


async def test_the_status_says_what_each_process_runs(stage: Stage) -> None:
    async with following(stage.replica("one")), following(stage.replica("two")):
        assert (await stage.gets("detection-configuration/status"))["effective"] is True
        counts(await stage.sets(detections={"brute_force": LIVE | {"severity": "high"}}))

        async def all_run_it() -> bool:
            status = await stage.gets("detection-configuration/status")
            return [one["version"] for one in status["replicas"]] == [1, 1]

        await until(all_run_it, within=SOON, what="version 1 everywhere")
        status = await stage.gets("detection-configuration/status")
        assert (status["wanted"], status["effective"]) == (1, True)
        assert [one["replica"] for one in status["replicas"]] == ["one", "two"]


async def test_what_cannot_be_compiled_leaves_what_runs_and_says_why(stage: Stage) -> None:
    def make(configuration: Configuration, found: Effective) -> Effective:
        if configuration.version == 2:
            raise RuntimeError("out of registers")
        return found

    async with following(stage.replica("one", make=make)) as one:
        for version in (1, 2):
            counts(await stage.sets(detections={"brute_force": LIVE | {"threshold": 10 - version}}))
            tried = partial(_status_says, stage, "one", wanted=version)
            await until(tried, within=SOON, what="that it was tried")

        assert one.of("acme").version == 1
        status = await stage.gets("detection-configuration/status")
        assert (status["wanted"], status["effective"]) == (2, False)
        assert "RuntimeError" in status["replicas"][0]["error"]
        counts(await stage.sets(detections={"brute_force": LIVE | {"threshold": 7}}))
        await until(lambda: one.of("acme").version == 3, within=SOON, what="the next one")
        assert (await stage.gets("detection-configuration/status"))["wanted"] == 3


async def _status_says(stage: Stage, replica: str, *, wanted: int) -> bool:
    rows = await stage.rows("select wanted from configuration_running where replica = $1", replica)
    return bool(rows) and rows[0]["wanted"] == wanted


async def test_a_pack_that_breaks_own_rules_leaves_all_the_rest_at_a_start(stage: Stage) -> None:
    counts(await stage.asks("PUT", "own-rules/mine.yml", version=0, json={"text": OWN}))
    counts(await stage.sets(detections={"no_mfa": LIVE | {"severity": "critical"}}))
    await stage.rows(
        "update configuration_version set document = jsonb_set(document, '{own_rules,mine.yml}', to_jsonb($1::text))",
        OWN.replace("sign_in_failed", "gone"),
    )

    async with following(stage.replica("one", make=counting)) as one:
        found = one.made_for("acme")

        assert OWN_ID not in found.raising
        assert found.raising[NO_MFA].severity == "critical"
        (shown,) = (await stage.gets("detection-configuration/status"))["replicas"]
        assert "mine.yml:7" in shown["error"]


async def test_own_rules_and_exceptions_are_part_of_what_counts(stage: Stage) -> None:
    counts(await stage.asks("PUT", "own-rules/mine.yml", version=0, json={"text": OWN}))
    await stage.decides("approve", await stage.excepts(detection="five_failures", filter=FILTER))

    async with following(stage.replica("one", make=counting)) as one:
        found = one.made_for("acme")

    assert found.raising[OWN_ID].severity == "high"
    assert [each.head.id for each in found.rules.correlations][-1] == OWN_ID
    (exception,) = found.exceptions
    assert (exception.rule, exception.reason) == (OWN_ID, "backup job")
    assert exception.ends_ms - exception.begins_ms == timedelta(days=30) // timedelta(milliseconds=1)


def an_alert(**what: Any) -> SilencedAlert:
    given = {"rule": "brute_force", "severity": "high", "title": "Brute force"}
    return SilencedAlert(**given | {"users": frozenset({"eve"}), "group": {"user_id": "eve"}} | what)  # type: ignore[arg-type]


def a_silence(**what: Any) -> Silence:
    ends = {"begins_at": NOON, "ends_at": NOON + timedelta(hours=1)}
    return Silence(**{"id": "s1", "owner": "sam", "reason": "exercise"} | ends | what)


@pytest.mark.parametrize(
    ("silence", "alert", "covers"),
    [
        ({"user_id": "eve"}, {}, True),
        ({"user_id": "bob"}, {}, False),
        ({"rule": BRUTE_FORCE}, {}, True),
        ({"rule": NO_MFA}, {}, False),
        ({"rule": BRUTE_FORCE, "user_id": "bob"}, {}, False),
        ({"condition": "s: {severity: [low, high], group.user_id: EVE}\ncondition: s"}, {}, True),
        ({"condition": "s: {severity: low}\ncondition: s"}, {}, False),
        ({"condition": "s: {entity.ip|cidr: 192.0.2.0/24}\ncondition: s"}, {"entities": {"ip": ["192.0.2.7"]}}, True),
        ({"user_id": "eve", "ends_at": NOON + timedelta(minutes=30)}, {}, False),
        ({"user_id": "eve", "begins_at": NOON + timedelta(minutes=31)}, {}, False),
    ],
)
def test_a_silence_covers_what_it_is_about(silence: dict[str, Any], alert: dict[str, Any], *, covers: bool) -> None:
    one = a_silence(**silence)
    conditions = {"s1": silenced(one.condition)} if one.condition else {}

    found = Silencer([one], conditions=conditions, names={BRUTE_FORCE: "brute_force"}).covering(
        an_alert(**alert), at=NOON + timedelta(minutes=30)
    )

    assert found == ((one,) if covers else ())


def test_a_silence_whose_condition_cannot_be_read_covers_nothing() -> None:
    one = a_silence(condition="s: [")

    assert Silencer([one]).covering(an_alert(), at=NOON) == ()


async def test_a_rulebook_is_opened_once_for_the_same_files() -> None:
    books = Rulebooks(a_pack)

    assert await books.opened({"a.yml": OWN}) is await books.opened({"a.yml": OWN})
    assert await books.opened({}) is books.plain
    assert (await books.as_far_as_readable({"a.yml": "title: ["})) is books.plain


def found_by_the_engine(**what: Any) -> Alert:
    """An alert about eve, as the engine makes it."""
    given: dict[str, Any] = {"alert_id": "a1", "tenant": "acme", "rule_id": "brute_force", "rule_number": 1}
    given |= {"rule_title": "Brute force", "rule_version": "1", "severity": "high", "summary": "ten failures"}
    given |= {"group": {"user_id": "eve"}, "entities": (Entity("user", "eve"), Entity("ip", "192.0.2.7"))}
    given |= {"after_ms": 0, "until_ms": 1, "value": 10.0, "threshold": 10.0, "first_seen_ms": 0, "last_seen_ms": 1}
    return Alert(**given | {"related_events_count": 10, "evidence": (), "attack": ()} | what)


def test_an_alert_under_a_silence_is_suppressed_and_says_by_which() -> None:
    silencer = Silencer([a_silence(user_id="eve"), a_silence(id="s2", user_id="bob")])
    excepted = Suppression("exception", "x1", "backup job", 3)

    during = silenced_by(found_by_the_engine(suppressed_by=(excepted,)), silencer, at=NOON)
    later = silenced_by(found_by_the_engine(), silencer, at=NOON + timedelta(hours=1))

    assert during.is_suppressed
    assert during.suppressed_by == (excepted, Suppression("silence", "s1", "exercise", 10))
    assert later == found_by_the_engine()


def test_an_alerts_entities_are_seen_by_their_kind() -> None:
    one = a_silence(condition="s: {entity.ip: 192.0.2.7, rule: brute_force}\ncondition: s")

    assert silenced_by(
        found_by_the_engine(), Silencer([one], conditions={"s1": silenced(one.condition or "")}), at=NOON
    ).is_suppressed
