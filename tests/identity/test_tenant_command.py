"""`nuxari-security tenant create`, as it is typed, against a database as it is provisioned."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.identity.domain.credentials import INVITATION, read_ticket
from services.identity.domain.model import User
from tests.identity.stage import Migrated, Stage

COMMAND = (sys.executable, "-c", "from services.cli import main; main()")
FIELDS = {"tenant_id", "name", "owner_id", "owner_email", "invitation_token", "link", "expires_at"}


@dataclass(frozen=True)
class Shell:
    """A shell beside the service, with the service's settings."""

    environment: dict[str, str]

    def creates(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command
            [*COMMAND, "tenant", "create", *arguments],
            env=self.environment | more,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    async def created(self, *arguments: str) -> dict[str, Any]:
        done = await asyncio.to_thread(self.creates, *arguments, "--json")
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        (line,) = done.stdout.splitlines()
        return dict(json.loads(line))

    def refused(self, *arguments: str, **more: str) -> str:
        """The one line on standard error."""
        done = self.creates(*arguments, **more)
        assert done.returncode != 0
        assert done.stdout == ""
        (line,) = done.stderr.splitlines()
        return line


@pytest.fixture
def shell(migrated: Migrated, tmp_path: Path) -> Shell:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUXARI_")}
    own = {
        "NUXARI_DATABASE_DSN": migrated.service,
        "NUXARI_RELAY_DSN": migrated.relay,
        "NUXARI_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "NUXARI_PORT": "1",
        "NUXARI_IDENTITY_URL": "https://identity.acme.example",
        "NUXARI_HOME": str(tmp_path),
    }
    return Shell(kept | own)


async def test_a_tenant_is_made_with_a_link_that_makes_its_owner(shell: Shell, empty_stage: Stage) -> None:
    made = await shell.created("Acme Works", "--owner-email", "Olga@ACME.example")
    assert set(made) == FIELDS
    assert (made["name"], made["owner_email"]) == ("Acme Works", "olga@acme.example")
    assert made["link"] == f"https://identity.acme.example/accept#{made['invitation_token']}"
    lives = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=71, minutes=59) < lives <= timedelta(hours=72)

    stage, link = empty_stage, read_ticket(made["invitation_token"], kind=INVITATION)
    assert link is not None
    stage.tenant = made["tenant_id"]
    stage.clock.advance(datetime.now(UTC) - stage.now)
    owner = await stage.accepts(link)
    assert isinstance(owner, User)
    assert (owner.user_id, link.tenant_id) == (made["owner_id"], made["tenant_id"])
    assert [event.type.split(".")[2] for event in await stage.announced()] == [
        "tenant_created",
        "user_invited",
        "role_assigned",
        "user_activated",
    ]
    assert (await stage.the_log())[0].actor_id == "platform"


async def test_for_people_it_prints_the_link_on_one_line(shell: Shell) -> None:
    done = await asyncio.to_thread(shell.creates, "Acme", "--owner-email", "olga@acme.example", COLUMNS="40")

    assert done.returncode == 0, done.stderr
    tenant, owner, link, until = done.stdout.splitlines()
    assert tenant.startswith("tenant  ")
    assert owner.endswith("olga@acme.example")
    assert read_ticket(link.partition("#")[2], kind=INVITATION) is not None
    assert until.startswith("works until ")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("Acme", "--owner-email", "no address"), "an address such as olga@acme.example is needed"),
        (("a\nb", "--owner-email", "olga@acme.example"), "a tenant's name is one line of 1 to 256 characters"),
    ],
)
async def test_what_is_wrong_is_one_line_and_makes_nothing(
    shell: Shell, empty_stage: Stage, arguments: tuple[str, ...], says: str
) -> None:
    before = await empty_stage.rows("select count(*) from tenant")

    assert says in await asyncio.to_thread(shell.refused, *arguments)
    assert await empty_stage.rows("select count(*) from tenant") == before


async def test_a_database_that_is_away_is_one_line_without_its_password(shell: Shell) -> None:
    dsn = "postgresql://nuxari_identity:s3cret@127.0.0.1:1/nuxari_identity"
    said = await asyncio.to_thread(shell.refused, "Acme", "--owner-email", "o@acme.example", NUXARI_DATABASE_DSN=dsn)

    assert "s3cret" not in said
    assert "unreachable" in said
