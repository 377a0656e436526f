"""Every table of every service's database, walked from the catalogue: a tenant's rows are for that tenant alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from shared.embedded.postgres import EmbeddedPostgres
from shared.persistence.migrate import migrate
from shared.persistence.provision import Logins, kept_passwords, provision, role_names
from shared.settings import SERVICES

UNFENCED = {service: {"inbox", "outbox", "due_work", "alembic_version"} for service in SERVICES}
"""docs/decisions/0003: ids and times that are claimed for many tenants in one statement, by logins with few rights."""

UNFENCED["monitoring"] |= {"checkpoint"}
"""docs/decisions/0003: the state of all tenants of a partition, in one row."""

UNFENCED["monitoring"] |= {"outbound_due"}
"""docs/decisions/0011: which target of which tenant is due when."""

UNFENCED["monitoring"] |= {"configuration_head", "monitoring_replica"}
"""Ids, numbers and times alone, so that one statement tells a process what is new for all tenants."""

_TABLES = """
select c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relowner::regrole::text as owner,
    exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id') as of_tenant,
    array(select pg_get_expr(polqual, polrelid) from pg_policy p where p.polrelid = c.oid) as readable,
    array(select pg_get_expr(polwithcheck, polrelid) from pg_policy p where p.polrelid = c.oid) as writable
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm', 'v', 'f') and n.nspname not in ('pg_catalog', 'information_schema', 'pg_toast')
order by c.relname
"""

_OF_TENANT = "(tenant_id = current_setting('nuxari.tenant'::text, true))"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, Logins]]]:
    """The superuser's DSN of a PostgreSQL as `nuxari-security provision` leaves it, and the logins of each service."""
    server = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"), fast=True)
    server.start()
    try:
        yield server.dsn, asyncio.run(_provisioned(server.dsn, tmp_path_factory.mktemp("secrets")))
    finally:
        server.stop()


async def _provisioned(dsn: str, secrets: Path) -> dict[str, Logins]:
    logins = {}
    for service in SERVICES:
        passwords = kept_passwords(service, directory=secrets)
        logins[service] = await provision(dsn, service, passwords=passwords)
        await asyncio.to_thread(migrate, service, logins[service].owner)
    return logins


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


def inside(admin_dsn: str, service: str) -> str:
    return admin_dsn.rsplit("/", 1)[0] + f"/nuxari_{service}"


async def tables(admin_dsn: str, service: str) -> list[asyncpg.Record]:
    async with connected(inside(admin_dsn, service)) as admin:
        return await admin.fetch(_TABLES)


@pytest.mark.parametrize("service", SERVICES)
async def test_every_table_is_fenced_for_its_owner_too_or_is_on_the_list_of_those_that_are_not(
    migrated: tuple[str, dict[str, Logins]], service: str
) -> None:
    found = await tables(migrated[0], service)

    open_to_all = {one["relname"] for one in found if not (one["relrowsecurity"] and one["relforcerowsecurity"])}
    assert open_to_all == UNFENCED[service]
    fenced = [one for one in found if one["relname"] not in open_to_all]
    assert fenced != []
    for one in fenced:
        assert one["of_tenant"], one["relname"]
        assert (one["readable"], one["writable"]) == ([_OF_TENANT], [_OF_TENANT]), one["relname"]


@pytest.mark.parametrize("service", SERVICES)
async def test_the_logins_of_a_service_own_nothing_and_go_around_nothing(
    migrated: tuple[str, dict[str, Logins]], service: str
) -> None:
    owner, login, relay = role_names(service)
    found = await tables(migrated[0], service)

    assert {one["owner"] for one in found} == {owner}
    async with connected(inside(migrated[0], service)) as admin:
        for role in (login, relay):
            rights = await admin.fetchrow("select rolsuper, rolbypassrls from pg_roles where rolname = $1", role)
            assert tuple(rights) == (False, False)
            memberships = "select count(*) from pg_auth_members where member = $1::regrole"
            assert await admin.fetchval(memberships, role) == 0
        grantees = await admin.fetch(
            "select distinct grantee from information_schema.role_table_grants where table_schema = 'public'"
        )
    assert {row["grantee"] for row in grantees} <= {owner, login, relay}


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_and_writes_rows_of_the_tenant_that_is_set_and_of_no_other(
    migrated: tuple[str, dict[str, Logins]], service: str
) -> None:
    admin_dsn, logins = migrated
    found = [one["relname"] for one in await tables(admin_dsn, service)]
    fenced = [name for name in found if name not in UNFENCED[service]]
    async with connected(inside(admin_dsn, service)) as admin:
        for name in fenced:
            await _put_a_row(admin, name)

    for dsn in (logins[service].service, logins[service].owner):
        async with connected(dsn) as connection:
            for name in fenced:
                seen = [await _rows(connection, name, tenant=tenant) for tenant in (None, "", "globex", "acme")]
                assert seen == [0, 0, 0, 1], (name, dsn.split(":")[1])
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await _write_as(connection, name, tenant="globex")


async def _put_a_row(admin: Any, table: str) -> None:
    """A row that has a tenant and nothing else; what else a row must have is taken away first."""
    constraints = await admin.fetch(
        "select conname from pg_constraint where conrelid = $1::regclass and contype <> 'n'", table
    )
    for row in constraints:
        await admin.execute(f'alter table {table} drop constraint if exists "{row["conname"]}" cascade')
    columns = await admin.fetch(
        "select attname from pg_attribute where attrelid = $1::regclass and attnum > 0 and attnotnull"
        " and attidentity = '' and not attisdropped",
        table,
    )
    for row in columns:
        await admin.execute(f'alter table {table} alter column "{row["attname"]}" drop not null')
    await admin.execute(f"insert into {table} (tenant_id) values ('acme')")  # noqa: S608 - a name from the catalogue


async def _rows(connection: Any, table: str, *, tenant: str | None) -> int:
    async with connection.transaction():
        if tenant is not None:
            await connection.execute("select set_config('nuxari.tenant', $1, true)", tenant)
        return int(await connection.fetchval(f"select count(*) from {table}"))  # noqa: S608 - a name from the catalogue


async def _write_as(connection: Any, table: str, *, tenant: str) -> None:
    """Write a row of another tenant."""
    async with connection.transaction():
        await connection.execute("select set_config('nuxari.tenant', $1, true)", tenant)
        await connection.execute(f"insert into {table} (tenant_id) values ('acme')")  # noqa: S608 - as above
