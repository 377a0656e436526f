"""`rules run` and `rules lint`, as the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from services.cli import main; main()", "rules"]
EXAMPLES = Path(__file__).parents[2] / "examples"

RULES = """
title: Failed sign-in
name: failed
logsource: {product: nuxari}
detection:
  sign_in: {type: nuxari.access.sign_in_completed.v1, data.outcome: failure}
  condition: sign_in
---
title: Sign-in
name: success
logsource: {product: nuxari}
detection:
  sign_in: {type: nuxari.access.sign_in_completed.v1, data.outcome: success}
  condition: sign_in
---
title: Brute force
name: burst
correlation:
  type: event_count
  rules: [failed]
  group-by: [data.user_id]
  timespan: 10m
  condition: {gte: 10}
---
title: Brute force that worked
name: worked
correlation:
  type: temporal_ordered
  rules: [burst, success]
  group-by: [data.user_id]
  timespan: 30m
level: critical
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    file = tmp_path / "rules.yml"
    file.write_text(RULES)
    return file


def called(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - our own command
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_a_correlation_of_a_correlation_is_found_with_window_value_and_evidence(rules):
    done = called("run", rules, "--events", EXAMPLES / "brute-force.jsonl", "--json")

    assert done.returncode == 0, done.stderr
    (found,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert (found["rule_id"], found["level"], found["value"], found["threshold"]) == ("worked", "critical", 2, 2)
    assert found["group"] == {"user_id": "dana@example.com"}
    assert found["window"] == {"after": "2025-06-03T08:31:10.000Z", "until": "2025-06-03T09:01:10.000Z"}
    assert [one["line"] for one in found["evidence"]] == list(range(1, 14))
    assert found["evidence"][-1]["rule_id"] == "success"


def test_the_order_of_the_lines_changes_nothing(rules, tmp_path):
    lines = (EXAMPLES / "brute-force.jsonl").read_text().splitlines()
    shuffled = tmp_path / "shuffled.jsonl"
    shuffled.write_text("\n".join([*lines[::2], *lines[1::2]]))

    straight = called("run", rules, "--events", EXAMPLES / "brute-force.jsonl", "--json")
    mixed = called("run", rules, "--events", shuffled, "--json")

    def without_lines(text: str) -> list[dict[str, object]]:
        found = [json.loads(line) for line in text.splitlines()]
        return [one | {"evidence": [{**e, "line": 0} for e in one["evidence"]]} for one in found]

    assert without_lines(straight.stdout) == without_lines(mixed.stdout) != []


def test_lines_that_cannot_be_used_are_counted_and_said(rules, tmp_path):
    events = tmp_path / "events.jsonl"
    failed = '{"type": "nuxari.access.sign_in_completed.v1", "data": {"outcome": "failure"%s}%s}\n'
    lines = [failed % ("", ', "time": 1'), failed % (', "user_id": "u"', ""), "no json\n", "[1]\n", "\n"]
    events.write_text("".join(lines))

    done = called("run", rules, "--events", events, "--json")

    assert done.returncode == 0
    assert done.stdout == ""
    assert "1 matches have no time and were not correlated" in done.stderr
    assert "1 matches lack a field to group by" in done.stderr
    assert "1 lines were not evaluated: no JSON\n" in done.stderr
    assert "1 lines were not evaluated: no JSON object" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("title: x\nlogsource: {product: a}\ndetection:\n  s: {a|foo: 1}\n  condition: s\n", ":4: Unknown modifier"),
        ("a: [", "no YAML"),
        (RULES.replace("[failed]", "[nobody]"), "'nobody' not found"),
        (RULES.replace("10m", "10q"), ":22: Timespan '10q' is invalid"),
        (RULES.replace("[burst, success]", "[burst, worked]"), "never in a circle"),
        (RULES.replace("data.outcome: failure", "data.outcome|re: '(?=a)'"), ":6: Regular expression"),
    ],
)
def test_a_fault_is_named_with_its_line_and_nothing_is_run(tmp_path, text, said):
    file = tmp_path / "rules.yml"
    file.write_text(text)

    linted, ran = called("lint", file), called("run", file, "--events", EXAMPLES / "brute-force.jsonl")

    assert linted.returncode == ran.returncode == 1
    assert said in linted.stderr
    assert said in ran.stderr
    assert ran.stdout == ""
