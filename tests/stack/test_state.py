import os
import subprocess
import sys
from types import SimpleNamespace

import psutil
import pytest

from services.stack import state
from services.stack.state import Process, State

SLEEPER = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)",
]


@pytest.fixture
def sleeper():
    with subprocess.Popen(SLEEPER) as process:  # noqa: S603 - our own script
        yield process
        process.kill()


def described(pid, *, name="greeter"):
    server = SimpleNamespace(child=SimpleNamespace(pid=pid), name=name, url="http://127.0.0.1:1", stop_signal=15)
    process = Process.of(server)
    assert process is not None
    return process


def saved(home, *processes):
    found = State(os.getpid(), "127.0.0.1:19092", "127.0.0.1:15432", processes)
    found.save(home)
    return found


def test_what_was_written_down_is_read_again(tmp_path, sleeper):
    written = saved(tmp_path, described(sleeper.pid))

    assert state.load(tmp_path) == written
    state.forget(tmp_path)
    assert state.load(tmp_path) is None


def test_a_process_that_got_the_number_of_one_of_ours_is_left_alone(tmp_path, sleeper):
    ours = described(sleeper.pid)
    reused = Process(ours.name, ours.pid, ours.started - 3600, ours.url)
    saved(tmp_path, reused)

    assert state.end_leftovers(tmp_path) == []
    assert sleeper.poll() is None


def test_what_a_killed_stack_left_running_is_ended(tmp_path, sleeper):
    process = described(sleeper.pid)
    saved(tmp_path, process)

    assert state.end_leftovers(tmp_path) == [process]

    assert process.found() is None


def test_a_leftover_that_does_not_listen_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(state, "_GRACE_SECONDS", 0.1)
    with subprocess.Popen(DEAF, stdout=subprocess.PIPE) as deaf:  # noqa: S603 - our own script
        deaf.stdout.readline()
        process = described(deaf.pid, name="kafka")
        saved(tmp_path, process)

        state.end_leftovers(tmp_path)

        assert process.found() is None


def test_a_home_is_for_one_stack_at_a_time(tmp_path):
    first = state.lock(tmp_path / "home")
    assert first is not None
    assert state.lock(tmp_path / "home") is None

    first.close()

    second = state.lock(tmp_path / "home")
    assert second is not None
    second.close()


def test_a_zombie_counts_as_ended(sleeper):
    process = described(sleeper.pid)
    psutil.Process(sleeper.pid).kill()

    while psutil.Process(sleeper.pid).status() != psutil.STATUS_ZOMBIE:
        os.sched_yield()

    assert process.found() is None
