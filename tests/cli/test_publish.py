"""`nuxari-security publish` against a real Kafka."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from nuxari_events.access import Outcome, SignInCompleted
from nuxari_events.client import BrokerRefusedError, BrokerUnavailableError, Failure, NotPublishedError
from nuxari_events.envelope import Event
from nuxari_events.topics import PIM_LIFECYCLE

from services.cli.event_lines import Defaults, Line, Refusal, read_event
from services.cli.publish import Published, _send
from tests.cli.terminal import AT, Terminal

EXAMPLES = Path(__file__).parents[2] / "examples"


def a_sign_in(tenant: str, **changes: Any) -> dict[str, Any]:
    return {
        "type": "nuxari.access.sign_in_completed.v1",
        "subject": "alice",
        "tenantid": tenant,
        "data": {"user_id": "alice", "outcome": "failure"},
    } | changes


def an_activation(tenant: str) -> dict[str, Any]:
    data = {
        "activation_id": "a-1",
        "user_id": "alice",
        "role": "client_admin",
        "starts_at": AT.isoformat(),
        "ends_at": (AT + timedelta(hours=1)).isoformat(),
    }
    return a_sign_in(tenant, type="nuxari.pim.role_activated.v1", time=AT.isoformat(), data=data)


def lines(*events: object) -> bytes:
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in events)


def test_the_example_is_published_with_twelve_failures_and_a_success(terminal: Terminal, tenant: str) -> None:
    ran = terminal.run("publish", EXAMPLES / "brute-force.jsonl", "--tenant", tenant)

    events = [event for event in terminal.arrived(tenant=tenant) if isinstance(event, SignInCompleted)]
    assert (ran.exit_code, ran.output) == (0, "published 13 events: 13 to access.activity\n")
    assert [event.data.outcome for event in events] == [Outcome.FAILURE] * 12 + [Outcome.SUCCESS]
    assert events[11].time - events[0].time < timedelta(minutes=1)


def test_every_example_is_good(terminal: Terminal, tenant: str) -> None:
    for example in sorted(EXAMPLES.glob("*.jsonl")):
        ran = terminal.run("publish", example, "--tenant", tenant, "--json")

        assert (ran.exit_code, ran.json["refused"]) == (0, 0), example


def test_each_event_goes_to_the_topic_of_its_type(terminal: Terminal, tenant: str) -> None:
    ran = terminal.run("publish", "-", "--json", given=lines(a_sign_in(tenant), an_activation(tenant)))

    assert ran.json == {
        "published": 2,
        "refused": 0,
        "by_topic": {"access.activity": 1, "pim.lifecycle": 1},
        "refusals": [],
    }
    assert len(terminal.arrived(tenant=tenant)) == len(terminal.arrived(tenant=tenant, topic=PIM_LIFECYCLE)) == 1


def test_bad_lines_are_named_and_the_good_ones_published_and_the_exit_is_a_failure(
    terminal: Terminal, tenant: str
) -> None:
    given = lines(a_sign_in(tenant), b"{", a_sign_in(tenant, data={"user_id": "alice"}), a_sign_in(tenant))

    ran = terminal.run("publish", "-", given=given)

    assert ran.exit_code == 1
    assert "line 2: column 2: " in ran.output
    assert "line 3: data.outcome: Field required" in ran.output
    assert ran.one_error == "publish: 2 lines were refused, 2 events were published"
    assert len(terminal.arrived(tenant=tenant)) == 2


def test_as_json_the_refusals_are_in_the_object(terminal: Terminal, tenant: str) -> None:
    ran = terminal.run("publish", "-", "--json", given=lines(a_sign_in(tenant), b"[]"))

    assert (ran.exit_code, ran.json["published"], ran.json["refused"]) == (1, 1, 1)
    assert ran.json["refusals"] == [{"line": 2, "code": "not-json", "detail": "an event is a JSON object: {...}"}]


def test_more_events_than_one_batch_arrive_in_order(terminal: Terminal, tenant: str) -> None:
    given = lines(*(a_sign_in(tenant, id=f"e-{number}") for number in range(1203)))

    terminal.run("publish", "-", "--json", given=given)

    assert [event.id for event in terminal.arrived(tenant=tenant)] == [f"e-{number}" for number in range(1203)]


def test_now_moves_the_newest_event_to_now_with_all_times_and_new_ids(
    terminal: Terminal, tenant: str, tmp_path: Path
) -> None:
    older = a_sign_in(tenant, id="older", time=(AT - timedelta(minutes=5)).isoformat())
    file = tmp_path / "events.jsonl"
    file.write_bytes(lines(older, an_activation(tenant), a_sign_in(tenant)))

    before = datetime.now(UTC)
    ran = terminal.run("publish", file, "--now")
    after = datetime.now(UTC)

    moved, without_time = terminal.arrived(tenant=tenant)
    (activation,) = terminal.arrived(tenant=tenant, topic=PIM_LIFECYCLE)
    assert ran.exit_code == 0
    assert before <= activation.time <= after
    assert activation.data.ends_at - activation.time == timedelta(hours=1)
    assert activation.time - moved.time == timedelta(minutes=5)
    assert without_time.time == activation.time
    assert moved.id != "older"


def test_now_needs_a_file(terminal: Terminal) -> None:
    ran = terminal.run("publish", "-", "--now", given=b"")

    assert (ran.exit_code, "needs a file" in ran.one_error) == (1, True)


def test_a_broker_that_is_away_ends_it_with_its_address(tmp_path: Path) -> None:
    nowhere = Terminal("127.0.0.1:1", tmp_path)

    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1"):
        nowhere.run("publish", EXAMPLES / "brute-force.jsonl")


class Refusing:
    """A publisher that fails for every second event."""

    def __init__(self, failing: type[BrokerUnavailableError | NotPublishedError]) -> None:
        self._failing = failing

    async def publish_many(self, events: Iterable[Event]) -> None:
        failures = [Failure(event, BrokerRefusedError("there is no such topic")) for event in list(events)[1::2]]
        if self._failing is NotPublishedError:
            raise NotPublishedError(failures)
        raise BrokerUnavailableError("no Kafka broker answers", failures=failures)


async def refused(failing: type[BrokerUnavailableError | NotPublishedError], account: Published) -> list[Refusal]:
    line = Line(number=1, text=json.dumps(a_sign_in("acme")).encode(), size=1)
    event = read_event(line, defaults=Defaults(at=AT))
    assert isinstance(event, Event)
    events = {number: event.model_copy(update={"id": str(number)}) for number in (4, 5, 7)}
    return await _send(events, sender=Refusing(failing), published=account)  # type: ignore[arg-type]


async def test_an_event_that_the_broker_refuses_is_named_by_its_line() -> None:
    account = Published()

    refusals = await refused(NotPublishedError, account)

    assert refusals == [Refusal(line=5, code="not-published", detail="there is no such topic")]
    assert account.by_topic == {"access.activity": 2}


async def test_a_broker_that_goes_away_ends_it_with_what_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        await refused(BrokerUnavailableError, Published())

    assert capsys.readouterr().err == (
        "publish: no Kafka broker answers; 2 events were published, of 1 more it is not known\n"
    )


def test_a_file_that_does_not_exist_is_one_line_on_standard_error(terminal: Terminal) -> None:
    ran = terminal.run("publish", "missing.jsonl")

    assert (ran.exit_code, ran.output, ran.one_error) == (1, "", "publish: missing.jsonl: no such file")
