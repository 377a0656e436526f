"""A server process that is owned by pid: started, waited for until it answers, stopped, never searched for by name."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

LARGEST_LOG = 16 * 1024 * 1024
"""Bytes: a larger log is put aside as `.1` when its process is started."""

_PR_SET_PDEATHSIG = 1
_POLL_SECONDS = 0.05
_TAIL_BYTES = 4000

LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
"""Loaded here: a process that has threads may not load a library between fork and exec."""

_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="starter")
"""Starts every child. To the kernel a child's parent is the thread that started it; this one ends with the process."""


class StartError(Exception):
    """A server did not come up; the text is one line and ends with the last line of its log."""


def free_port() -> int:
    """Return a port on loopback that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_taken(port: int, *, host: str = "127.0.0.1") -> bool:
    """Say whether somebody listens on the port."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1):
        return True
    return False


def die_with_parent(stop: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel signal this process when its parent is gone (Linux; elsewhere the next start cleans up).

    The parent is the thread that starts it, not its process: `Child` starts all of them in one that stays.
    """
    if LIBC is not None:
        LIBC.prctl(_PR_SET_PDEATHSIG, stop)


class Child:
    """One server process and its log file."""

    def __init__(self, name: str, *, log: Path) -> None:
        self.name = name
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Its process id; None while it is not running."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """How it ended, a signal as a negative number; None while it runs or was never started."""
        return self._process.poll() if self._process is not None else None

    def start(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        prepare: Callable[[], None] = die_with_parent,
        user: str | None = None,
    ) -> None:
        """Start the command in a session of its own, so that a Ctrl-C at the terminal is its owner's to handle.

        Any thread may call this: the child ends with this process, not with the thread.
        """
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self._put_large_log_aside()
        owner = os.getpid()

        def in_the_child() -> None:
            prepare()
            if os.getppid() != owner:  # it ended before `prepare` could ask to be told
                os._exit(1)

        with self.log.open("ab") as output:
            self._process = _starter.submit(
                subprocess.Popen,
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(environment) if environment is not None else None,
                start_new_session=True,
                preexec_fn=in_the_child,
                user=user,
            ).result()

    def wait_until(
        self, answers: Callable[[], bool], *, within: timedelta, why: Callable[[], str] = lambda: ""
    ) -> None:
        """Wait until it answers.

        Args:
            answers: asked every few milliseconds.
            within: the deadline.
            why: says, at the deadline, what it answered instead, where that is known.

        Raises:
            StartError: it ended or is still silent at the deadline.
        """
        deadline = time.monotonic() + within.total_seconds()
        while not answers():
            if self.exit_code is not None:
                raise StartError(f"{self.name} ended with exit code {self.exit_code}: {self.last_words()}")
            if time.monotonic() > deadline:
                said = why() or self.last_words()
                raise StartError(f"{self.name} was not ready within {within.total_seconds():.0f} s: {said}")
            time.sleep(_POLL_SECONDS)

    def ask_to_stop(self, stop_signal: signal.Signals = signal.SIGTERM) -> None:
        """Tell it to end and do not wait."""
        if self._process is not None:
            self._process.send_signal(stop_signal)

    def stop(self, *, stop_signal: signal.Signals = signal.SIGTERM, grace: timedelta = timedelta(seconds=15)) -> None:
        """Ask it to end, wait, and kill it if it does not."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(stop_signal)
        try:
            self._process.wait(grace.total_seconds())
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None and self._process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def last_words(self) -> str:
        """Return the last line of its log that says something."""
        if not self.log.exists():
            return "no log"
        with self.log.open("rb") as log:
            log.seek(max(0, self.log.stat().st_size - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "an empty log") + f" (log: {self.log})"

    def _put_large_log_aside(self) -> None:
        if self.log.exists() and self.log.stat().st_size > LARGEST_LOG:
            self.log.replace(self.log.with_name(f"{self.log.name}.1"))
