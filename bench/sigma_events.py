"""A day of a tenant's access activity as JSON lines: ordinary traffic of many people, attacks at known places in it."""

from __future__ import annotations

import heapq
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

_BEGIN = datetime(2026, 3, 2, tzinfo=UTC)
_SOURCES = ("/nuxari/identity", "/connectors/aws/123456789012", "/connectors/entra/contoso")
_BROWSERS = (
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5",
)
_SCRIPT = "python-requests/2.32.4"
_COUNTRIES = ("DE", "FR", "NL", "US")
_ACTIONS = ("s3:GetObject", "s3:ListBuckets", "ec2:DescribeInstances", "sts:AssumeRole", "iam:GetUser")


@dataclass
class Traffic:
    """Makes the lines; the same seed makes the same ones."""

    events: int
    seed: int = 7
    people: int = 5000
    attacks_of_each_kind: int = 20
    planned: list[tuple[str, str]] = field(default_factory=list)
    """The title of the correlation that each attack is for, and its group."""

    def lines(self) -> Iterator[str]:
        """Yield the lines in the order of time."""
        self._random = random.Random(self.seed)  # noqa: S311 - traffic, not secrets
        attacks = sorted(self._attacks(), key=itemgetter(0))
        for number, one in enumerate(heapq.merge(self._ordinary(), attacks, key=itemgetter(0))):
            yield self._line(number, *one) + "\n"

    def _ordinary(self) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
        choose = self._random
        for number in range(self.events):
            at = _BEGIN + timedelta(days=1) * number / self.events
            person = f"person-{choose.randrange(self.people):05d}"
            where = {"ip": f"10.{choose.randrange(256)}.{choose.randrange(256)}.{choose.randrange(256)}"}
            where |= {"user_agent": choose.choice(_BROWSERS), "country": choose.choice(_COUNTRIES), "asn": 64500}
            where |= {"user_id": person, "user_name": f"{person}@example.com", "session_id": f"session-{number:09d}"}
            yield at, *self._kind(choose.random(), where)

    def _kind(self, chance: float, where: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        choose = self._random
        if chance < 0.3:
            outcome = "failure" if choose.random() < 0.05 else "success"
            return "sign_in_completed", where | {"outcome": outcome, "flow": "interactive", "mfa": True}
        if chance < 0.4:
            return "mfa_challenge_completed", where | {"method": choose.choice(("totp", "push")), "outcome": "approved"}
        if chance < 0.41:
            request = {"pim_request_id": "019cae5b-4d27-74e9-947d-3f1d5c398ef5"}
            return "role_granted", where | request | {"role": "auditor", "privileged": choose.random() < 0.5}
        done = {"action": choose.choice(_ACTIONS), "outcome": "success", "resource": "arn:aws:s3:::reports"}
        return "action_performed", where | done | {"application": "aws-cli"}

    def _attacks(self) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
        for number in range(self.attacks_of_each_kind):
            at = _BEGIN + timedelta(minutes=30 + 60 * number)
            who, ip = f"victim-{number:03d}", f"203.0.113.{number}"
            yield from self._guessing(at, f"{who}-a", ip)
            yield from self._spraying(at, f"198.51.100.{number}")
            yield from self._worn_down(at, f"{who}-b", ip)
            yield from self._grab(at, f"{who}-c", ip)

    def _guessing(self, at: datetime, who: str, ip: str) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
        self.planned.append(("Password guessing", who))
        for second in range(0, 300, 20):
            failed = {"user_id": who, "ip": ip, "outcome": "failure", "user_agent": _SCRIPT}
            yield at + timedelta(seconds=second), "sign_in_completed", failed

    def _spraying(self, at: datetime, ip: str) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
        self.planned.append(("Password spraying", ip))
        for number in range(12):
            failed = {"user_id": f"sprayed-{number}", "ip": ip, "outcome": "failure", "user_agent": _SCRIPT}
            yield at + timedelta(seconds=90 * number), "sign_in_completed", failed

    def _worn_down(self, at: datetime, who: str, ip: str) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
        self.planned += [("Push fatigue", who), ("A script signed in after pushes were denied", who)]
        for number in range(6):
            denied = {"user_id": who, "ip": ip, "method": "push", "outcome": "denied", "user_agent": _BROWSERS[0]}
            yield at + timedelta(seconds=40 * number), "mfa_challenge_completed", denied
        signed_in = {"user_id": who, "ip": ip, "outcome": "success", "user_agent": _SCRIPT, "application": "console"}
        yield at + timedelta(minutes=6), "sign_in_completed", signed_in

    def _grab(self, at: datetime, who: str, ip: str) -> Iterator[tuple[datetime, str, dict[str, Any]]]:
        self.planned.append(("A new privileged role, and secrets are read", who))
        yield at, "role_granted", {"user_id": who, "role": "owner", "privileged": True}
        read = {"user_id": who, "ip": ip, "action": "secretsmanager:GetSecretValue", "outcome": "success"}
        yield at + timedelta(minutes=20), "action_performed", read

    def _line(self, number: int, at: datetime, kind: str, data: dict[str, Any]) -> str:
        event = {
            "specversion": "1.0",
            "id": f"019cae09-414d-7163-923f-{number:012d}",
            "source": _SOURCES[number % 3],
            "type": f"nuxari.access.{kind}.v1",
            "time": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "subject": data["user_id"],
            "tenantid": "0199c1a0-7c00-7b3e-8a51-3f1d5c2e9a10",
            "datacontenttype": "application/json",
            "data": data,
        }
        return json.dumps(event)
