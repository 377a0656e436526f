import os
import subprocess
import sys

import pytest

from shared.settings import SERVICES
from tests.deploy.delivery import make_secrets


@pytest.fixture
def provision(tmp_path):
    """Calls the command with these settings, and with the secrets as files, as its container does."""
    directory = make_secrets(tmp_path / "secrets")

    def call(*, dsn=None, **settings):
        if dsn:
            (directory / "nuxari_postgres_dsn").write_text(dsn)
        return subprocess.run(
            [sys.executable, "-c", "from services import cli; cli.main()", "provision"],
            env=os.environ | {"NUXARI_SECRETS_DIR": str(directory), **settings},
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_called_again_it_changes_nothing(provision, kafka, postgres):
    dsn = f"{postgres}?sslmode=disable"

    first = provision(dsn=dsn, NUXARI_KAFKA_BOOTSTRAP_SERVERS=kafka)
    second = provision(dsn=dsn, NUXARI_KAFKA_BOOTSTRAP_SERVERS=kafka)

    assert (first.returncode, first.stderr) == (0, "")
    assert second.returncode == 0
    assert second.stdout == f"0 topics changed; databases are up to date: {', '.join(SERVICES)}\n"


def test_without_servers_it_says_which_settings_name_them(provision):
    refused = provision()

    assert refused.returncode == 1
    assert refused.stderr.startswith("provision: set NUXARI_KAFKA_BOOTSTRAP_SERVERS and NUXARI_POSTGRES_DSN")


def test_a_database_that_is_away_is_named_without_its_password(provision, kafka):
    refused = provision(dsn="postgresql://admin:s3cret@127.0.0.1:1/postgres", NUXARI_KAFKA_BOOTSTRAP_SERVERS=kafka)

    assert refused.returncode == 1
    assert refused.stderr.startswith("provision: PostgreSQL at 127.0.0.1:1 does not answer")
    assert "s3cret" not in refused.stderr
