"""`nuxari-security alerts tail` against a real Kafka."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Self

import pytest
from nuxari_events import wire
from nuxari_events.alerts import Severity
from nuxari_events.envelope import Event
from nuxari_events.topics import SECURITY_ALERTS

from tests.cli.terminal import Terminal, an_alert


def test_as_json_every_alert_is_one_cloudevent_a_line_and_it_ends_by_itself(terminal: Terminal, tenant: str) -> None:
    first, second = an_alert(tenant), an_alert(tenant, alert_id="alert-2", severity=Severity.LOW)
    terminal.announce(first, second)

    ran = terminal.run("alerts", "tail", "--json", "--from-beginning", "--idle-exit", "1", "--tenant", tenant)

    lines = ran.output.splitlines()
    assert ran.exit_code == 0
    assert [wire.decode(SECURITY_ALERTS, value=line.encode()) for line in lines] == [first, second]
    assert json.loads(lines[0])["data"]["alert_id"] == "alert-1"


def test_alerts_of_other_tenants_are_left_out_only_when_a_tenant_is_named(terminal: Terminal, tenant: str) -> None:
    terminal.announce(an_alert(tenant), an_alert(f"{tenant}-other"))

    everyone = terminal.run("alerts", "tail", "--json", "--from-beginning", "--idle-exit", "1")
    mine = terminal.run("alerts", "tail", "--json", "--from-beginning", "--idle-exit", "1", "--tenant", tenant)

    assert {tenant, f"{tenant}-other"} <= {json.loads(line)["tenantid"] for line in everyone.output.splitlines()}
    assert [json.loads(line)["tenantid"] for line in mine.output.splitlines()] == [tenant]


def test_a_reader_sees_one_heading_and_a_row_for_each_alert(terminal: Terminal, tenant: str) -> None:
    terminal.announce(an_alert(tenant, user_id="dana"), an_alert(tenant, alert_id="alert-2", user_id="kim"))

    ran = terminal.run("alerts", "tail", "--from-beginning", "--idle-exit", "1", "--tenant", tenant)

    heading, *rows = ran.output.splitlines()
    assert heading.split() == ["time", "severity", "no.", "what", "tenant", "summary"]
    assert [row.split()[:5] for row in rows] == [["2025-06-03", "09:05:00", "high", "1", "raised"]] * 2
    assert "12 failed sign-ins of [dana] in 10 minutes" in rows[0]
    assert rows[1].index("kim") == rows[0].index("dana")


def test_without_from_beginning_only_what_comes_from_now_on_is_shown(terminal: Terminal, tenant: str) -> None:
    terminal.announce(an_alert(tenant))

    ran = terminal.run("alerts", "tail", "--json", "--idle-exit", "1", "--tenant", tenant)

    assert (ran.exit_code, ran.output) == (0, "")


class Odd:
    """A stream of nothing but two messages that are no alerts."""

    malformed, unknown = 1, 1

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def __aiter__(self) -> AsyncIterator[Event]:
        for _ in ():
            yield _


def test_what_is_no_alert_is_counted_beside_the_result(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.cli.alerts.alert_stream", lambda **_: Odd())

    ran = terminal.run("alerts", "tail", "--json")

    assert (ran.exit_code, ran.output) == (0, "")
    assert ran.one_error == "2 messages are no alerts of this version and were skipped"


@pytest.mark.parametrize("option", [("--idle-exit", "-1"), ("--tenant", "Not A Tenant")])
def test_an_option_that_makes_no_sense_is_refused(terminal: Terminal, option: tuple[str, str]) -> None:
    ran = terminal.run("alerts", "tail", *option)

    assert ran.exit_code == 2
    assert option[0] in ran.errors
