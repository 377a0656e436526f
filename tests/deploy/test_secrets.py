import stat

from services.identity.keys import Seal, SigningKeys
from shared.persistence.provision import kept_passwords
from shared.settings import SERVICES
from tests.deploy.delivery import make_secrets


def contents(directory):
    return {path.name: path.read_text() for path in directory.iterdir()}


def test_the_directory_is_its_owners_alone_and_the_files_are_readable_where_they_are_given(tmp_path):
    directory = make_secrets(tmp_path / "secrets")

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o444}


def test_a_directory_that_was_open_is_closed(tmp_path):
    (tmp_path / "secrets").mkdir(mode=0o755)

    directory = make_secrets(tmp_path / "secrets")

    assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_what_was_made_once_stays_as_it_is(tmp_path):
    first = contents(make_secrets(tmp_path / "secrets"))

    assert contents(make_secrets(tmp_path / "secrets")) == first


def test_no_two_secrets_are_the_same_and_each_has_256_bits(tmp_path):
    found = contents(make_secrets(tmp_path / "secrets"))

    passwords = [text for name, text in found.items() if name.endswith((".password", "_password", "sealing_key"))]
    assert len(set(passwords)) == len(passwords) == 3 * len(SERVICES) + 3
    assert {len(text) for text in passwords} == {43}


def test_a_services_dsn_has_the_password_that_its_login_is_made_with(tmp_path):
    directory = make_secrets(tmp_path / "secrets")

    for service in SERVICES:
        passwords = kept_passwords(service, directory=directory)
        login = f"nuxari_{service}"
        for name, role in (("database", login), ("relay", f"{login}_relay")):
            dsn = (directory / f"{service}_{name}_dsn").read_text()
            assert dsn == f"postgresql://{role}:{passwords[role]}@postgres:5432/{login}"


def test_an_own_postgresql_is_written_into_every_dsn_with_its_options(tmp_path):
    own = "postgresql://admin:p@db.example:6432/postgres?sslmode=require"

    found = contents(make_secrets(tmp_path / "secrets", NUXARI_POSTGRES_DSN=own))

    assert found["postgres_dsn"] == own
    dsns = [text for name, text in found.items() if name.endswith(("database_dsn", "relay_dsn"))]
    assert len(dsns) == 2 * len(SERVICES)
    assert all("@db.example:6432/nuxari_" in dsn and dsn.endswith("?sslmode=require") for dsn in dsns)


def test_identity_takes_the_keys_that_are_made(tmp_path):
    directory = make_secrets(tmp_path / "secrets")

    seal = Seal.kept_in(directory)
    assert seal.open(seal.close(b"secret", owner="ada"), owner="ada") == b"secret"
    (published,) = SigningKeys.kept_in(directory).document()["keys"]
    assert published["crv"] == "Ed25519"
    assert "d" not in published
