"""`nuxari-security ingest` against a real Kafka."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from nuxari_events.access import RoleGranted, SignInCompleted
from nuxari_events.adapters import ADAPTERS

from services.cli.ingest import Format
from tests.adapters import test_cloudevents, test_keycloak, test_okta
from tests.adapters.entra_records import a_diagnostic, a_sign_in
from tests.cli.terminal import Terminal

CLOUDTRAIL = Path(__file__).parents[1] / "adapters" / "data" / "cloudtrail"


def a_record(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "eventVersion": "1.11",
        "eventID": f"e-{number}",
        "eventTime": f"2025-06-03T09:{number:02}:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "ListUsers",
        "recipientAccountId": "123456789012",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::123456789012:user/alice"},
    } | changes


def test_real_cloudtrail_files_become_events_and_all_is_accounted_for(terminal: Terminal, tenant: str) -> None:
    ran = terminal.run("ingest", "--from", "cloudtrail", CLOUDTRAIL, "--tenant", tenant, "--json")

    report = ran.json
    events = terminal.arrived(tenant=tenant)
    assert ran.exit_code == 0
    assert (report["files"], report["records"], report["events"], report["unread"]) == (12, 23, 23, 0)
    assert report["by_type"]["nuxari.access.sign_in_completed.v1"] == 1
    assert report["tenants"] == [tenant]
    assert report["remarks"]["kept as it is: sourceIPAddress"] == 9
    assert report["dropped"]["userIdentity.principalId"] == 23
    assert len(events) == 23
    assert [event.time for event in events] == sorted(event.time for event in events)
    assert any(isinstance(one, SignInCompleted) and one.data.administrative and one.data.mfa is False for one in events)
    assert any(isinstance(one, RoleGranted) and one.data.privileged for one in events)


def test_a_reader_sees_counts_remarks_and_what_was_dropped(terminal: Terminal, tenant: str) -> None:
    ran = terminal.run("ingest", "--from", "cloudtrail", CLOUDTRAIL, "--tenant", tenant)

    assert ran.exit_code == 0
    assert "23 events of 23 records in 12 files" in ran.output
    assert "kept as it is: sourceIPAddress" in ran.output
    assert "userIdentity.principalId" in ran.output
    assert "unread" not in ran.output


def test_without_a_tenant_each_account_is_one(terminal: Terminal, tmp_path: Path) -> None:
    file = tmp_path / "trail.json"
    file.write_text(json.dumps({"Records": [a_record(1), a_record(2, recipientAccountId="210987654321")]}))

    ran = terminal.run("ingest", "--from", "cloudtrail", file, "--json")

    assert ran.json["tenants"] == ["aws-123456789012", "aws-210987654321"]


def test_records_that_are_not_understood_are_kept_with_the_reason_and_are_no_failure(
    terminal: Terminal, tenant: str, tmp_path: Path
) -> None:
    strange = {"eventVersion": "2.0", "eventTime": "2025-06-03T09:00:00Z"}
    file = tmp_path / "trail.jsonl"
    file.write_text("\n".join([json.dumps(a_record(1)), json.dumps(strange), "{broken"]))

    ran = terminal.run("ingest", "--from", "cloudtrail", file, "--tenant", tenant, "--json")

    kept = Path(ran.json["unread_file"])
    assert (ran.exit_code, ran.json["events"], ran.json["unread"]) == (0, 1, 2)
    assert kept.parent == terminal.home / "unread"
    assert kept.stat().st_mode & 0o077 == 0
    broken, other = (json.loads(line) for line in kept.read_text().splitlines())
    assert broken == {
        "file": str(file),
        "number": 3,
        "code": "not-a-record",
        "detail": "a JSON object is needed",
        "record": "{broken",
    }
    assert (other["number"], other["code"], other["record"]) == (2, "unknown-version", strange)


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read(
    terminal: Terminal, tenant: str, tmp_path: Path
) -> None:
    (tmp_path / "good.json").write_text(json.dumps([a_record(1)]))
    (tmp_path / "cut.json").write_text('[{"eventTime": "2025')
    (tmp_path / "cut.json.gz").write_bytes(gzip.compress(b"[]" * 500)[:-9])

    ran = terminal.run("ingest", "--from", "cloudtrail", tmp_path, "--tenant", tenant, "--json")

    assert ran.exit_code == 1
    assert [Path(one["path"]).name for one in ran.json["bad_files"]] == ["cut.json", "cut.json.gz"]
    assert ran.one_error.startswith("ingest: 2 of 3 files could not be read: ")
    assert len(terminal.arrived(tenant=tenant)) == 1


def test_compressed_files_of_several_directories_are_read_in_order_of_time(
    terminal: Terminal, tenant: str, tmp_path: Path
) -> None:
    for region, numbers in (("eu-west-1", (7, 3)), ("us-east-1", (5, 1))):
        (tmp_path / region).mkdir()
        text = json.dumps({"Records": [a_record(number) for number in numbers]})
        (tmp_path / region / "trail.json.gz").write_bytes(gzip.compress(text.encode()))

    terminal.run("ingest", "--from", "cloudtrail", tmp_path, "--tenant", tenant)

    assert [event.id for event in terminal.arrived(tenant=tenant)] == ["e-1", "e-3", "e-5", "e-7"]


def test_the_same_files_again_make_the_same_events(terminal: Terminal, tenant: str, tmp_path: Path) -> None:
    shutil.copy(CLOUDTRAIL / "aws.persistence.iam-backdoor-role.json", tmp_path)

    for _ in range(2):
        terminal.run("ingest", "--from", "cloudtrail", tmp_path, "--tenant", tenant)

    first, again = terminal.arrived(tenant=tenant)
    assert first == again


def test_every_adapter_has_its_name_on_the_command_line() -> None:
    assert {one.value for one in Format} == set(ADAPTERS)


SAMPLES = {
    "cloudevents": test_cloudevents.an_event(),
    "entra": a_sign_in(50126),
    "keycloak": test_keycloak.a_user_event("LOGIN_ERROR", error="invalid_user_credentials"),
    "okta": test_okta.a_log_event("user.session.start", "FAILURE"),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_failed_sign_ins_of_every_format_become_failed_sign_ins(
    terminal: Terminal, tenant: str, tmp_path: Path, name: str
) -> None:
    (tmp_path / "log.json").write_text(json.dumps({"value": [SAMPLES[name]]}))

    ran = terminal.run("ingest", "--from", name, tmp_path, "--tenant", tenant, "--json")

    (event,) = terminal.arrived(tenant=tenant)
    assert (ran.exit_code, ran.json["published"], ran.json["unread"]) == (0, 1, 0)
    assert isinstance(event, SignInCompleted)
    assert event.data.outcome == "failure"


def test_records_of_several_keycloak_files_are_published_in_order_of_time(
    terminal: Terminal, tenant: str, tmp_path: Path
) -> None:
    for file, times in (("b.jsonl", (7, 3)), ("a.jsonl", (5, 1))):
        events = [test_keycloak.a_user_event(id=f"k-{time}", time=1748941200000 + time) for time in times]
        (tmp_path / file).write_text("\n".join(map(json.dumps, events)))

    terminal.run("ingest", "--from", "keycloak", tmp_path, "--tenant", tenant)

    arrived = terminal.arrived(tenant=tenant)
    assert [event.time.microsecond for event in arrived] == [1000, 3000, 5000, 7000]


def test_a_record_that_comes_twice_is_published_once_and_counted(
    terminal: Terminal, tenant: str, tmp_path: Path
) -> None:
    (tmp_path / "graph.json").write_text(json.dumps({"value": [a_sign_in(), a_sign_in(id="other")]}))
    (tmp_path / "storage.json").write_text(json.dumps({"records": [a_diagnostic(a_sign_in())]}))

    ran = terminal.run("ingest", "--from", "entra", tmp_path, "--tenant", tenant, "--json")

    assert (ran.json["records"], ran.json["published"], ran.json["duplicates"]) == (3, 2, 1)
    assert len(terminal.arrived(tenant=tenant)) == 2


def test_rejected_records_are_written_as_they_were_and_can_be_ingested_again(
    terminal: Terminal, tenant: str, tmp_path: Path
) -> None:
    line = '{"actor" : {"id":"unknown"},  "eventType": "user.session.start"}'
    spread = json.dumps({"strange": True}, indent=1)
    (tmp_path / "lines.jsonl").write_text(f"{json.dumps(SAMPLES['okta'])}\n{line}\n{{broken\n")
    (tmp_path / "spread.json").write_text(spread)
    rejected = tmp_path / "rejected"

    arguments = ("ingest", "--from", "okta", "--tenant", tenant, "--rejected", rejected, "--json")
    ran = terminal.run(*arguments, tmp_path / "lines.jsonl", tmp_path / "spread.json")
    again = terminal.run("ingest", "--from", "okta", "--tenant", tenant, "--json", rejected)

    assert (ran.exit_code, ran.json["unread"], ran.json["rejected_file"]) == (0, 3, str(rejected))
    assert sorted(rejected.read_text().splitlines()) == sorted([line, "{broken", '{"strange": true}'])
    assert rejected.stat().st_mode & 0o077 == 0
    assert again.json["unread_reasons"] == ran.json["unread_reasons"]


def test_a_file_of_rejected_records_is_there_and_empty_where_nothing_was_rejected(
    terminal: Terminal, tenant: str, tmp_path: Path
) -> None:
    (tmp_path / "log.json").write_text(json.dumps([SAMPLES["okta"]]))
    (tmp_path / "rejected").write_text("of an earlier run")

    arguments = ("--rejected", tmp_path / "rejected", "--tenant", tenant)
    terminal.run("ingest", "--from", "okta", tmp_path / "log.json", *arguments)

    assert (tmp_path / "rejected").read_text() == ""


@pytest.mark.parametrize(
    ("rejected", "reason"),
    [("log.json", "it is one of the files to read"), ("no/file", "its directory does not exist")],
)
def test_rejected_records_are_not_written_over_what_is_read_nor_nowhere(
    terminal: Terminal, tmp_path: Path, rejected: str, reason: str
) -> None:
    (tmp_path / "log.json").write_text("[]")

    ran = terminal.run("ingest", "--from", "okta", tmp_path / "log.json", "--rejected", tmp_path / rejected)

    assert ran.exit_code == 1
    assert reason in ran.one_error
    assert (tmp_path / "log.json").read_text() == "[]"


def test_a_reader_sees_why_records_were_not_understood_whatever_their_fields_are_called(
    terminal: Terminal, tenant: str, tmp_path: Path
) -> None:
    odd = test_keycloak.a_user_event() | {"half \ud83d [bold]": 1}
    (tmp_path / "log.jsonl").write_text(f"{json.dumps(odd)}\n{json.dumps({'strange': True})}\n")

    ran = terminal.run("ingest", "--from", "keycloak", tmp_path, "--tenant", tenant)

    assert ran.exit_code == 0
    assert "half ? [bold]" in ran.output
    assert "unknown-shape: neither `type`" in ran.output


def test_a_log_of_an_organisation_that_it_does_not_name_needs_a_tenant(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "log.json").write_text(json.dumps([SAMPLES["okta"]]))

    ran = terminal.run("ingest", "--from", "okta", tmp_path, "--json")

    assert (ran.exit_code, ran.json["events"], ran.json["unread"]) == (0, 0, 1)
    assert next(iter(ran.json["unread_reasons"])).startswith("no-tenant: ")


def test_a_path_that_does_not_exist_is_one_line_on_standard_error(terminal: Terminal) -> None:
    ran = terminal.run("ingest", "--from", "cloudtrail", "missing")

    assert (ran.exit_code, ran.one_error) == (1, "ingest: missing: no such file or directory")
