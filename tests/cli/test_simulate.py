"""`nuxari-security simulate` against a real Kafka, with a test that plays monitoring."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nuxari_events.alerts import AlertRaised
from nuxari_events.topics import CREDENTIAL_LIFECYCLE, IDENTITY_LIFECYCLE, PIM_LIFECYCLE

from tests.cli.terminal import Ran, Terminal, an_alert

SMALL = ("--users", "60", "--attacks", "7", "--duration", "2h", "--seed", "5", "--json")


def the_truth(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def alerts_of(truth: list[dict[str, Any]], tenant: str) -> Iterator[AlertRaised]:
    for attack in truth:
        for detection in attack["detections"]:
            yield an_alert(
                tenant,
                alert_id=f"{attack['attack_id']}-{detection['number']}",
                number=detection["number"],
                user_id=detection["group"]["user_id"],
                first=datetime.fromisoformat(attack["first_time"]),
                last=datetime.fromisoformat(attack["last_time"]),
            )


def test_with_nobody_watching_every_attack_is_missed_and_that_is_no_failure(terminal: Terminal, tenant: str) -> None:
    before = datetime.now(UTC)

    ran = terminal.run("simulate", *SMALL, "--tenant", tenant, "--rate", "0", "--settle", "0.5")

    result, truth = ran.json, the_truth(terminal.home / "simulations" / f"{tenant}.jsonl")
    arrived = [
        event
        for topic in (None, IDENTITY_LIFECYCLE, PIM_LIFECYCLE, CREDENTIAL_LIFECYCLE)
        for event in (terminal.arrived(tenant=tenant, topic=topic) if topic else terminal.arrived(tenant=tenant))
    ]
    assert ran.exit_code == 0
    assert {name: result[name] for name in ("attacks", "found", "missed", "false_alerts", "p50_ms", "p99_ms")} == {
        "attacks": 7,
        "found": 0,
        "missed": 7,
        "false_alerts": 0,
        "p50_ms": None,
        "p99_ms": None,
    }
    assert result["events"] == len(arrived)
    assert min(truth, key=lambda one: one["attack_id"])["kind"] == "brute_force"
    assert {id_ for attack in truth for id_ in attack["event_ids"]} <= {event.id for event in arrived}
    assert before - timedelta(hours=2, seconds=1) <= min(event.time for event in arrived)
    assert max(event.time for event in arrived) <= datetime.now(UTC)
    assert {event.source for event in arrived} == {
        "/simulator/access",
        "/simulator/identity",
        "/simulator/pim",
        "/simulator/credential",
    }


def test_what_is_announced_meanwhile_is_found_or_false_and_its_latency_is_measured(
    terminal: Terminal, tenant: str, tmp_path: Path
) -> None:
    truth_file = tmp_path / "truth.jsonl"
    with ThreadPoolExecutor() as pool:
        running = pool.submit(
            terminal.run,
            *("simulate", *SMALL, "--tenant", tenant, "--rate", "400", "--settle", "2", "--truth", str(truth_file)),
        )
        _until_first_event(terminal, tenant, running)
        truth = the_truth(truth_file)
        nothing = an_alert(tenant, alert_id="nothing", user_id="nobody")
        elsewhere = an_alert(f"{tenant}-other", alert_id="elsewhere")
        terminal.announce(*alerts_of(truth, tenant), nothing, elsewhere)
        ran = running.result()

    result = ran.json
    assert (result["attacks"], result["found"], result["missed"], result["false_alerts"]) == (7, 7, 0, 1)
    assert [one["alert_id"] for one in result["false_details"]] == ["nothing"]
    assert 0 <= result["p50_ms"] <= result["p99_ms"]
    assert result["truth"] == str(truth_file)
    assert result["by_detection"]["1"] == {"expected": 2, "found": 2, "missed": 0, "false_alerts": 1}


def _until_first_event(terminal: Terminal, tenant: str, running: Future[Ran]) -> None:
    """The reader of alerts is in place before the first event is published."""
    deadline = time.monotonic() + 30
    while not terminal.arrived(tenant=tenant):
        assert time.monotonic() < deadline
        assert not running.done(), running.result()


def test_strict_makes_a_miss_a_failure(terminal: Terminal, tenant: str) -> None:
    ran = terminal.run("simulate", *SMALL, "--tenant", tenant, "--rate", "0", "--settle", "0", "--strict")

    assert (ran.exit_code, ran.json["missed"]) == (1, 7)
    assert ran.one_error == "simulate: 7 attacks missed, 0 alerts raised for nothing"


def test_a_reader_sees_the_detections_what_was_missed_and_where_the_truth_is(terminal: Terminal, tenant: str) -> None:
    readable = [one for one in SMALL if one != "--json"]

    ran = terminal.run("simulate", *readable, "--tenant", tenant, "--rate", "0", "--settle", "0")

    assert ran.exit_code == 0
    assert "by detection" in ran.output
    assert "0 of 7 attacks found, 7 missed, 0 alerts raised for nothing" in ran.output
    assert f"{tenant}.jsonl" in ran.output


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--users", "10"), "simulate: 28 attacks need at least 86 users"),
        (("--duration", "10m"), "simulate: the simulated span is too short: at least 2h are needed"),
        (("--truth", "/proc/nowhere/truth.jsonl"), "simulate: the truth cannot be written: "),
    ],
)
def test_what_cannot_be_simulated_is_one_line_on_standard_error(
    terminal: Terminal, options: tuple[str, str], reason: str
) -> None:
    ran = terminal.run("simulate", *options)

    assert ran.exit_code == 1
    assert ran.one_error.startswith(reason)


def test_runs_without_a_tenant_do_not_mix(terminal: Terminal) -> None:
    tenants = {terminal.run("simulate", *SMALL, "--rate", "0", "--settle", "0").json["tenant"] for _ in range(2)}

    assert len(tenants) == 2
    assert all(name.startswith("sim-5-") for name in tenants)
