import stat

import asyncpg
import pytest

from shared.persistence.provision import dsn_of, kept_passwords, provision, role_names
from shared.persistence.scram import scram_verifier

SERVICES = ("provisioned_one", "provisioned_two")


@pytest.fixture
async def provisioned(postgres, tmp_path):
    """The DSNs of two services; databases and roles are dropped afterwards."""
    yield {
        service: await provision(postgres, service, passwords=kept_passwords(service, directory=tmp_path))
        for service in SERVICES
    }
    admin = await asyncpg.connect(postgres)
    for service in SERVICES:
        await admin.execute(f"drop database nuxari_{service} with (force)")
        for role in role_names(service):
            await admin.execute(f"drop role {role}")
    await admin.close()


async def answer(dsn, query):
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetch(query)
    finally:
        await connection.close()


async def test_no_login_is_a_superuser_or_goes_around_row_level_security(provisioned, postgres):
    rows = await answer(postgres, "select * from pg_roles where rolname like 'nuxari_provisioned%'")

    assert len(rows) == 6
    for row in rows:
        rights = ("rolsuper", "rolbypassrls", "rolcreatedb", "rolcreaterole", "rolreplication")
        assert not any(row[right] for right in rights), row["rolname"]


async def test_a_right_that_everybody_had_is_taken_back(provisioned, postgres, tmp_path):
    logins = provisioned["provisioned_one"]
    inside = postgres.rsplit("/", 1)[0] + "/nuxari_provisioned_one"
    await answer(inside, "grant create on schema public to public")

    await provision(postgres, "provisioned_one", passwords=kept_passwords("provisioned_one", directory=tmp_path))

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await answer(logins.service, "create table refused (a int)")


async def test_only_the_owner_may_make_tables(provisioned):
    logins = provisioned["provisioned_one"]
    await answer(logins.owner, "create table made (a int)")

    for dsn in (logins.service, logins.relay):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await answer(dsn, "create table refused (a int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await answer(dsn, "create temporary table refused (a int)")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await answer(dsn, "select * from made")


async def test_no_login_gets_into_the_database_of_another_service(provisioned, tmp_path):
    owner, login, relay = role_names("provisioned_one")
    passwords = kept_passwords("provisioned_one", directory=tmp_path)

    for role in (owner, login, relay):
        foreign = dsn_of(provisioned["provisioned_two"].owner, "nuxari_provisioned_two", role, passwords[role])
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await answer(foreign, "select 1")


async def test_a_second_time_changes_nothing_and_keeps_the_passwords(provisioned, postgres, tmp_path):
    logins = provisioned["provisioned_one"]
    await answer(logins.owner, "create table kept as select 7 as a")

    again = await provision(
        postgres, "provisioned_one", passwords=kept_passwords("provisioned_one", directory=tmp_path)
    )

    assert again == logins
    assert [row["a"] for row in await answer(again.owner, "select a from kept")] == [7]


def test_passwords_are_for_their_owners_eyes_and_different(tmp_path):
    passwords = kept_passwords("identity", directory=tmp_path / "secrets")

    assert len(set(passwords.values())) == 3
    modes = {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "secrets").iterdir()}
    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700


def test_a_password_that_is_given_as_a_file_is_used(tmp_path):
    (tmp_path / "nuxari_identity.password").write_text("given by the operator\n")

    assert kept_passwords("identity", directory=tmp_path)["nuxari_identity"] == "given by the operator"


def test_the_server_is_not_told_the_password_itself():
    verifier = scram_verifier("correct horse battery staple")

    assert verifier.startswith("SCRAM-SHA-256$4096:")
    assert "horse" not in verifier
    assert verifier != scram_verifier("correct horse battery staple"), "each has a salt of its own"
