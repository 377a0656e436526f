"""`nuxari-security rules`: what there is, stories, why, and what would have been raised in a real Kafka."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from nuxari_events import wire
from nuxari_events.access import Outcome, SignInCompleted, SignInData
from nuxari_events.ids import uuid7
from nuxari_events.topics import TOPICS

from services.cli.rules_files import texts_of
from services.monitoring.sigma.pack import pack
from tests.cli.terminal import Ran, Terminal

BRUTE_FORCE = "001-brute-force.yml"
STORY = """
detection: 1
cases:
  - says: three are enough
    events:
      - {at: 0s, times: 3, type: nuxari.access.sign_in_completed.v1, data: {user_id: ada, outcome: failure}}
    alerts: [{group: {user_id: ada}, value: 3}]
"""


@pytest.fixture
def console(tmp_path: Path) -> Terminal:
    """A terminal without a Kafka."""
    return Terminal("127.0.0.1:1", tmp_path / "home")


@pytest.fixture
def own_rules(tmp_path: Path) -> Path:
    """A directory with detection 1 from five failures on, and with a story about it."""
    directory = tmp_path / "rules"
    (directory / "tests").mkdir(parents=True)
    (directory / BRUTE_FORCE).write_text(pack().texts[BRUTE_FORCE].replace("gte: 10", "gte: 5"))
    (directory / "tests" / BRUTE_FORCE).write_text(STORY)
    return directory


def failure(tenant: str, user: str, number: int) -> SignInCompleted:
    time = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5) + timedelta(seconds=number)
    data = SignInData(user_id=user, outcome=Outcome.FAILURE)
    return SignInCompleted(id=uuid7(), source="/test", time=time, subject=user, tenantid=tenant, data=data)


def lines(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.output.splitlines()]


def test_the_list_has_every_detection_in_the_order_of_its_number(console: Terminal) -> None:
    found = lines(console.run("rules", "list", "--json"))
    table = console.run("rules", "list")

    assert [one["number"] for one in found] == sorted(one["number"] for one in found)
    assert {one["number"] for one in found} == set(range(1, 61))
    assert found[0]["event_types"] == ["nuxari.access.sign_in_completed.v1"]
    assert "brute_force_then_success" in table.output


@pytest.mark.parametrize("name", ["1", "brute_force", "1d0d6b0b-7a0f-4a57-9a3b-0b6f6f1c1a01"])
def test_a_detection_is_shown_by_its_number_name_or_id(console: Terminal, name: str) -> None:
    page = console.run("rules", "show", name).output
    found = console.run("rules", "show", name, "--json").json

    for part in ("Detection 1: Brute force", "T1110.001", "old password", "1. Look at", "data.user_id", "gte: 10"):
        assert part in page
    assert (found["name"], found["file"]) == ("brute_force", BRUTE_FORCE)


def test_a_detection_that_there_is_not_is_one_line_and_a_failure(console: Terminal) -> None:
    ran = console.run("rules", "show", "nothing")

    assert ran.exit_code == 1
    assert "there is no detection 'nothing'" in ran.one_error


def test_the_stories_of_the_pack_pass(console: Terminal) -> None:
    ran = console.run("rules", "test", "--json")

    assert ran.exit_code == 0
    assert all(one["passed"] for one in lines(ran))
    assert len({one["story"] for one in lines(ran)}) == 60


def test_a_story_that_ends_otherwise_is_said_and_a_failure(console: Terminal, own_rules: Path) -> None:
    beside = console.run("rules", "test", "--rules", own_rules)
    named = console.run("rules", "test", own_rules / "tests", "--json")

    assert (beside.exit_code, named.exit_code) == (1, 1)
    assert 'missing: {"group": {"user_id": "ada"}, "value": 3}' in beside.output
    assert [(one["case"], one["passed"]) for one in lines(named)] == [("three are enough", False)]
    assert named.one_error == "nuxari-security: 1 of 1 cases differ"


def test_stories_among_rules_are_no_rules(own_rules: Path) -> None:
    assert list(texts_of([own_rules])) == [str(own_rules / BRUTE_FORCE)]


def test_an_event_from_standard_input_is_explained_with_those_around_it(console: Terminal, tmp_path: Path) -> None:
    events = [failure("acme", "ada", number) for number in range(9)]
    around = tmp_path / "around.jsonl"
    around.write_bytes(b"".join(wire.encode(one).value + b"\n" for one in events))

    given = wire.encode(events[-1]).value
    ran = console.run("rules", "explain", "brute_force", "--event", "-", "--among", around, given=given)
    alone = console.run("rules", "explain", "1", "--event", "-", "--json", given=given).json

    assert "- value >= 10 in (" in ran.output
    assert ran.output.split("value >= 10")[1].splitlines()[0].endswith("]   9")
    assert 'it belongs to the group   data.user_id="ada"' in ran.output
    assert (alone["holds"], alone["rule"]) == (False, "brute_force")


def test_a_backtest_finds_what_was_stored_and_leaves_everything_as_it_is(
    terminal: Terminal, tenant: str, own_rules: Path
) -> None:
    terminal.announce(*(failure(tenant, "ada", number) for number in range(12)))
    terminal.announce(*(failure(tenant, "bob", number) for number in range(6)))
    before = asyncio.run(ends(terminal.bootstrap_servers))

    found = lines(terminal.run("rules", "backtest", "--since", "1h", "--tenant", tenant, "--json"))
    compared = lines(
        terminal.run("rules", "backtest", "--tenant", tenant, "--rules", own_rules, "--against", "pack", "--json")
    )
    everybody = terminal.run("rules", "backtest", "--since", "1h", "--rules", own_rules, "--against", "pack")

    assert [(one["rule"], one["group"], one["value"]) for one in found] == [("brute_force", {"user_id": "ada"}, 12.0)]
    assert {(one["difference"], one["group"]["user_id"]) for one in compared} == {
        ("changed", "ada"),
        ("only_new", "bob"),
    }
    assert "threshold: 10.0 -> 5.0" in everybody.output
    assert asyncio.run(ends(terminal.bootstrap_servers)) == before


def test_a_backtest_leaves_out_what_kafka_took_before(terminal: Terminal, tenant: str) -> None:
    terminal.announce(*(failure(tenant, "ada", number) for number in range(12)))
    now = datetime.now(UTC) + timedelta(seconds=1)

    ran = terminal.run("rules", "backtest", "--since", now.isoformat(), "--tenant", tenant, "--json")

    assert (ran.exit_code, ran.output) == (0, "")


async def ends(bootstrap_servers: str) -> dict[TopicPartition, int]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap_servers) as consumer:
        places = [TopicPartition(topic.name, number) for topic in TOPICS for number in range(topic.partitions)]
        found: dict[TopicPartition, int] = await consumer.end_offsets(places)
        return found
