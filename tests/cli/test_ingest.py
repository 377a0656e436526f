"""`nuxari-security ingest` against a real Kafka."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

from nuxari_events.access import RoleGranted, SignInCompleted

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
    assert [Path(one["path"]).name for one in ran.json["bad_files"]] == ["cut.json.gz", "cut.json"]
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


def test_a_path_that_does_not_exist_is_one_line_on_standard_error(terminal: Terminal) -> None:
    ran = terminal.run("ingest", "--from", "cloudtrail", "missing")

    assert (ran.exit_code, ran.one_error) == (1, "ingest: missing: no such file or directory")
