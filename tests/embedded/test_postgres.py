import asyncio
import contextlib
import os
import stat

import asyncpg
import psutil
import pytest

from shared.embedded import account
from shared.embedded.postgres import EmbeddedPostgres, is_answering


@contextlib.contextmanager
def started(server):
    server.start()
    try:
        yield server
    finally:
        server.stop()


@contextlib.asynccontextmanager
async def connected(dsn):
    connection = await asyncpg.connect(dsn)
    try:
        yield connection
    finally:
        await connection.close()


async def killed_with_a_row(server):
    async with connected(server.dsn) as connection:
        await connection.execute("create table kept (note text); insert into kept values ('still here')")
        server.child.kill()


async def kept_row(server):
    async with connected(server.dsn) as connection:
        return await connection.fetchval("select note from kept")


async def test_a_row_outlives_a_server_that_is_killed_with_a_session_open(tmp_path):
    with started(EmbeddedPostgres(tmp_path)) as server:
        await killed_with_a_row(server)
        assert not is_answering(server.address)

        server.start()

        assert await kept_row(server) == "still here"
        assert is_answering(server.url)
    assert server.pid is None


async def test_a_pid_file_whose_number_is_somebody_elses_by_now_stops_no_start(tmp_path):
    with started(EmbeddedPostgres(tmp_path)) as server:
        await killed_with_a_row(server)
        pid_file = tmp_path / "data" / "postmaster.pid"
        _, rest = pid_file.read_text().split("\n", 1)
        pid_file.write_text(f"{os.getpid()}\n{rest}")

        server.start()

        assert await kept_row(server) == "still here"


async def test_only_the_generated_password_opens_it_and_only_its_owner_reads_that(tmp_path):
    with started(EmbeddedPostgres(tmp_path, fast=True)) as server:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"postgresql://nuxari_admin:guessed@{server.address}/postgres")

        assert stat.S_IMODE((tmp_path / "superuser-password").stat().st_mode) == 0o600
        assert {one.laddr.ip for one in psutil.Process(server.pid).net_connections()} == {"127.0.0.1"}


async def test_it_is_durable_unless_a_test_asks_for_speed(tmp_path):
    with started(EmbeddedPostgres(tmp_path)) as server:
        async with connected(server.dsn) as connection:
            settings = [await connection.fetchval(f"show {name}") for name in ("fsync", "synchronous_commit")]

    assert settings == ["on", "on"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root is refused by PostgreSQL")
async def test_where_namespaces_are_forbidden_root_runs_it_as_nobody(tmp_path, monkeypatch):
    monkeypatch.setattr(account, "_namespaces_work", lambda: False)
    with started(EmbeddedPostgres(tmp_path)) as server:
        await killed_with_a_row(server)
        server.start()

        assert await kept_row(server) == "still here"
        assert psutil.Process(server.pid).username() == "nobody"
        home = (tmp_path / "home-of-nobody").read_text()
    await asyncio.to_thread(account.shutil.rmtree, home)
